"""Measures a server with ten million identities: requests beside those with ten thousand, restarts, memory, file size,
listing to the end, and deleting a pool of a million while others are served.

Started by `large`. The identities are written by `identities.py`.
"""

import argparse
import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import sqlite3
import statistics
import tempfile
import threading
import time
import urllib.parse

import identities
import issuer
import operations
import servers
from servers import DIST

class Running(contextlib.ExitStack):
    """A server on a directory."""

    def __init__(self, folder, provider):
        super().__init__()
        began = time.monotonic()
        environment = {
            "COGNATE_ROOT_ACCESS_KEY_ID": operations.KEYS[0],
            "COGNATE_ROOT_SECRET_ACCESS_KEY": operations.KEYS[1],
            **servers.NO_RATES,
        }
        command = [DIST / "cognate", "serve", "--listen", "127.0.0.1:0", "--data-dir", folder, "--allow-http-issuers"]
        self.server = servers.Server("Cognate", command, environment, pause=0.002)
        self.started = time.monotonic() - began
        self.callback(self.server.stop)
        self._provider = provider

    def prepare(self):
        self.server.requests = operations.Requests(self.server, self._provider)
        return self.server


def costs(runs, only):
    """Microseconds of processor of the operations on each server, in turn: by operation, a list for each server."""
    found = {}
    for operation in operations.OPERATIONS:
        if operation.name not in only:
            continue
        for number in range(5):
            for at, running in enumerate(runs):
                figures = running.server.load(operation, 2000, f"large-{number}", 64, 2)
                found.setdefault(operation.name, [[] for _ in runs])[at].append(figures["cpu"])
    return found


def restart(folder, provider, how):
    """Seconds from the start of the process to its first answer, after it was ended by a signal under load."""
    running = Running(folder, provider)
    running.prepare()
    stop = threading.Event()
    operation = operations.OPERATIONS[0]

    def guests():
        with contextlib.suppress(OSError, http.client.HTTPException):
            while not stop.is_set():
                running.server.answer(operation)

    thread = threading.Thread(target=guests)
    thread.start()
    time.sleep(1)
    os.kill(running.server.pid(), how)
    stop.set()
    thread.join()
    running.close()
    again = Running(folder, provider)
    again.close()
    return again.started


def list_all(server):
    """Pages to the end of a pool: the number of identities and the seconds."""
    cognito = operations.client("cognito-identity", server.url)
    began, count, token = time.monotonic(), 0, {}
    while True:
        page = cognito.list_identities(IdentityPoolId=server.requests.pool, MaxResults=60, **token)
        count += len(page["Identities"])
        if "NextToken" not in page:
            return count, time.monotonic() - began
        token = {"NextToken": page["NextToken"]}


def latencies(server, is_over):
    """Sorted milliseconds of GetId for guests and GetCredentialsForIdentity in turn, on one connection, until `is_over`."""
    named = {operation.name: operation for operation in operations.OPERATIONS}
    address = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    chosen = [named["GetId, guest"], named["GetCredentialsForIdentity, guest"]]
    found, began = [], time.monotonic()
    while len(found) % 200 or not is_over(time.monotonic() - began):
        operation = chosen[len(found) % 2]
        body = server.bodies(operation, 1, "latency")[0]
        sent = time.monotonic()
        connection.request("POST", "/", body.encode(), operation.headers(server.url, body))
        assert connection.getresponse().read()
        found.append((time.monotonic() - sent) * 1e3)
        time.sleep(0.002)
    return sorted(found)


def is_empty(folder, pool):
    """Whether a pool has no identity any more."""
    key = bytes.fromhex(pool.partition(":")[2].replace("-", ""))
    with contextlib.closing(sqlite3.connect(f"file:{folder}/cognate.sqlite?mode=ro", uri=True)) as db:
        return db.execute("SELECT 1 FROM identity WHERE pool = ? LIMIT 1", [key]).fetchone() is None


def percentile(values, part):
    return values[min(len(values) - 1, int(len(values) * part))]


def main():
    parser = argparse.ArgumentParser(prog="bench/large", description=__doc__)
    parser.add_argument("--identities", type=int, default=10_000_000)
    parser.add_argument("--deleted", type=int, default=1_000_000, help="identities of the pool that is deleted")
    asked = parser.parse_args()
    provider = issuer.Issuer()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-large-", dir=DIST))
        stack.callback(shutil.rmtree, folder)
        large, small, doomed = folder / "large", folder / "small", None
        pools = {}
        for data, count in ((large, asked.identities), (small, 10_000)):
            with Running(data, provider) as running:
                pools[data] = running.prepare().requests.pool
                if data == large:
                    doomed = operations.Requests(running.server, provider, "doomed").pool
            began = time.monotonic()
            identities.fill_embedded(data, pools[data], count)
            print(f"wrote {count} identities in {time.monotonic() - began:.0f} s")
        identities.fill_embedded(large, doomed, asked.deleted)
        size = (large / "cognate.sqlite").stat().st_size
        count = asked.identities + asked.deleted
        print(f"file: {size / 2**20:.0f} MiB, {size / count:.0f} bytes for each identity with its login")

        for name, how in (("SIGTERM", signal.SIGTERM), ("kill -9", signal.SIGKILL)):
            print(f"first answer after {name}: {restart(large, provider, how) * 1e3:.0f} ms after the start")

        runs = [stack.enter_context(Running(data, provider)) for data in (large, small)]
        print("memory of an idle server: {} MiB with all, {} MiB with 10,000".format(*(
            running.server.memory()[0] for running in runs)))
        for running in runs:
            running.prepare()
        only = {"GetId, guest", "GetId, new user", "GetId, fresh token", "GetCredentialsForIdentity, guest", "ListIdentities, signed, 60 of them"}
        for name, (of_large, of_small) in costs(runs, only).items():
            ratios = [one / other for one, other in zip(of_large, of_small)]
            print(f"{name}: {statistics.median(ratios):.2f} times the processor time with 10,000 identities")

        server = runs[0].server
        before = latencies(server, lambda seconds: seconds > 10)
        began = time.monotonic()
        operations.client("cognito-identity", server.url).delete_identity_pool(IdentityPoolId=doomed)
        during = latencies(server, lambda _: is_empty(large, doomed))
        ratio = percentile(during, 0.99) / percentile(before, 0.99)
        print(
            f"deleting a pool of {asked.deleted} identities: {time.monotonic() - began:.0f} s; the p99 of others meanwhile is "
            f"{ratio:.2f} times that before"
        )
        server.requests.pool = pools[large]
        listed, took = list_all(server)
        print(f"listed {listed} identities in {took:.0f} s, {listed / took:.0f} a second")
        print("memory at the end: {} MiB, at most {} MiB".format(*server.memory()))


if __name__ == "__main__":
    main()
