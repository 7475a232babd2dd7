"""The reference deployment of docs/deployment.md: its own files, with other addresses, ports and paths."""

import concurrent.futures
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time

import boto3
import botocore.exceptions
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config

from cognate import Server
from postgresql import ADDRESS, Authority, PostgreSql
from programs import Program, run
from surroundings import BINARY, CALLER, PROJECT, REGION, environment

HOST = "id.example.com"
READ_TIMEOUT = 30


def free_port():
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


def block(language):
    """The one code block of this language in the guide."""
    text = (PROJECT / "docs/deployment.md").read_text()
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found


def substituted(text, pairs):
    """The text with other addresses and paths; each must be in it."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, str(new))
    return text


class Deployment:
    """A database, three servers and nginx, on this machine."""

    def __init__(self, folder, stack):
        self.folder, self.authority, self.servers = folder, Authority("deployment"), []
        self.database = PostgreSql(max_connections=80)
        stack.callback(self.database.stop)
        stack.callback(self.stop_servers)
        self.authority_file = folder / "authority.pem"
        self.authority_file.write_bytes(self.authority.pem)
        self.certificate, self.certificate_key = self.write_certificate("server", *self.authority.issue(HOST))
        self.ports = [free_port() for _ in range(3)]
        self.port = free_port()
        self.write("database-url", self.database.url)
        self.write("database-password", "first-password\n")
        assert run([BINARY, "master-key", "make", folder / "master.key"], environment(folder)).returncode == 0
        for number in range(3):
            self.servers.append(self.start(number))
        self.nginx = self.start_nginx()
        stack.callback(self.nginx.stop)
        self.key_id, self.secret = self.servers[0].key_id, self.servers[0].secret

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def write_certificate(self, name, certificate, key):
        return self.write(f"{name}.pem", certificate), self.write(f"{name}-key.pem", key)

    def start(self, number):
        folder = self.folder / f"cognate{number + 1}"
        config = substituted(
            block("toml"),
            [
                ("10.0.0.11:2647", f"{ADDRESS}:0"),
                ("10.0.0.11:2646", f"{ADDRESS}:{self.ports[number]}"),
                ("/var/lib/cognate", folder / "data"),
                ("/etc/cognate/database-url", self.folder / "database-url"),
                ("/etc/cognate/master.key", self.folder / "master.key"),
                ("10.0.0.10/32", f"{ADDRESS}/32"),
                ("/etc/cognate/server.pem", self.certificate),
                ("/etc/cognate/server-key.pem", self.certificate_key),
                ("/etc/cognate/database-password", self.folder / "database-password"),
                ("/etc/cognate/database-ca.pem", self.database.authority_file),
            ],
        )
        file = self.write(f"cognate{number + 1}.toml", config)
        return Server(folder, "--config", file, listen=f"{ADDRESS}:{self.ports[number]}", data="data")

    def start_nginx(self):
        subprocess.run([PROJECT / "scripts/unpack", "nginx"], check=True)
        site = substituted(
            block("nginx"),
            [
                *((f"10.0.0.{11 + number}:2646", f"{ADDRESS}:{port}") for number, port in enumerate(self.ports)),
                ("10.0.0.10:443", f"{ADDRESS}:{self.port}"),
                ("/etc/nginx/id.example.com.pem", self.certificate),
                ("/etc/nginx/id.example.com-key.pem", self.certificate_key),
                ("/etc/nginx/cognate-ca.pem", self.authority_file),
                ("/var/log/nginx/", f"{self.folder}/nginx-"),
            ],
        )
        self.write("site.conf", site)
        bodies = " ".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self.write(
            "nginx.conf",
            f"daemon off; pid {self.folder}/nginx.pid; user root; events {{}}\n"
            f"http {{ {bodies} include {self.folder}/site.conf; }}\n".replace(
                "user root; ", "user root; " if os.getuid() == 0 else ""
            ),
        )
        program = PROJECT / ".tools/debian/usr/sbin/nginx"
        error_log = self.folder / "nginx-start.log"
        words = [program, "-c", self.folder / "nginx.conf", "-p", self.folder, "-e", error_log]
        started = Program("nginx", words, self.folder / "nginx-output.log", cwd=self.folder, env=environment(self.folder))
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection((ADDRESS, self.port), timeout=1).close()
                return started
            except OSError:
                assert time.monotonic() < deadline and started.process.poll() is None, started.text()
                time.sleep(0.05)

    def client(self, service="cognito-identity", signed=True):
        config = {"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": READ_TIMEOUT + 10}
        keys = (self.key_id, self.secret) if signed else ()
        if not signed:
            config["signature_version"] = UNSIGNED
        session = boto3.Session(*keys, region_name=REGION)
        url = f"https://{HOST}:{self.port}"
        return session.client(service, endpoint_url=url, verify=str(self.authority_file), config=Config(**config))

    def access_log(self):
        return (self.folder / "nginx-cognate.log").read_text()

    def stop_servers(self):
        for server in self.servers:
            server.program.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    resolve = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        # The name of the deployment is this machine; everything else about the requests is real.
        patch.setattr(
            socket, "getaddrinfo", lambda host, *more, **named: resolve(ADDRESS if host == HOST else host, *more, **named)
        )
        with contextlib.ExitStack() as stack:
            yield Deployment(tmp_path_factory.mktemp("deployment"), stack)


@pytest.fixture(scope="module")
def pool(deployment):
    made = deployment.client().create_identity_pool(
        IdentityPoolName="Deployed", AllowUnauthenticatedIdentities=True, DeveloperProviderName="login.example"
    )
    time.sleep(1.2)
    return made["IdentityPoolId"]


def served_by(deployment):
    """The ports of the servers that the access log names."""
    return {int(port) for port in re.findall(rf"{ADDRESS}:(\d+)", deployment.access_log())}


def test_guests_and_signed_calls_reach_all_servers(deployment, pool):
    public = deployment.client(signed=False)
    for _ in range(9):
        guest = public.get_id(IdentityPoolId=pool)["IdentityId"]
        assert deployment.client().describe_identity(IdentityId=guest)["IdentityId"] == guest
    assert deployment.client("sts").get_caller_identity()["Arn"].endswith(":root")
    assert deployment.client("iam").list_roles()["Roles"] == []
    assert served_by(deployment) == set(deployment.ports)


def test_the_issuer_and_its_keys_are_served_and_the_metrics_are_not(deployment):
    url = f"https://{HOST}:{deployment.port}"
    asked = {"verify": str(deployment.authority_file), "timeout": 10}
    assert requests.get(f"{url}/.well-known/openid-configuration", **asked).json()["issuer"] == f"https://{HOST}"
    assert requests.get(f"{url}/.well-known/jwks_uri", **asked).json()["keys"]
    assert requests.get(f"{url}/health", **asked).text == "ok\n"
    assert requests.get(f"{url}/metrics", **asked).status_code == 404


def test_a_client_speaks_http_2(deployment):
    words = ["curl", "--silent", "--http2", "--cacert", deployment.authority_file, "--write-out", "%{http_version}"]
    address = ["--resolve", f"{HOST}:{deployment.port}:{ADDRESS}", "--output", "/dev/null"]
    done = run([*words, *address, f"https://{HOST}:{deployment.port}/health"], environment(deployment.folder))
    assert done.stdout == "2", done


def test_the_address_of_a_client_is_the_one_that_connected(deployment, pool):
    """A client can't choose its address: the role is for guests of one network only."""
    account = deployment.client("sts").get_caller_identity()["Account"]
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": account},
        "Action": "sts:AssumeRole",
        "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = deployment.client("iam").create_role(RoleName="elsewhere", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    time.sleep(1.2)
    client = deployment.client("sts")

    def forge(request, **_):
        request.headers["X-Forwarded-For"] = "203.0.113.7"

    # After it was signed, because a proxy may change this header.
    client.meta.events.register("before-send.sts.AssumeRole", forge)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        client.assume_role(RoleArn=role, RoleSessionName="me")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_no_log_has_the_query(deployment):
    url = f"https://{HOST}:{deployment.port}/?Action=GetCallerIdentity&Version=2011-06-15&WebIdentityToken=secret-token"
    requests.get(url, verify=str(deployment.authority_file), timeout=10)
    # nginx writes the line after the answer.
    end = time.monotonic() + 5
    while " GET / 4" not in deployment.access_log() and time.monotonic() < end:
        time.sleep(0.05)
    assert " GET / 4" in deployment.access_log()
    for log in deployment.folder.glob("nginx-*.log"):
        assert "secret-token" not in log.read_text()


def test_a_body_beyond_the_limit_gets_the_services_error(deployment):
    url = f"https://{HOST}:{deployment.port}/"
    headers = {"X-Amz-Target": "AWSCognitoIdentityService.GetId", "Content-Type": "application/x-amz-json-1.1"}
    answer = requests.post(url, b" " * (1 << 20) + b"{}", headers=headers, verify=str(deployment.authority_file), timeout=10)
    assert (answer.status_code, answer.json()["__type"]) == (413, "RequestEntityTooLargeException")


class Load:
    """Clients that make guests and users until it ends, and what they got."""

    def __init__(self, deployment, pool, clients=12):
        self.deployment, self.pool, self.running = deployment, pool, True
        self.guests, self.errors, self.slowest = [], [], 0
        self.threads = concurrent.futures.ThreadPoolExecutor(clients)
        self.works = [self.threads.submit(self.work, number) for number in range(clients)]
        deadline = time.monotonic() + 30
        while len(self.guests) < 20 * clients:
            assert time.monotonic() < deadline, "the clients make no progress"
            time.sleep(0.05)

    def work(self, number):
        public, developer = self.deployment.client(signed=False), self.deployment.client()
        count = 0
        while self.running:
            began = time.monotonic()
            try:
                if count % 2:
                    logins = {"login.example": f"user-{number}-{count}"}
                    answer = developer.get_open_id_token_for_developer_identity(IdentityPoolId=self.pool, Logins=logins)
                else:
                    answer = public.get_id(IdentityPoolId=self.pool)
                self.guests.append(answer["IdentityId"])
            except botocore.exceptions.ClientError as error:
                self.errors.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
            count += 1
            self.slowest = max(self.slowest, time.monotonic() - began)

    def end(self):
        """Waits until every call was answered, and checks that nothing that was answered is lost."""
        self.running = False
        for work in self.works:
            work.result()
        self.threads.shutdown()
        client = self.deployment.client()
        for identity in self.guests[:: max(1, len(self.guests) // 50)]:
            assert client.describe_identity(IdentityId=identity)["IdentityId"] == identity
        assert len(set(self.guests)) == len(self.guests)


def test_a_server_that_is_killed_costs_only_the_calls_that_it_had_begun(deployment, pool):
    load = Load(deployment, pool)
    before = len(load.guests)
    deployment.servers[1].program.stop(signal.SIGKILL)
    killed = time.monotonic()
    time.sleep(3)
    deployment.servers[1] = deployment.start(1)
    time.sleep(5)
    answered, at = len(load.guests), time.monotonic()
    load.end()
    print(f"killed: {before} calls before, {answered - before} in {at - killed:.0f} s after it; errors {load.errors}")
    assert answered > before + 20
    # A client has one call in progress, so one call for each client at most.
    assert len(load.errors) <= 12 and set(load.errors) <= {502}


def test_a_server_that_is_restarted_finishes_its_calls(deployment, pool):
    load = Load(deployment, pool)
    for number in range(3):
        deployment.servers[number].stop()
        deployment.servers[number] = deployment.start(number)
        # As the guide says.
        time.sleep(5)
    load.end()
    print(f"restarted: {len(load.guests)} calls; errors {load.errors}")
    # The moment at which an idle connection ends can't be excluded, and is rare.
    assert len(load.errors) <= 3 and set(load.errors) <= {502}


@pytest.mark.skipif(not CALLER.get("COGNATE_TEST_FULL"), reason="takes long: scripts/test --full has it")
def test_a_server_that_hangs_is_left_out(deployment, pool):
    process = deployment.servers[2].program.process
    load = Load(deployment, pool)
    process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(3)
        before, at = len(load.guests), time.monotonic()
        time.sleep(READ_TIMEOUT + 3)
        during = (len(load.guests) - before) / (time.monotonic() - at)
    finally:
        process.send_signal(signal.SIGCONT)
    time.sleep(2)
    load.end()
    print(f"hanging: {during:.0f} calls each second meanwhile; errors {load.errors}; the slowest took {load.slowest:.0f} s")
    assert set(load.errors) <= {504, 500}
    assert during > 0
    deadline = time.monotonic() + 15
    while deployment.ports[2] not in {int(line.split(f"{ADDRESS}:")[-1].split()[0]) for line in
                                      deployment.access_log().splitlines()[-30:] if f"{ADDRESS}:" in line}:
        deployment.client(signed=False).get_id(IdentityPoolId=pool)
        assert time.monotonic() < deadline, "the server gets no calls again"
