"""`cognate dev`: what it prints works when it is pasted, and `--ephemeral` leaves nothing behind."""

import json
import signal
import subprocess

import pytest

from programs import run
from surroundings import BINARY, SETTINGS, environment


def pasted(server):
    """The commands that the server has printed, as a shell gets them."""
    _, _, tour = server.printed().partition("Try it, in another terminal:")
    return "\n".join(line for line in tour.splitlines() if line.startswith("  "))


def paste(commands, folder, **variables):
    """The documents that the commands print."""
    done = run(["bash", "-euo", "pipefail", "-c", commands], environment(folder, **variables), cwd=folder)
    assert done.returncode == 0, f"{commands}\n{done.stderr}"
    return documents(done.stdout)


def documents(text):
    """The JSON documents that were printed one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


@pytest.mark.parametrize("flags", [[], ["--ephemeral"], ["--region", "eu-central-1"]])
def test_the_printed_commands_work_as_they_are_pasted(own_server, flags, tmp_path):
    server = own_server(*flags, command="dev")
    commands = pasted(server)
    for name in ("get-id", "get-credentials-for-identity", "describe-identity-pool"):
        assert f"aws cognito-identity {name}" in commands
    credentials, alice, bob, pool = paste(commands, tmp_path)
    for answer in (credentials, alice, bob):
        assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    assert alice["IdentityId"] == credentials["IdentityId"] != bob["IdentityId"]
    if not flags:
        # The second time, in a shell that has settings of its own.
        guest, again, _, _ = paste(commands, tmp_path, **SETTINGS)
        assert again["IdentityId"] == alice["IdentityId"] != guest["IdentityId"]
    assert pool["IdentityPoolName"] == "Demo"
    region = flags[1] if "--region" in flags else "us-east-1"
    assert pool["IdentityPoolId"].startswith(f"{region}:")
    assert credentials["IdentityId"].startswith(f"{region}:")


def test_the_demo_pool_is_the_same_after_a_restart(own_server):
    server = own_server(command="dev")
    first = pasted(server)
    server.stop()
    again = own_server(folder=server.folder, listen=server.url.removeprefix("http://"), command="dev")
    assert pasted(again) == first


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_an_ephemeral_server_leaves_nothing_behind(own_server, how):
    server = own_server("--ephemeral", command="dev")
    # Its folder is its working directory, its home, and where it makes temporary files.
    during = sorted(path.name for path in server.folder.rglob("*"))
    assert "root-credentials" in during
    guest = server.public(region="us-east-1")
    guest.get_id(IdentityPoolId="us-east-1:c09a7e00-0000-4000-8000-000000000001")
    server.stop(how)
    assert list(server.folder.iterdir()) == []


def test_a_server_that_is_stopped_while_it_starts_tidies_up_all_the_same(tmp_path):
    env = environment(tmp_path, TMPDIR=tmp_path)
    command = [BINARY, "dev", "--ephemeral", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # Its first words; it says that it serves some lines later.
        assert process.stdout.readline().startswith(b"Created a master key")
        process.terminate()
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log.decode()
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_keeps_its_data_keeps_it_where_it_says(own_server):
    server = own_server(command="dev")
    server.stop()
    kept = {path.name for path in (server.folder / "cognate-data").iterdir()}
    assert {"root-credentials", "master.key"} <= kept
