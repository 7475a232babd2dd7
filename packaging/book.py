#!/usr/bin/env python3
"""Lays out the pages for mdBook (`book.py lay FOLDER`), and checks the book that it makes (`book.py check FOLDER`).

The book keeps the paths of the repository, so that the links of the pages need no change, except that a README.md is an
index.md: mdBook renames these pages, but not the links to them.
"""

import json
import os
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

PROJECT = Path(__file__).resolve().parent.parent
PARTS = ["Tutorials", "How-to guides", "Reference", "Explanation"]


def linked(page):
    """The files of the repository to which a page links."""
    text = re.sub(r"^```.*?^```$|`[^`]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        target = re.sub(r"\s", "", target).split("#")[0]
        if target and "://" not in target:
            yield Path(os.path.normpath(page.parent / target))


def lay(folder):
    """Copies the pages of the summary and the files to which they link."""
    pages = folder / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    pages.mkdir(parents=True)
    shutil.copy(PROJECT / "packaging/book.toml", folder)
    summary = PROJECT / "docs/SUMMARY.md"
    chapters = set(linked(summary))
    files = {file for chapter in chapters for file in linked(chapter) if file.is_file()}
    for file in chapters | files:
        copy = pages / file.relative_to(PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            copy.with_name(renamed(copy.name)).write_text(renamed(file.read_text()))
        else:
            shutil.copy(file, copy)
    left_out = sorted(str(file.relative_to(PROJECT)) for file in files - chapters if file.suffix == ".md")
    assert not left_out, f"pages of the book link to pages that the summary lacks: {left_out}"

    def of_the_book(match):
        return f"]({os.path.relpath(summary.parent / match[1], PROJECT)})"

    (pages / "SUMMARY.md").write_text(renamed(re.sub(r"\]\(([^)]+)\)", of_the_book, summary.read_text())))


def renamed(text):
    """A name or a page, in which a README.md that isn't in a code span is an index.md."""
    return re.sub(r"(^|\]\((?:[^)]*/)?)README\.md(?=$|[)#])", r"\1index.md", text)


class Page(HTMLParser):
    """The targets and the anchors of a page of the book."""

    def __init__(self, file):
        super().__init__()
        self.links, self.anchors = [], {""}
        self.feed(file.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.add(attributes.get("id", ""))
        for name in ("href", "src"):
            if attributes.get(name):
                self.links.append(attributes[name])


def check(html):
    """Every link and anchor leads to a page or a file of the book, the parts are those of the summary, and search is on."""
    pages = {file: Page(file) for file in sorted(html.rglob("*.html")) if file.name not in ("404.html", "toc.html")}
    broken, links = [], 0
    for file, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            links += 1
            target = Path(os.path.normpath(file.parent / unquote(url.path))) if url.path else file
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(url.fragment)
            # The single page for printing has the pages' links in another form.
            found = target.exists() and (file.name == "print.html" or not anchor or anchor in pages[target].anchors)
            if not found:
                broken.append(f"{file.relative_to(html)}: {link}")
    assert not broken, "\n".join(broken)
    parts = re.findall(r"^# (.+)$", (PROJECT / "docs/SUMMARY.md").read_text(), re.MULTILINE)
    assert parts == ["Summary", *PARTS]
    indexes = list(html.rglob("searchindex*.js*"))
    assert indexes, "the book has no index for search"
    print(f"book: {len(pages)} pages, {links} links, an index of {max(f.stat().st_size for f in indexes) / 1e6:.1f} MB")


if __name__ == "__main__":
    {"lay": lay, "check": check}[sys.argv[1]](Path(sys.argv[2]))
