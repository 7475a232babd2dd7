"""`cognate apply` at a terminal, with the seed of the page, and the pool of the seed in boto3."""

import os
import pty
import re
import subprocess

from surroundings import BINARY, PROJECT, environment

POOL = "eu-west-1:11111111-2222-4333-8444-555555555555"


def page_seed(folder, account):
    """The seed of the page, for a server with this account."""
    text = (PROJECT / "docs/seeds.md").read_text()
    [seed] = [block for block in re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if POOL in block]
    file = folder / "photos.toml"
    file.write_text(seed.replace("123456789012", account))
    return file


def apply_at_terminal(server, file, answer):
    """The exit status of `cognate apply` at a terminal at which `answer` is typed, and what it printed."""
    terminal, inside = pty.openpty()
    command = [BINARY, "apply", file, "--endpoint", server.url, "--data-dir", server.data]
    env = environment(server.folder)
    process = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, env=env, cwd=file.parent)
    os.close(inside)
    printed = b""
    while True:
        try:
            some = os.read(terminal, 4096)
        except OSError:  # The program has closed the terminal.
            break
        if not some:
            break
        printed += some
        if printed.endswith(b"[y/N] "):
            os.write(terminal, f"{answer}\n".encode())
    os.close(terminal)
    return process.wait(30), printed.decode()


def test_apply_asks_and_the_pool_has_the_id_of_the_seed(own_server, tmp_path):
    server = own_server(command="dev")
    account = server.client("sts").get_caller_identity()["Account"]
    file = page_seed(tmp_path, account)
    for refusal in ("n", "", "no"):
        status, printed = apply_at_terminal(server, file, refusal)
        assert status == 1
        assert f"+ IdentityPool {POOL}" in printed and "Apply 2 changes? [y/N]" in printed
        assert "nothing was changed" in printed
    public = server.public(region="eu-west-1")
    assert server.client("cognito-identity", region="eu-west-1").list_identity_pools(MaxResults=10)["IdentityPools"] == []
    status, printed = apply_at_terminal(server, file, "y")
    assert status == 0 and "Applied 2 changes." in printed
    identity = public.get_id(IdentityPoolId=POOL)["IdentityId"]
    assert identity.startswith("eu-west-1:")
    answer = public.get_credentials_for_identity(IdentityId=identity)
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    status, printed = apply_at_terminal(server, file, "y")
    assert (status, printed.strip()) == (0, "Nothing to change.")
