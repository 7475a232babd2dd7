"""The master key is rotated: never beside a server that lacks the new key, and to its end after a kill in the middle."""

import contextlib
import json
import re
import signal
import sqlite3
import subprocess
import time

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cognate import Endpoint, Server
from programs import run
from surroundings import BINARY, REGION, environment
from test_several_servers import database as database  # the fixture

KEYS = 120


def new_key(folder, name="new.key"):
    assert run([BINARY, "master-key", "make", folder / name], environment(folder)).returncode == 0
    return (folder / name).read_text()


def replace(file, text):
    """Replaces a file as tools for secrets do."""
    new = file.with_suffix(".next")
    new.write_text(text)
    new.chmod(0o600)
    new.replace(file)


def words(server):
    return [BINARY, "master-key", "rotate", "--endpoint", server.url]


def signing(server, folder):
    return environment(folder, AWS_ACCESS_KEY_ID=server.key_id, AWS_SECRET_ACCESS_KEY=server.secret)


def rotate(server, folder):
    return run(words(server), signing(server, folder), cwd=folder)


def reloaded(server, since):
    deadline = time.monotonic() + 10
    while "reloaded the configuration" not in server.log()[since:]:
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)


def is_administrated(server, first):
    """Whether the root key, which the first server has made, signs at a server."""
    client = Endpoint(server.url, first.key_id, first.secret).client("cognito-identity")
    return client.list_identity_pools(MaxResults=1)["IdentityPools"] == []


def test_a_rotation_is_refused_until_every_server_has_the_new_key(tmp_path, database):
    old, servers, files = new_key(tmp_path, "old.key"), [], []
    new = new_key(tmp_path)
    with contextlib.ExitStack() as stack:
        for number in range(2):
            file = tmp_path / f"master-{number}.key"
            replace(file, old)
            flags = ["--database-url", database, "--master-key-file", file, "--public-url", "http://127.0.0.1:1"]
            server = Server(tmp_path / f"server-{number}", *flags)
            stack.callback(server.stop)
            servers.append(server)
            files.append(file)
        since = len(servers[0].log())
        replace(files[0], new + old)
        reloaded(servers[0], since)
        refused = rotate(servers[0], tmp_path)
        assert refused.returncode == 1, refused.stdout
        assert "1 other servers of this store have other settings or other master keys" in refused.stderr
        # The other server still opens everything, because nothing is sealed under the new key.
        assert is_administrated(servers[1], servers[0])

        since = len(servers[1].log())
        replace(files[1], new + old)
        reloaded(servers[1], since)
        # A server announces its keys when it has reloaded them.
        deadline = time.monotonic() + 25
        while (done := rotate(servers[0], tmp_path)).returncode:
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.2)
        assert "Everything is sealed under the master key" in done.stdout
        for server, file in zip(servers, files, strict=True):
            since = len(server.log())
            replace(file, new)
            reloaded(server, since)
            assert is_administrated(server, servers[0])


def make_keys(server, count):
    policy = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    session, made = requests.Session(), []
    for number in range(count):
        headers = {"X-Amz-Target": "Cognate.CreateAccessKey", "Content-Type": "application/x-amz-json-1.1"}
        body = json.dumps({"Name": f"key-{number}", "Policy": policy})
        request = AWSRequest("POST", server.url + "/", headers, body)
        SigV4Auth(Credentials(server.key_id, server.secret), "cognito-identity", REGION).add_auth(request)
        answer = session.post(request.url, request.body, headers=dict(request.headers), timeout=10)
        assert answer.status_code == 200, answer.text
        made.append(answer.json())
    return made


def resealed(server):
    """How many access keys were written again, as the store has it."""
    file = f"file:{server.data / 'cognate.sqlite'}?mode=ro"
    with contextlib.closing(sqlite3.connect(file, uri=True)) as db:
        [count] = db.execute("SELECT count(*) FROM record WHERE kind = 'access-key' AND version > 1").fetchone()
    return count


def test_a_rotation_that_was_killed_in_the_middle_is_continued_by_the_next_one(own_server, tmp_path):
    # Not by the fixture, which wants that a server ends well.
    server = Server(tmp_path / "server")
    keys = make_keys(server, KEYS)
    master = server.data / "master.key"
    old, new = master.read_text(), new_key(tmp_path)
    since = len(server.log())
    replace(master, new + old)
    reloaded(server, since)
    rotation = subprocess.Popen(words(server), env=signing(server, tmp_path), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while resealed(server) < 10:
        assert time.monotonic() < deadline and rotation.poll() is None
    server.program.stop(signal.SIGKILL)
    assert rotation.communicate(timeout=40)[1]
    assert rotation.returncode == 1
    before = resealed(server)
    assert 10 <= before < KEYS, before

    server = own_server(folder=server.folder)
    deadline = time.monotonic() + 10
    while (done := rotate(server, tmp_path)).returncode:
        assert "try again ten seconds later" in done.stderr and time.monotonic() < deadline, done.stderr
        time.sleep(0.5)
    assert resealed(server) == KEYS
    written = int(re.search(r"(\d+) records were written", done.stdout)[1])
    # The root key, the rings and the key of guests' handles may have been written before.
    assert KEYS - before <= written <= KEYS - before + 4
    # The old key can go, and every key signs.
    since = len(server.log())
    replace(master, new)
    reloaded(server, since)
    for key in (keys[0], keys[-1]):
        key = key | {"SessionToken": None}
        assert server.client("cognito-identity", key).list_identity_pools(MaxResults=1)["IdentityPools"] == []
