"""Keys without code, at Ceph: each client of S3 with each way to credentials, across an expiry, and where it is refused."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

import s3_clients
from client_site import ClientSite, Workload
from programs import run
from s3_clients import HTTP, HTTPS, WAYS
from surroundings import CALLER, PROJECT, PYTHON

LIFE = 900
"""How long a session lasts, in seconds: the shortest life that there is."""


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    with own_site(request, tmp_path_factory.mktemp("site")) as made:
        yield made


@contextlib.contextmanager
def own_site(request, folder):
    with contextlib.ExitStack() as stack:
        made = ClientSite(folder, stack)
        for server in made.servers.values():
            request.config.servers.append(server)
            stack.callback(request.config.servers.remove, server)
        yield made


def at_once(function, items):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(function, items))


@contextlib.contextmanager
def started(site, has_own_clocks):
    """A running workload for each client and each of its ways."""
    pairs = [(client, way) for client in s3_clients.INSTALLED for way in WAYS if client.can(way)]
    made = [Workload(site, client, way) for client, way in pairs if has_own_clocks or not client.has_own_clock]
    try:
        at_once(Workload.start, made)
        yield made
    finally:
        at_once(Workload.stop, made)


def everyone_stores(workloads, word):
    """Each program stores a word in its own folder, and reads that word."""
    stored = at_once(lambda workload: workload.store(f"{word}-{workload.name}"), workloads)
    wrong = {
        (workload.client.name, workload.way): answer
        for workload, answer in zip(workloads, stored, strict=True)
        if answer != f"{word}-{workload.name}"
    }
    assert not wrong, wrong


def present_keys(site, workload):
    """The keys that a workload has at the moment, as variables."""
    url = f"{site.servers[HTTP].url}/credentials/{site.pools[HTTP]}"
    answer = requests.get(url, headers={"Authorization": workload.token_file.read_text()}, timeout=10)
    keys = answer.json()
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["Token"],
    }


def with_keys(workload, keys):
    """What boto3 says with keys that nobody replaces."""
    return run([PYTHON, "-c", s3_clients.BOTO3], workload.environment() | keys, stdin=None, input="kept\n")


def test_each_client_reads_and_writes_across_an_expiry(site):
    """The clock of all programs steps: sessions of 15 minutes end, and the token of each pod is replaced by a rename."""
    with started(site, has_own_clocks=False) as workloads:
        everyone_stores(workloads, "first")
        boto3 = next(workload for workload in workloads if workload.way == HTTP)
        keys = present_keys(site, boto3)
        assert with_keys(boto3, keys).stdout == "kept\n"
        site.pass_time(LIFE + 60)
        refused = with_keys(boto3, keys)
        assert "AccessDenied" in refused.stderr, "the session has not ended"
        for workload in workloads:
            workload.rotate()
        everyone_stores(workloads, "second")
        # Each has a folder that no other one reads.
        other = workloads[-1].identity
        foreign = boto3.environment() | {"FOLDER": other}
        refused = run([PYTHON, "-c", s3_clients.BOTO3], foreign, stdin=None, input="foreign\n")
        assert "AccessDenied" in refused.stderr


@pytest.mark.skipif(CALLER.get("COGNATE_TEST_FULL") != "1", reason="it takes 17 minutes: the full tests run it")
def test_each_client_reads_and_writes_while_a_session_ends(request, tmp_path):
    """The same in real time, also with a client with a clock of its own."""
    with own_site(request, tmp_path) as site, started(site, has_own_clocks=True) as workloads:
        began = time.monotonic()
        for minutes in (0, 7, 12, 14, 15.2, 17):
            time.sleep(max(0, began + 60 * minutes - time.monotonic()))
            for workload in workloads:
                workload.rotate()
            everyone_stores(workloads, f"minute-{minutes}")


def test_a_refusal_is_shown_as_the_table_says(site, tmp_path_factory):
    def refusal(client):
        workload = Workload(site, client, HTTP, tmp_path_factory.mktemp("refused"))
        workload.rotate("opaque token")
        workload.start()
        try:
            return workload.store("nothing")
        finally:
            workload.stop()

    refusals = dict(zip(s3_clients.INSTALLED, at_once(refusal, s3_clients.INSTALLED), strict=True))
    for client, shown in refusals.items():
        assert client.refused in shown, (client.name, shown)


def test_clients_without_a_variable_for_a_private_ca_refuse_the_connection(site, tmp_path_factory):
    without = [client for client in s3_clients.INSTALLED if not client.can(HTTPS)]

    def attempt(client):
        workload = Workload(site, client, HTTPS, tmp_path_factory.mktemp("untrusted"))
        workload.variables = dict.fromkeys(("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(site.authority))
        workload.start()
        try:
            return workload.store("nothing")
        finally:
            workload.stop()

    for client, shown in zip(without, at_once(attempt, without), strict=True):
        assert any(words in shown for words in ("CERTIFICATE_VERIFY_FAILED", "Secret Validation Failure")), shown


def test_the_tables_of_the_page_are_what_the_clients_do():
    page = (PROJECT / "docs/keys-without-code.md").read_text()
    for head, rows in (
        (["client", *WAYS, "remarks"], [client.row() for client in s3_clients.ALL]),
        (["client", "shows"], [[client.name, client.shows] for client in s3_clients.ALL]),
    ):
        table = "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
        assert table in page, f"the page has no such table:\n{table}"
