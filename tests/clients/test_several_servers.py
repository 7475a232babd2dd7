"""Three servers on one PostgreSQL, one of which is always being killed: nothing that was answered is lost or doubled."""

import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

import botocore.exceptions
import pytest

from cognate import Server
from programs import run
from surroundings import BINARY, CALLER, environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "postgres"
SECONDS, CLIENTS = (60, 64) if CALLER.get("COGNATE_TEST_FULL") else (20, 16)


@pytest.fixture(scope="module")
def database():
    """The URL of a database that is on the disk when it says so."""
    # Not below the folder of the tests, which the user of PostgreSQL may not enter.
    folder = pathlib.Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    env = {**CLEAN, "COGNATE_TEST_POSTGRES_FSYNC": "on"}
    started = subprocess.run([SCRIPT, "start", folder / "server"], stdout=subprocess.PIPE, text=True, check=True, env=env)
    yield started.stdout.strip()
    subprocess.run([SCRIPT, "stop", folder / "server"], check=True, env=CLEAN)
    folder.rmdir()


CLEAN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """Servers with one database and one master key, each with a port and a data directory of its own."""

    def __init__(self, folder, database, count):
        self.folder, self.database = folder, database
        self.key = folder / "master.key"
        made = run([BINARY, "master-key", "make", self.key], environment(folder))
        assert made.returncode == 0, made.stderr
        self.ports = [free_port() for _ in range(count)]
        self.public_url = f"http://127.0.0.1:{self.ports[0]}"
        self.servers = []
        for number in range(count):
            self.servers.append(self.start(number))

    def start(self, number):
        flags = ["--database-url", self.database, "--master-key-file", self.key, "--public-url", self.public_url]
        return Server(self.folder / f"server-{number}", *flags, listen=f"127.0.0.1:{self.ports[number]}")

    def kill(self, number):
        self.servers[number].program.stop(signal.SIGKILL)

    def stop(self):
        for server in self.servers:
            server.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, database):
    started = Cluster(tmp_path_factory.mktemp("cluster"), database, 3)
    yield started
    started.stop()


def administrator(cluster):
    """A client of the first server, which made the root key."""
    return cluster.servers[0].client("cognito-identity")


def new_pool(cluster):
    made = administrator(cluster).create_identity_pool(
        IdentityPoolName="Shared", AllowUnauthenticatedIdentities=True, DeveloperProviderName="login.example"
    )
    return made["IdentityPoolId"]


def test_a_server_without_the_master_key_does_not_start(tmp_path, database):
    words = [BINARY, "serve", "--listen", "127.0.0.1:0", "--database-url", database]
    refused = run(words, environment(tmp_path), cwd=tmp_path)
    assert refused.returncode == 1
    assert "cognate master-key make" in refused.stderr


def test_a_server_with_another_master_key_does_not_start(cluster, tmp_path):
    other = tmp_path / "other.key"
    assert run([BINARY, "master-key", "make", other], environment(tmp_path)).returncode == 0
    words = [BINARY, "serve", "--listen", "127.0.0.1:0", "--database-url", cluster.database, "--master-key-file", other]
    refused = run(words, environment(tmp_path), cwd=tmp_path)
    assert refused.returncode == 1, refused.stdout
    assert "master key" in refused.stderr


def test_a_pooler_that_loses_prepared_statements_is_refused(cluster, tmp_path):
    """PgBouncer in transaction mode, before version 1.21."""
    packages = ROOT / ".tools" / "postgresql" / "usr"
    folder = pathlib.Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    shutil.copytree(packages / "sbin", folder / "sbin")
    library = folder / "lib"
    shutil.copytree(next((packages / "lib").glob("*-linux-gnu")), library, symlinks=True)
    port, behind = free_port(), cluster.database.rsplit(":", 1)[1].split("/")[0]
    (folder / "pooler.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={behind} user=postgres\n[pgbouncer]\nlisten_addr=127.0.0.1\n"
        f"listen_port={port}\npool_mode=transaction\nauth_type=any\nunix_socket_dir=\n"
    )
    words = [folder / "sbin" / "pgbouncer", folder / "pooler.ini"]
    if os.getuid() == 0:
        words = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *words]
    pooler = subprocess.Popen(words, env={**CLEAN, "LD_LIBRARY_PATH": str(library)}, stderr=subprocess.DEVNULL)
    try:
        database = f"postgres://postgres@127.0.0.1:{port}/postgres"
        flags = ["--listen", "127.0.0.1:0", "--database-url", database, "--master-key-file", cluster.key]
        for _ in range(50):
            refused = run([BINARY, "serve", *flags], environment(tmp_path), cwd=tmp_path)
            if "can't be opened" not in refused.stderr:
                break
            time.sleep(0.1)
        assert refused.returncode == 1, refused.stdout
        assert "PgBouncer in transaction mode needs version 1.21" in " ".join(refused.stderr.split()), refused.stderr
    finally:
        pooler.terminate()
        pooler.wait()
        shutil.rmtree(folder)


def test_a_pool_of_one_server_is_usable_at_the_others_within_a_second(cluster):
    pool = new_pool(cluster)
    begin = time.monotonic()
    for server in cluster.servers:
        # Each client has exceptions of its own.
        public = server.public()
        while True:
            try:
                identity = public.get_id(IdentityPoolId=pool)["IdentityId"]
                break
            except public.exceptions.ResourceNotFoundException:
                assert time.monotonic() - begin < 1.5
                time.sleep(0.05)
        assert cluster.servers[0].client("cognito-identity").describe_identity(IdentityId=identity)["IdentityId"] == identity


def test_a_server_that_was_stopped_answers_from_a_fresh_view_or_not_at_all(cluster):
    pool = new_pool(cluster)
    stopped = cluster.servers[2]
    public = stopped.public()
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        with contextlib.suppress(public.exceptions.ResourceNotFoundException):
            public.get_id(IdentityPoolId=pool)
            break
    stopped.program.process.send_signal(signal.SIGSTOP)
    time.sleep(6)
    administrator(cluster).delete_identity_pool(IdentityPoolId=pool)
    stopped.program.process.send_signal(signal.SIGCONT)
    refused = []
    while "ResourceNotFoundException" not in refused:
        with pytest.raises(botocore.exceptions.ClientError) as error:
            public.get_id(IdentityPoolId=pool)
        refused.append(error.value.response["Error"]["Code"])
        assert time.monotonic() < deadline + 12, refused
    assert set(refused) <= {"InternalErrorException", "ResourceNotFoundException"}


def test_nothing_that_was_answered_is_lost_while_servers_are_killed(cluster):
    pool = new_pool(cluster)
    time.sleep(1.2)
    key = cluster.servers[0]
    end = time.monotonic() + SECONDS
    users = itertools.count()

    def retried(call):
        """Asks one server and another until one answers: the connection's errors are all that a client may see."""
        while True:
            server = random.choice(cluster.servers)
            server.key_id, server.secret = key.key_id, key.secret
            try:
                return call(server)
            except (botocore.exceptions.HTTPClientError, botocore.exceptions.EndpointConnectionError):
                time.sleep(0.02)

    def work():
        made = []
        while time.monotonic() < end:
            made.append(("guest", retried(lambda server: server.public().get_id(IdentityPoolId=pool)["IdentityId"])))
            user = f"user-{next(users) // 3}-{uuid.uuid4().hex if random.random() < 0.5 else ''}"
            answer = retried(
                lambda server: server.client("cognito-identity").get_open_id_token_for_developer_identity(
                    IdentityPoolId=pool, Logins={"login.example": user}
                )
            )
            made.append((user, answer["IdentityId"]))
        return made

    def killing():
        for number in itertools.cycle((1, 2, 0)):
            if time.monotonic() > end:
                return
            cluster.kill(number)
            cluster.servers[number] = cluster.start(number)
            time.sleep(max(0, 1 - 0.5))

    with concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as threads:
        killer = threads.submit(killing)
        workers = [threads.submit(work) for _ in range(CLIENTS)]
        made = [one for worker in workers for one in worker.result()]
        killer.result()
    assert len(made) > 20
    listed = set()
    client = key.client("cognito-identity")
    pages = {"IdentityPoolId": pool, "MaxResults": 60}
    while True:
        page = client.list_identities(**pages)
        listed.update(one["IdentityId"] for one in page["Identities"])
        if "NextToken" not in page:
            break
        pages["NextToken"] = page["NextToken"]
    by_user = {}
    for user, identity in made:
        assert identity in listed, f"{user} is lost"
        if user != "guest":
            assert by_user.setdefault(user, identity) == identity, f"{user} has two identities"


def test_a_new_generation_begins_without_servers_and_ends_every_session(cluster):
    """Keep this test the last one: it stops the servers."""
    pool = new_pool(cluster)
    roles = {"unauthenticated": "arn:aws:iam::123456789012:role/Guest"}
    administrator(cluster).set_identity_pool_roles(IdentityPoolId=pool, Roles=roles)
    public = cluster.servers[0].public()
    guest = public.get_id(IdentityPoolId=pool)["IdentityId"]

    def session():
        return cluster.servers[0].public().get_credentials_for_identity(IdentityId=guest)["Credentials"]

    def caller(credentials):
        return cluster.servers[0].client("sts", credentials).get_caller_identity()["Arn"]

    def begin(database):
        words = [BINARY, "new-generation", "--database-url", database]
        return run(words, environment(cluster.folder), cwd=cluster.folder)

    before = session()
    refused = begin(cluster.database)
    assert refused.returncode == 1, refused.stdout
    assert "a server used this store within the last ten seconds" in " ".join(refused.stderr.split())
    arn = caller(before)
    cluster.stop()
    time.sleep(10)
    begun = begin(cluster.database)
    assert begun.returncode == 0, begun.stderr
    assert "The newest change in the store is from 2" in begun.stdout
    refused = begin(cluster.database.rsplit("/", 1)[0] + "/template1")
    assert refused.returncode == 1, refused.stdout
    assert "there is no store in this database" in refused.stderr
    cluster.servers = [cluster.start(number) for number in range(len(cluster.servers))]
    with pytest.raises(botocore.exceptions.ClientError):
        caller(before)
    assert caller(session()) == arn
