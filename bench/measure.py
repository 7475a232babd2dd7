"""Measures what a request costs: here, in a bare axum handler with the same answer, and in the moto server.

Started by `run`. The runs are interleaved, so that whatever else the machine does falls on all alike.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
from botocore.config import Config

import instructions
import issuer

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIST = ROOT / "target" / "dist"
REGION = "eu-west-1"
CONNECTIONS = 64
TICK = os.sysconf("SC_CLK_TCK")
KEYS = ("AKIABENCHBENCHBENCHB", "a-secret-for-the-loopback-interface")
HEADERS = ("Content-Type", "application/x-amz-json-1.1")

# An operation's name here, its name on the wire, which request it is sent, and the cryptography that it can't do without.
OPERATIONS = [
    ("GetId, guest", "GetId", "guests", []),
    ("GetId, known login", "GetId", "login", ["verify"]),
    ("GetOpenIdToken, guest", "GetOpenIdToken", "guest", ["sign"]),
    ("GetOpenIdToken, login", "GetOpenIdToken", "user", ["verify", "sign"]),
    ("GetCredentialsForIdentity, guest", "GetCredentialsForIdentity", "guest", []),
    ("GetCredentialsForIdentity, login", "GetCredentialsForIdentity", "user", ["verify"]),
]


class Server:
    """A server in a process of its own, and the requests that it is to be sent."""

    def __init__(self, name, command, environment=None, address=None, prefix=()):
        self.name = name
        self.bodies = {}
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [str(word) for word in (*prefix, *command)],
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self.url = address or self._address()
        self._wait()

    def _address(self):
        """What its first lines say."""
        for line in self._process.stdout:
            if found := re.search(rb"http://[0-9.:]+", line):
                return found[0].decode()
        raise SystemExit(f"{self.name} does not start:\n{self._said()}")

    def _wait(self):
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url + "/health", timeout=5)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{self.name} does not answer:\n{self._said()}")

    def _said(self):
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-2000:]

    def pid(self):
        return self._process.pid

    def seconds(self):
        """The processor time of all its threads, past ones included."""
        stat = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICK

    def memory(self):
        """The most memory that it has had, in MiB."""
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024

    def ask(self, operation, body):
        request = urllib.request.Request(self.url + "/", body.encode(), dict([HEADERS]))
        request.add_header("X-Amz-Target", "AWSCognitoIdentityService." + operation)
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read().decode()

    def load(self, operation, body, seconds, path="/"):
        """Sends the request for some seconds; microseconds a request, requests a second, p99 in milliseconds."""
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
        command += ["-s", str(ROOT / "bench" / "post.lua"), self.url + path, "--", operation, body]
        before = self.seconds()
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        used = self.seconds() - before
        count = json.loads(output.splitlines()[-1])
        if count["refused"] or count["lost"] or not count["requests"]:
            raise SystemExit(f"{self.name} did not answer every {operation}:\n{output}")
        took = count["microseconds"] / 1e6
        return used * 1e6 / count["requests"], count["requests"] / took, count["p99"] / 1e3

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def client(service, url):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        config=Config(retries={"total_max_attempts": 1}),
    )


def prepare(server, provider):
    """Makes a pool with guests and a login provider in it, a guest and a user; writes the requests."""
    iam = client("iam", server.url)
    arn = iam.create_open_id_connect_provider(
        Url=provider.url, ClientIDList=[issuer.CLIENT], ThumbprintList=["0" * 40]
    )["OpenIDConnectProviderArn"]
    cognito = client("cognito-identity", server.url)
    pool = cognito.create_identity_pool(
        IdentityPoolName="bench",
        AllowUnauthenticatedIdentities=True,
        OpenIdConnectProviderARNs=[arn],
    )["IdentityPoolId"]
    # moto has no such operation, and gives credentials without.
    if server.name != "moto":
        role = "arn:aws:iam::123456789012:role/"
        roles = {"authenticated": role + "User", "unauthenticated": role + "Guest"}
        cognito.set_identity_pool_roles(IdentityPoolId=pool, Roles=roles)
    logins = {provider.name: provider.token()}
    write = lambda **members: json.dumps(members, separators=(",", ":"))
    bodies = {"guests": write(IdentityPoolId=pool), "login": write(IdentityPoolId=pool, Logins=logins)}
    identity = lambda body: json.loads(server.ask("GetId", body))["IdentityId"]
    bodies["guest"] = write(IdentityId=identity(bodies["guests"]))
    bodies["user"] = write(IdentityId=identity(bodies["login"]), Logins=logins)
    server.bodies = bodies


def start(stack, asked, prefix=()):
    """All the servers, ready: Cognate, the bare handler, and the others that the arguments name."""

    def started(*arguments, **more):
        server = Server(*arguments, **more)
        stack.callback(server.stop)
        return server

    def cognate(name, binary):
        # Beside the build, not in /tmp: what costs a sync of the disk shall cost it.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "target"))
        stack.callback(shutil.rmtree, folder)
        given = {"COGNATE_ROOT_ACCESS_KEY_ID": KEYS[0], "COGNATE_ROOT_SECRET_ACCESS_KEY": KEYS[1]}
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder, "--allow-http-issuers"]
        server = started(name, command, given, prefix=prefix)
        prepare(server, provider)
        return server

    provider = issuer.Issuer()
    ours = cognate("Cognate", DIST / "cognate")
    answers = []
    for operation, body in (("GetId", "guests"), ("GetOpenIdToken", "guest"), ("GetCredentialsForIdentity", "guest")):
        answers += [operation, ours.ask(operation, ours.bodies[body])]
    bare = started("bare handler", [DIST / "floor", "serve", *answers], prefix=prefix)
    bare.bodies = ours.bodies
    servers = [ours, bare]
    if asked.beside:
        servers.insert(1, cognate("the other", asked.beside))
    if not asked.without_moto and not prefix:
        port = free_port()
        command = [pathlib.Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", port]
        moto = started("moto", command, None, f"http://127.0.0.1:{port}")
        prepare(moto, provider)
        servers.append(moto)
    return servers


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cryptography(what):
    output = subprocess.run([DIST / "floor", what], capture_output=True, text=True, check=True).stdout
    return float(output)


def measure(servers, operations, rounds, seconds):
    """Everything in turn, round by round: what was measured, by operation and server."""
    found = {(name, server.name): [] for name, *_ in operations for server in servers}
    crypto = {"verify": [], "sign": []}
    for number in range(rounds):
        for what, figures in crypto.items():
            figures.append(cryptography(what))
        for name, operation, body, needs in operations:
            for server in servers:
                # moto is slow enough to be known after a second.
                long = seconds if server.name != "moto" else 1
                path = "/" + "/".join(needs if server.name == "bare handler" else [])
                found[name, server.name].append(server.load(operation, server.bodies[body], long, path))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return found, crypto


def figure(values, digits):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def table(heads, rows):
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def report(found, crypto, operations, servers):
    """Two tables in Markdown: what was measured, and how far from the floor that is."""
    others = [server for server in servers if server.name not in ("Cognate", "bare handler")]
    every, against = [], []
    for name, _, _, needs in operations:
        for server in servers:
            cpu, rate, p99 = zip(*found[name, server.name])
            doing = " + ".join([server.name, *needs]) if server.name == "bare handler" else server.name
            every.append([name, doing, figure(cpu, 1), figure(rate, 0), figure(p99, 2)])
        processor = {server.name: [run[0] for run in found[name, server.name]] for server in servers}
        ours, floor = processor["Cognate"], processor["bare handler"]
        # Round by round, for the machine's pace changes between rounds.
        row = [name, " + ".join(["bare", *needs]), figure(floor, 1), figure(ours, 1)]
        row.append(figure([cpu - least for cpu, least in zip(ours, floor)], 1))
        row.append(ratio(ours, floor))
        against.append(row + [ratio(processor[server.name], ours) for server in others])
    long = ["operation", "server", "µs of processor", "requests/s", "p99, ms"]
    short = ["operation", "floor", "floor, µs", "Cognate, µs", "above it, µs", "Cognate : floor"]
    short += [f"{server.name} : Cognate" for server in others]
    memory = ", ".join(f"{server.name} {server.memory()} MiB" for server in servers)
    notes = [
        f"Measured apart, one verification (RS256) is {figure(crypto['verify'], 1)} µs, one signature (RS512) {figure(crypto['sign'], 1)} µs.",
        f"The most memory: {memory}.",
    ]
    return "\n\n".join([table(short, against), table(long, every), *notes])


def ratio(these, those):
    return f"{statistics.median(this / that for this, that in zip(these, those)):.2f}"


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} processors ({model[1] if model else platform.machine()}), Linux {platform.release()}"


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half a minute instead of about three: rough figures")
    parser.add_argument("--rounds", type=int, help="how often everything is measured")
    parser.add_argument("--seconds", type=int, default=2, help="how long each run is")
    parser.add_argument("--only", help="operations whose name contains this")
    parser.add_argument("--without-moto", action="store_true", help="leave moto out")
    parser.add_argument("--beside", metavar="FILE", help="another build of cognate, measured in the same run")
    parser.add_argument("--instructions", action="store_true", help="count instructions with callgrind, a few minutes")
    parser.add_argument("--save", action="store_true", help="also write bench/RESULTS.md")
    asked = parser.parse_args()
    rounds, seconds = (asked.rounds or 2, 1) if asked.quick else (asked.rounds or 5, asked.seconds)
    operations = [operation for operation in OPERATIONS if (asked.only or "") in operation[0]]

    with contextlib.ExitStack() as stack:
        if asked.instructions:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            servers = start(stack, asked, instructions.prefix(folder))
            print(instructions.table(servers, operations, folder, "bare handler"))
            return
        servers = start(stack, asked)
        found, crypto = measure(servers, operations, rounds, seconds)
        tables = report(found, crypto, operations, servers)
    how = (
        f"Medians (least–most) of {rounds} interleaved rounds of {seconds} s (moto: 1 s), wrk with one thread and "
        f"{CONNECTIONS} connections on the loopback interface, {machine()}. "
        "Client and server share the processors, so requests/s and p99 say little alone: compare them."
    )
    result = how + "\n\n" + tables + "\n"
    print(result)
    if asked.save:
        title = "# What a request costs\n\nWritten by `bench/run --save`; how to read it is in [README.md](README.md).\n\n"
        (ROOT / "bench" / "RESULTS.md").write_text(title + result)


if __name__ == "__main__":
    main()
