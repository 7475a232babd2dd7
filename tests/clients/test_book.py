"""The book of docs/: its parts, its pages, and that a test runs each command block of its tutorials.

`packaging/build book` makes the book, and `packaging/test book` checks its links as mdBook writes them.
"""

import re
import sys

import pytest

from surroundings import HERE, PROJECT

sys.path.insert(0, str(PROJECT / "packaging"))
import book  # noqa: E402

TESTED = {
    ("docs/clients.md", "rust"): "test_the_rust_sdk_has_a_guest_by_the_code_of_the_page",
    ("docs/clients.md", "hcl"): "test_terraform_makes_the_pool_of_the_page",
    ("docs/moto.md", "sh start"): "test_users_of_a_user_pool_of_moto_have_credentials",
    ("docs/testing.md", "python conftest.py"): "test_the_pytest_fixtures_work",
    ("docs/testing.md", "python test_app.py"): "test_the_pytest_fixtures_work",
    ("docs/testing.md", "js app.test.mjs"): "test_the_node_test_works",
    ("docs/testing.md", "rust tests/cognate.rs"): "test_the_rust_test_works",
    ("docs/testing.md", "yaml compose"): "test_the_apps_users_of_an_http_issuer_by_name_have_credentials",
    ("docs/testing.md", "yaml github"): "test_the_jobs_of_ci_systems_work",
    ("docs/testing.md", "yaml gitlab"): "test_the_jobs_of_ci_systems_work",
}
"""The blocks outside of tours, and the test that runs each."""

BUILDING = ("README.md", "sh")
"""The block that builds Cognate and runs these tests: it has run before any of them."""


def summary():
    """The parts of the book, each with the paths of its pages."""
    parts = {}
    for line in (PROJECT / "docs/SUMMARY.md").read_text().splitlines():
        if line.startswith("# "):
            parts[line[2:]] = []
        elif found := re.search(r"\]\(([^)]+)\)", line):
            page = (PROJECT / "docs" / found[1]).resolve()
            parts[list(parts)[-1]].append(str(page.relative_to(PROJECT)))
    return parts


def test_the_book_has_four_parts_and_each_page_once():
    parts = summary()
    assert list(parts) == ["Summary", *book.PARTS]
    listed = [page for pages in parts.values() for page in pages]
    assert len(listed) == len(set(listed))
    pages = {str(page.relative_to(PROJECT)) for page in (PROJECT / "docs").rglob("*.md")}
    assert pages - set(listed) == {"docs/SUMMARY.md"}


def test_the_pages_link_to_nothing_outside_the_book(tmp_path):
    book.lay(tmp_path / "book")
    assert (tmp_path / "book/pages/index.md").exists()


@pytest.mark.parametrize("page", summary()["Tutorials"])
def test_a_test_runs_each_block_of_a_tutorial(page):
    blocks = re.findall(r"^```([^`\n]*)\n.*?^```$", (PROJECT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    tests = "".join(file.read_text() for file in HERE.glob("test_*.py"))
    for words in blocks:
        if "tour" in words.split() or (page, words) == BUILDING:
            continue
        assert (page, words) in TESTED, f"no test runs the block `{words}` of {page}"
        assert f"def {TESTED[page, words]}(" in tests
    if any("tour" in words.split() for words in blocks):
        assert re.search(rf'page\("{page.removeprefix("docs/")}"\)|"{page}"', tests), f"no test takes the tour of {page}"


def test_a_readme_is_an_index():
    text = "[a](README.md) [b](../x/README.md#c) [d](y.md) `README.md` [e](README.md.txt)"
    assert book.renamed(text) == "[a](index.md) [b](../x/index.md#c) [d](y.md) `README.md` [e](README.md.txt)"
    assert book.renamed("README.md") == "index.md"
