"""SIGTERM under load, behind nginx with health checks: no call fails.

nginx without its commercial modules asks no health, so that a program does it here, as controllers of ingresses do: it asks each
server's /health and gives nginx another list of servers.
"""

import collections
import concurrent.futures
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests

from cognate import Server
from programs import Program, run
from surroundings import BINARY, PROJECT, environment
from test_deployment import free_port
from test_several_servers import database as database  # the fixture

DRAIN, CHECK, CLIENTS = 3, 0.3, 6


class CheckedServers:
    """Two servers with one database, nginx in front of them, and the health checks."""

    def __init__(self, folder, database):
        self.folder, self.database = folder, database
        self.ports, self.port = [free_port(), free_port()], free_port()
        self.key = folder / "master.key"
        assert run([BINARY, "master-key", "make", self.key], environment(folder)).returncode == 0
        self.servers = [self.start(number) for number in range(2)]
        self.left, self.running = None, True
        self.write(self.ports)
        program = PROJECT / ".tools/debian/usr/sbin/nginx"
        words = [program, "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "nginx.log"]
        self.nginx = Program("nginx", words, folder / "nginx-output.log", cwd=folder, env=environment(folder))
        self.checks = threading.Thread(target=self.check)
        self.checks.start()
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline and self.nginx.process.poll() is None, self.nginx.text()
                time.sleep(0.05)

    def start(self, number):
        flags = ["--database-url", self.database, "--master-key-file", self.key, "--public-url", "http://127.0.0.1:1"]
        listen = f"127.0.0.1:{self.ports[number]}"
        variables = {"COGNATE_DRAIN_DELAY": str(DRAIN)}
        return Server(self.folder / f"server-{number}", *flags, listen=listen, variables=variables)

    def write(self, healthy):
        """The configuration of nginx with these servers."""
        self.left = healthy
        servers = " ".join(f"server 127.0.0.1:{port};" for port in healthy)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        bodies = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)
        user = "user root; " if os.getuid() == 0 else ""
        text = f"""daemon off; pid {self.folder}/nginx.pid; {user}events {{}}
            http {{
                {bodies} access_log off;
                upstream cognate {{ {servers} keepalive 16; }}
                server {{
                    listen 127.0.0.1:{self.port};
                    location / {{
                        proxy_pass http://cognate;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_set_header Host $http_host;
                    }}
                }}
            }}"""
        new = self.folder / "nginx.next"
        new.write_text(text)
        new.replace(self.folder / "nginx.conf")

    def check(self):
        while self.running:
            healthy = [port for port in self.ports if self.is_healthy(port)]
            if healthy and healthy != self.left:
                self.write(healthy)
                self.nginx.process.send_signal(signal.SIGHUP)
            time.sleep(CHECK)

    def is_healthy(self, port):
        try:
            return requests.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def stop(self):
        self.running = False
        self.checks.join()
        self.nginx.stop()
        for server in self.servers:
            server.stop()


@pytest.fixture
def checked(tmp_path, database):
    subprocess.run([PROJECT / "scripts/unpack", "nginx"], check=True)
    started = CheckedServers(tmp_path, database)
    yield started
    started.stop()


def test_sigterm_behind_nginx_with_health_checks_fails_no_call(checked):
    pool = checked.servers[0].client("cognito-identity").create_identity_pool(
        IdentityPoolName="Checked", AllowUnauthenticatedIdentities=True
    )["IdentityPoolId"]
    time.sleep(1.2)
    body, stop, count = json.dumps({"IdentityPoolId": pool}), threading.Event(), collections.Counter()
    headers = {"X-Amz-Target": "AWSCognitoIdentityService.GetId", "Content-Type": "application/x-amz-json-1.1"}

    def call():
        statuses = collections.Counter()
        while not stop.is_set():
            # Each call has a connection of its own: nginx ends idle ones when it gets another list.
            answer = requests.post(f"http://127.0.0.1:{checked.port}/", body, headers=headers, timeout=30)
            statuses[answer.status_code] += 1
        return statuses

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as threads:
        calls = [threads.submit(call) for _ in range(CLIENTS)]
        time.sleep(1)
        for number in range(2):
            checked.servers[number].stop()
            assert checked.left == [checked.ports[1 - number]]
            checked.servers[number] = checked.start(number)
            time.sleep(3 * CHECK)
        stop.set()
        for ended in calls:
            count += ended.result()
    print(f"two servers were stopped: {dict(count)}")
    assert count.keys() == {200} and count.total() > 100, count
