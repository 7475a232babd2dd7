"""A database that fails, in every way that an operator may meet: calls get the service's own error within a bounded time,
`/health` is 503 meanwhile, the log says what to do, and the server serves again by itself. A start under the same fault
says what to do as well."""

import concurrent.futures
import contextlib
import re
import signal
import subprocess
import time

import botocore.exceptions
import pytest
import requests

from cognate import Server
from postgresql import ADDRESS, RESERVED, Connection, PostgreSql
from programs import run
from surroundings import BINARY, CALLER, environment

BOUND = 20
"""How many seconds a call takes at most: no attempt begins after ten, and one lasts at most ten."""

RECOVERY = 5
"""How many seconds after the repair the server serves again, at most."""


class Fault:
    """A way in which the database fails; `begin` breaks it and `end` repairs it."""

    sentence = None
    """What the log says, as a pattern."""
    is_slow = False
    """Whether only a full run has it, because it takes long or resembles another one."""
    shows_at_start = True
    rest = 0
    """How many seconds the repair itself takes longer."""

    def begin(self, site):
        raise NotImplementedError

    def end(self, site):
        raise NotImplementedError


class Stopped(Fault):
    """The database is stopped."""

    sentence = "can't be reached: check that it runs"

    def begin(self, site):
        site.database.halt()

    def end(self, site):
        site.database.resume()


class Frozen(Fault):
    """The processes of the database are stopped by a signal: connections open, and nothing is answered."""

    is_slow = True
    sentence = "did not answer within five seconds: check its load, its disk and the network"

    def begin(self, site):
        site.database.signal(signal.SIGSTOP)

    def end(self, site):
        site.database.signal(signal.SIGCONT)


class Slow(Fault):
    """Each answer of the database comes three seconds late."""

    is_slow = True

    sentence = Frozen.sentence
    # What was sent before the repair arrives three seconds after it.
    rest = 3

    def begin(self, site):
        site.database.proxy.delay = 3

    def end(self, site):
        site.database.proxy.delay = 0


class Cut(Fault):
    """The network swallows what the database sends."""

    is_slow = True
    sentence = Frozen.sentence

    def begin(self, site):
        site.database.proxy.is_cut = True

    def end(self, site):
        site.database.proxy.is_cut = False


class NoConnections(Fault):
    """Other clients have all connections of the database."""

    is_slow = True

    sentence = "has no connection left: raise max_connections or .* or lower database.connections"

    def begin(self, site):
        self.others = []
        # The server must not be faster than the other clients.
        site.database.sql("ALTER ROLE cognate CONNECTION LIMIT 0")
        site.database.end_connections()
        time.sleep(0.2)
        # All but those that are reserved for administrators. The server's attempts take one for a moment.
        while len(self.others) < site.database.max_connections - RESERVED:
            other = Connection(site.database.port)
            if other.is_open:
                self.others.append(other)
            else:
                other.close()
                time.sleep(0.05)
        site.database.sql("ALTER ROLE cognate CONNECTION LIMIT -1")

    def end(self, site):
        for other in self.others:
            other.close()


class RoleLimit(Fault):
    """The role may have no connection."""

    is_slow = True
    sentence = NoConnections.sentence

    def begin(self, site):
        site.database.sql("ALTER ROLE cognate CONNECTION LIMIT 0")
        site.database.end_connections()

    def end(self, site):
        site.database.sql("ALTER ROLE cognate CONNECTION LIMIT -1")


class Password(Fault):
    """The password is another one, which is in the password file only later."""

    sentence = "refuses the password: write the role's password to database.password_file, which is read again"

    def begin(self, site):
        site.change_password()

    def end(self, site):
        site.write_password()


class NoLogin(Fault):
    """The role may not log in."""

    is_slow = True
    sentence = "refuses the role: check pg_hba.conf and that the role may LOGIN"

    def begin(self, site):
        site.database.sql("ALTER ROLE cognate NOLOGIN")
        site.database.end_connections()

    def end(self, site):
        site.database.sql("ALTER ROLE cognate LOGIN")


class NoDatabase(Fault):
    """The database has another name."""

    is_slow = True
    sentence = "has no database of this name: check database_url"

    def begin(self, site):
        site.database.sql("UPDATE pg_database SET datallowconn = false WHERE datname = 'cognate'")
        site.database.end_connections()
        site.database.sql("ALTER DATABASE cognate RENAME TO other")

    def end(self, site):
        site.database.sql("ALTER DATABASE other RENAME TO cognate")
        site.database.sql("UPDATE pg_database SET datallowconn = true WHERE datname = 'cognate'")


class Certificate(Fault):
    """The database shows a certificate that can't be verified."""

    def issue(self, database):
        raise NotImplementedError

    def begin(self, site):
        site.database.show(self.issue(site.database))
        site.database.reload()
        site.database.end_connections()

    def end(self, site):
        site.database.show(site.database.authority.issue(ADDRESS))
        site.database.reload()


class OtherAuthority(Certificate):
    """The certificate is of another authority."""

    sentence = "certificate can't be verified: .* database.ca_file"

    def issue(self, database):
        return database.other_authority.issue(ADDRESS)


class OtherName(Certificate):
    """The certificate is for another name."""

    is_slow = True
    sentence = "certificate is not for the host in database_url"

    def issue(self, database):
        return database.authority.issue("other.example")


class Expired(Certificate):
    """The certificate expired."""

    is_slow = True
    sentence = "certificate has expired, or is not valid yet: renew it, and check the clocks"

    def issue(self, database):
        return database.authority.issue(ADDRESS, days=-0.5)


class FullDisk(Fault):
    """The disk of the database's tables is full, and its log has room yet."""

    sentence = "disk is full: free or add space there"

    # A start writes next to nothing.
    shows_at_start = False

    def begin(self, site):
        site.database.disk.fill()

    def end(self, site):
        site.database.disk.free()


class FullLog(Fault):
    """The disk of the database's write-ahead log is full: the database ends, and an operator starts it again."""

    sentence = f"disk is full: free or add space there|{Stopped.sentence}"

    def begin(self, site):
        site.database.disk.fill()
        with contextlib.suppress(AssertionError):
            for _ in range(50):
                site.database.sql("CREATE TABLE IF NOT EXISTS filler (); SELECT pg_switch_wal()")
        deadline = time.monotonic() + 10
        while site.database.disk.path("postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.1)

    def end(self, site):
        site.database.disk.free()
        with contextlib.suppress(subprocess.CalledProcessError):
            site.database.halt()
        site.database.resume()


FAULTS = [
    Stopped(), Frozen(), Slow(), Cut(), NoConnections(), RoleLimit(), Password(), NoLogin(), NoDatabase(),
    OtherAuthority(), OtherName(), Expired(), FullDisk(), FullLog(),
]  # fmt: skip


class Site:
    """A database and a server that uses it."""

    def __init__(self, folder, stack):
        self.folder, self.database = folder, PostgreSql()
        stack.callback(self.database.stop)
        self.passwords = ["first-password"]
        self.password_file = folder / "database-password"
        self.write_password()
        self.key = folder / "master.key"
        made = run([BINARY, "master-key", "make", self.key], environment(folder))
        assert made.returncode == 0, made.stderr
        self.config = folder / "cognate.toml"
        self.config.write_text(
            f'database_url = "{self.database.url}"\nmaster_key_file = "{self.key}"\n'
            f'[database]\nconnections = 8\nca_file = "{self.database.authority_file}"\n'
            f'password_file = "{self.password_file}"\n'
        )
        self.config.chmod(0o600)
        self.server = Server(folder / "server", "--config", self.config)
        stack.callback(self.server.stop)
        made = self.server.client("cognito-identity").create_identity_pool(
            IdentityPoolName="Faults", AllowUnauthenticatedIdentities=True, DeveloperProviderName="login.example"
        )
        self.pool = made["IdentityPoolId"]

    def write_password(self):
        self.password_file.write_text(self.passwords[-1] + "\n")
        self.password_file.chmod(0o600)

    def change_password(self):
        self.passwords.append(f"secret-{len(self.passwords)}-{time.time_ns()}")
        self.database.sql(f"ALTER ROLE cognate PASSWORD '{self.passwords[-1]}'")
        self.database.end_connections()

    def guest(self):
        return self.server.public().get_id(IdentityPoolId=self.pool)["IdentityId"]

    def describe(self, identity):
        return self.server.client("cognito-identity").describe_identity(IdentityId=identity)["IdentityId"]

    def health(self):
        return requests.get(f"{self.server.url}/health", timeout=30).status_code

@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        made = Site(tmp_path_factory.mktemp("site"), stack)
        request.config.servers.append(made.server)
        stack.callback(request.config.servers.remove, made.server)
        yield made


def timed(call, *arguments):
    """The code of the error that a call gets, or its answer, and how many seconds it took."""
    began = time.monotonic()
    try:
        answer = call(*arguments)
    except botocore.exceptions.ClientError as error:
        answer = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
    return answer, time.monotonic() - began


def calls(site, guest):
    """One call of each kind: a guest, calls that read, one of IAM, and the state."""
    identity = site.server.public()
    yield site.guest
    yield lambda: identity.get_open_id_token(IdentityId=guest)
    yield lambda: site.describe(guest)
    yield lambda: site.server.client("iam").list_roles()["Roles"]
    yield site.health


def wait_until(seconds, condition):
    """How many seconds it takes until the condition is met."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - began


CHOSEN = [fault for fault in FAULTS if CALLER.get("COGNATE_TEST_FULL") or not fault.is_slow]


@pytest.mark.parametrize("fault", CHOSEN, ids=lambda fault: type(fault).__name__)
def test_a_fault_of_the_database_is_reported_and_ends_by_itself(site, fault):
    acknowledged = [site.guest() for _ in range(5)]
    logged = len(site.server.log())
    fault.begin(site)
    began = time.monotonic()
    codes, slowest, is_down, start = set(), 0, None, (None, 0)
    try:
        with concurrent.futures.ThreadPoolExecutor(32) as threads:
            # Again and again, because calls are answered until the fault shows.
            while (is_down is None or not codes) and time.monotonic() - began < 2 * BOUND:
                for answer, seconds in threads.map(timed, [*calls(site, acknowledged[0])] * 3):
                    slowest = max(slowest, seconds)
                    if isinstance(answer, tuple):
                        codes.add(answer)
                    elif isinstance(answer, str) and answer.count("-") > 4:
                        acknowledged.append(answer)
                    elif answer == 503 and is_down is None:
                        is_down = time.monotonic() - began
            if fault.shows_at_start:
                start = timed(started, site, fault)
    finally:
        fault.end(site)
    took = wait_until(RECOVERY + fault.rest, lambda: site.health() == 200 and isinstance(timed(site.guest)[0], str))
    later = site.guest()
    log = site.server.log()[logged:]
    print(
        f"{type(fault).__name__}: errors {sorted(codes)}, the slowest call took {slowest:.1f} s, /health was 503 after "
        f"{is_down or -1:.1f} s and 200 again {took:.1f} s after the repair; a start ended after {start[1]:.1f} s"
    )
    assert is_down is not None
    assert codes and codes <= {("InternalErrorException", 500), ("ServiceFailure", 500)}, codes
    assert slowest < BOUND
    for identity in [*acknowledged, later]:
        assert site.describe(identity) == identity
    assert re.search(fault.sentence, log), log
    if fault.shows_at_start:
        status, words = start[0]
        assert status == 1, words
        assert re.search(fault.sentence, words), words
        log += words
    for password in site.passwords:
        assert password not in log


def started(site, fault):
    """The exit status of another server that starts now, and its words."""
    folder = site.folder / f"start-{type(fault).__name__}"
    folder.mkdir()
    words = [BINARY, "serve", "--listen", "127.0.0.1:0", "--config", site.config]
    refused = run(words, environment(folder), cwd=folder, seconds=60)
    return [refused.returncode, " ".join((refused.stdout + refused.stderr).split())]
