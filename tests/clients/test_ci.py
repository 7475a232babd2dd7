"""docs/ci.md: its commands, run as they stand, with a stand-in for GitHub that hands out tokens of GitHub's shape."""

import pytest

from issuer import GitHub
from surroundings import PROJECT
from tour import take


@pytest.mark.parametrize(("branch", "role"), [("main", "Deploy"), ("fix", "Build")])
def test_the_commands_of_the_page_give_a_job_its_role(own_server, branch, role):
    github = GitHub(f"refs/heads/{branch}")
    try:
        server = own_server("--upstream", github.upstream, command="dev")
        printed = take((PROJECT / "docs/ci.md").read_text(), server, **github.variables)
    finally:
        github.stop()
    assert printed[-1] == f"arn:aws:sts::123456789012:assumed-role/{role}/CognitoIdentityCredentials\n"
