"""A command asks at a terminal before it does what can't be undone."""

import json
import os
import pty
import subprocess

import pytest

from surroundings import BINARY, environment


@pytest.fixture(scope="module")
def keys(server):
    """The environment of the server's administrator."""
    return {"AWS_ACCESS_KEY_ID": server.key_id, "AWS_SECRET_ACCESS_KEY": server.secret, "COGNATE_ENDPOINT": server.url}


def at_terminal(words, env, answer):
    """Runs a command with a terminal as its standard input; its status and what it has written."""
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, answer.encode())
        done = subprocess.run(
            [BINARY, *words], stdin=terminal, env=env, capture_output=True, text=True, timeout=30, check=False
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["pool", "access-key", "role", "provider"])
def test_nothing_is_deleted_without_a_yes(server, keys, tmp_path, kind):
    env = environment(tmp_path, **keys)
    name, words = made(server, env, tmp_path, kind)
    for answer in ("n\n", "\n", "perhaps\n"):
        status, text = at_terminal([*words, "delete", name], env, answer)
        assert (status, "[y/N]" in text, "nothing was changed" in text) == (1, True, True), text
        shown = at_terminal([*words, "show", name], env, "")
        assert shown[0] == 0, shown
    status, text = at_terminal([*words, "delete", name], env, "y\n")
    assert (status, "[y/N]" in text) == (0, True), text
    assert at_terminal([*words, "show", name], env, "")[0] == 1
    # With --yes, and in a script, nothing is asked.
    name, words = made(server, env, tmp_path, kind)
    status, text = at_terminal([*words, "delete", name, "--yes"], env, "")
    assert (status, text) == (0, "")
    name, words = made(server, env, tmp_path, kind)
    script = [BINARY, *words, "delete", name]
    done = subprocess.run(script, stdin=subprocess.DEVNULL, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def made(server, env, folder, kind):
    """Makes an object of this kind with the command line; gives its name and the words of its command."""
    policy, trust = folder / "policy.json", folder / "trust.json"
    allow = '"Effect": "Allow", "Action": "%s", %s'
    policy.write_text('{"Version": "2012-10-17", "Statement": {' + allow % ("*", '"Resource": "*"') + "}}")
    anyone = allow % ("sts:AssumeRole", '"Principal": {"AWS": "123456789012"}')
    trust.write_text('{"Version": "2012-10-17", "Statement": {' + anyone + "}}")
    create = {
        "pool": ["--name", "Asked"],
        "access-key": ["--name", "asked", "--policy", policy],
        "role": ["Asked", "--trust", trust, "--policy", f"all={policy}"],
        "provider": ["--oidc", "https://asked.example.com", "--client-id", "app"],
    }[kind]
    done = subprocess.run([BINARY, kind, "create", *create, "--output", "json"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    members = {
        "pool": "IdentityPoolId",
        "access-key": "AccessKeyId",
        "role": "RoleName",
        "provider": "OpenIDConnectProviderArn",
    }
    return json.loads(done.stdout)[members[kind]], [kind]
