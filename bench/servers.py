"""The servers that are measured, each in a process of its own."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import identities
import operations

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIST = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "dist"
BARE = "bare handler"

# The limits on rates, which are off: one address calls as fast as it can.
NO_RATES = {
    f"COGNATE_LIMITS_{rate}": "0"
    for rate in (
        "REQUESTS_PER_ADDRESS_PER_SECOND",
        "GUESTS_PER_ADDRESS_PER_MINUTE",
        "EXPENSIVE_PER_ADDRESS_PER_SECOND",
        "PER_POOL_PER_SECOND",
    )
}


class Server:
    """A server, and the requests that it gets. An emulator is slow, and gives credentials without roles."""

    def __init__(self, name, command, environment=None, address=None, prefix=(), pause=0.1, is_emulator=False):
        self.name = name
        self.is_emulator = is_emulator
        self.requests = None
        self._bodies = {}
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [str(word) for word in (*prefix, *command)],
            env={**os.environ, "COGNATE_DRAIN_DELAY": "0", **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self.url = address or self._address()
        self._wait(pause)

    def _address(self):
        """The address in its first lines."""
        for line in self._process.stdout:
            if found := re.search(rb"http://[0-9.:]+", line):
                return found[0].decode()
        raise SystemExit(f"{self.name} does not start:\n{self._output()}")

    def _wait(self, pause):
        for _ in range(int(60 / pause)):
            try:
                urllib.request.urlopen(self.url + "/health", timeout=5)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(pause)
        raise SystemExit(f"{self.name} does not answer:\n{self._output()}")

    def _output(self):
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-2000:]

    def pid(self):
        return self._process.pid

    def seconds(self):
        """The processor time of all its threads, past ones included."""
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def memory(self):
        """Its memory now and the most that it has had, in MiB."""
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        return [int(re.search(rf"{name}:\s+(\d+)", status)[1]) // 1024 for name in ("VmRSS", "VmHWM")]

    def bodies(self, operation, count, batch):
        """`count` bodies of an operation if each is sent once, one otherwise; of another batch, other ones."""
        key = (operation.name, count, batch)
        if key not in self._bodies:
            self._bodies[key] = getattr(self.requests, operation.make)(count, batch)
        return self._bodies[key]

    def answer(self, operation):
        body = self.bodies(operation, 1, "answer")[0]
        request = urllib.request.Request(self.url + "/", body.encode(), operation.headers(self.url, body))
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read().decode()

    def load(self, operation, count, batch, connections, seconds, path="/", pause=0):
        """Sends the requests of a batch once, or for some seconds, with pauses of so many milliseconds on average: a dictionary
        of figures."""
        bodies = self.bodies(operation, count, batch)
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            for body in bodies:
                headers = operation.headers(self.url, body)
                file.writelines(f"{name}: {value}\n" for name, value in headers.items())
                file.write(f"body: {body}\n\n")
            file.flush()
            # wrk always runs for the whole time, also after the last request of a batch.
            if operation.once:
                seconds = 1 + count // (100 if self.is_emulator else 1000)
            command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
            command += ["-s", str(ROOT / "bench" / "post.lua"), self.url + path, "--", file.name, str(pause)]
            command += ["once"] if operation.once else []
            before = self.seconds()
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            used = self.seconds() - before
        found = json.loads(output.splitlines()[-1])
        if found["refused"] or found["lost"] or not found["requests"]:
            raise SystemExit(f"{self.name} did not answer every {operation.name}:\n{output}")
        if operation.once and found["requests"] < count:
            raise SystemExit(f"{self.name} answered only {found['requests']} of {count} requests in {seconds} s: {operation.name}")
        return {
            "cpu": used * 1e6 / found["requests"],
            "rate": found["requests"] / (found["microseconds"] / 1e6),
            **{name: found[name] / 1e3 for name in ("p50", "p99", "p99.9")},
        }

    def system_calls(self, operation, batch, path="/", count=300):
        """System calls of a request, by strace, with one connection."""
        bodies = self.bodies(operation, count, batch)
        with tempfile.NamedTemporaryFile("r") as file:
            trace = subprocess.Popen(
                ["strace", "-f", "-c", "-S", "calls", "-o", file.name, "-p", str(self.pid())], stderr=subprocess.PIPE
            )
            trace.stderr.readline()
            address = urllib.parse.urlsplit(self.url)
            connection = http.client.HTTPConnection(address.hostname, address.port)
            for number in range(count):
                body = bodies[number % len(bodies)]
                connection.request("POST", path, body.encode(), operation.headers(self.url, body))
                connection.getresponse().read()
            connection.close()
            trace.send_signal(signal.SIGINT)
            trace.wait()
            text = file.read()
        total = re.search(r"^\s*100.00\s+\S+\s+(?:\d+\s+)?(\d+)\s", text, re.MULTILINE)
        return int(total[1]) / count

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start(stack, asked, provider, prefix=()):
    """All servers, ready: Cognate, the bare handler, and the others that the arguments name."""

    def started(*arguments, **more):
        server = Server(*arguments, **more)
        stack.callback(server.stop)
        return server

    def cognate(name, binary, environment=None, count=0):
        # Beside the build, not in /tmp: a sync of the disk must cost what it costs.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=DIST))
        stack.callback(shutil.rmtree, folder)
        environment = {
            "COGNATE_ROOT_ACCESS_KEY_ID": operations.KEYS[0],
            "COGNATE_ROOT_SECRET_ACCESS_KEY": operations.KEYS[1],
            **NO_RATES,
            **(environment or {}),
        }
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder, "--allow-http-issuers"]
        pool = None
        if count:
            server = Server(name, command, environment)
            pool = operations.Requests(server, provider).pool
            server.stop()
            if url := environment.get("COGNATE_DATABASE_URL"):
                identities.fill_postgres(url, pool, count)
            else:
                identities.fill_embedded(folder, pool, count)
            print(f"{name}: wrote the identities", file=sys.stderr)
        server = started(name, command, environment, prefix=prefix)
        server.requests = operations.Requests(server, provider, pool=pool)
        return server

    ours = cognate("Cognate", DIST / "cognate")
    answers = {}
    for operation in operations.OPERATIONS:
        if operation.action not in answers:
            answers[operation.action] = ours.answer(operation)
    words = [word for pair in answers.items() for word in pair]
    bare = started(BARE, [DIST / "floor", "serve", *words], prefix=prefix)
    bare.requests = ours.requests
    servers = [ours, bare]
    for count in asked.identities:
        servers.append(cognate(f"Cognate, {count:,} identities", DIST / "cognate", count=count))
    if asked.postgres:
        servers.append(cognate("Cognate on PostgreSQL", DIST / "cognate", postgres(stack)))
        for count in asked.identities:
            name = f"Cognate on PostgreSQL, {count:,} identities"
            servers.append(cognate(name, DIST / "cognate", postgres(stack), count))
    if asked.beside:
        servers.insert(1, cognate("the other", asked.beside))
    if not asked.without_emulators and not prefix:
        programs = pathlib.Path(sys.executable).parent
        port = free_port()
        moto = ("moto", [programs / "moto_server", "-H", "127.0.0.1", "-p", port], {}, f"http://127.0.0.1:{port}")
        port = free_port()
        # Its listener for MQTT would be on all interfaces. It writes no line for each request, and moto does.
        settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "IOT_MTLS_PORT": "off", "LOG_LEVEL": "WARNING"}
        ministack = ("ministack", [programs / "ministack"], settings, f"http://127.0.0.1:{port}")
        for emulator in (moto, ministack):
            server = started(*emulator, is_emulator=True)
            server.requests = operations.Requests(server, provider)
            servers.append(server)
    return servers


def postgres(stack):
    """The settings of a server on a PostgreSQL of its own, with fsync on."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=DIST))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    script = ROOT / "scripts" / "postgres"
    environment = os.environ | {"COGNATE_TEST_POSTGRES_FSYNC": "on"}
    command = [script, "start", folder / "server"]
    url = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    stack.callback(subprocess.run, [script, "stop", folder / "server"], check=True)
    key = folder / "master.key"
    subprocess.run([DIST / "cognate", "master-key", "make", key], stdout=subprocess.DEVNULL, check=True)
    return {"COGNATE_DATABASE_URL": url, "COGNATE_MASTER_KEY_FILE": str(key)}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
