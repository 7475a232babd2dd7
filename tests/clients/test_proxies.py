"""nginx and Caddy of Debian in front of one server, with the recipes of docs/configuration.md as they are written."""

import json
import os
import re
import socket
import subprocess
import time

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from requests.adapters import HTTPAdapter

from postgresql import Authority
from programs import Program
from surroundings import PROJECT, REGION, environment
from test_deployment import free_port, substituted

HOST = "id.example.com"
HERE, ALLOWED, OTHER, DIRECT = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.9"


def recipe(language):
    text = (PROJECT / "docs/configuration.md").read_text()
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found


class From(HTTPAdapter):
    """Connects from an address of this machine, as a client of its own."""

    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args, **named):
        super().init_poolmanager(*args, source_address=(self.address, 0), **named)


class Proxied:
    """A server, and a proxy in front of it; the public URL has a path."""

    def __init__(self, folder, own_server, kind):
        self.folder, self.kind, self.port, server_port = folder, kind, free_port(), free_port()
        authority = Authority("proxies")
        self.authority = self.write("authority.pem", authority.pem.decode())
        certificate, key = authority.issue(HOST)
        self.certificate, self.key = self.write("server.pem", certificate), self.write("key.pem", key)
        self.url = f"https://{HOST}:{self.port}/identity"
        self.audit = folder / "audit.jsonl"
        config = self.write(
            "cognate.toml",
            f'public_url = "{self.url}"\ntrusted_proxies = ["{HERE}/32"]\n[audit]\nfile = "{self.audit}"\n',
        )
        self.server = own_server("--config", config, listen=f"{HERE}:{server_port}")
        self.upstream = f"{HERE}:{server_port}"
        self.proxy = self.start_nginx() if kind == "nginx" else self.start_caddy()
        self.wait()

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def start_nginx(self):
        site = substituted(
            recipe("nginx"),
            [
                ("127.0.0.1:2646", self.upstream),
                ("listen 443", f"listen {HERE}:{self.port}"),
                ("/etc/nginx/id.example.com.pem", self.certificate),
                ("/etc/nginx/id.example.com-key.pem", self.key),
            ],
        )
        self.write("site.conf", site)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        bodies = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)
        user = "user root; " if os.getuid() == 0 else ""
        text = f"daemon off; pid {self.folder}/nginx.pid; {user}events {{}}\nhttp {{ {bodies} include site.conf; }}\n"
        file = self.write("nginx.conf", text)
        program = PROJECT / ".tools/debian/usr/sbin/nginx"
        words = [program, "-c", file, "-p", self.folder, "-e", self.folder / "nginx.log"]
        return Program("nginx", words, self.folder / "proxy.log", cwd=self.folder, env=environment(self.folder))

    def start_caddy(self):
        site = substituted(
            recipe("caddyfile"),
            [
                ("127.0.0.1:2646", self.upstream),
                ("id.example.com {", f"{HOST}:{self.port} {{\n    bind {HERE}\n    tls {self.certificate} {self.key}"),
            ],
        )
        # Neither the ports of the recipe nor a certificate of the Internet.
        file = self.write("Caddyfile", "{\n    admin off\n    auto_https disable_redirects\n}\n" + site)
        program = PROJECT / ".tools/debian/usr/bin/caddy"
        words = [program, "run", "--config", file, "--adapter", "caddyfile"]
        return Program("caddy", words, self.folder / "proxy.log", cwd=self.folder, env=environment(self.folder))

    def wait(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection((HERE, self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < deadline and self.proxy.process.poll() is None, self.proxy.text()
                time.sleep(0.05)

    def client(self, service, signed=True):
        keys = (self.server.key_id, self.server.secret) if signed else ()
        config = {"retries": {"total_max_attempts": 1}} | ({} if signed else {"signature_version": UNSIGNED})
        session = boto3.Session(*keys, region_name=REGION)
        return session.client(service, endpoint_url=self.url, verify=str(self.authority), config=Config(**config))

    def call(self, source, operation, keys=None, url=None, **parameters):
        """A call from the address `source`, with a header that names ALLOWED; the status and the id of the request."""
        url = url or self.url + "/"
        headers = {"X-Amz-Target": f"AWSCognitoIdentityService.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", url, headers, json.dumps(parameters))
        if keys:
            SigV4Auth(Credentials(*keys), "cognito-identity", REGION).add_auth(request)
        session = requests.Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, From(source))
        forged = {"X-Forwarded-For": ALLOWED} if source != ALLOWED else {}
        headers = dict(request.headers) | forged
        answer = session.post(url, request.body, headers=headers, verify=str(self.authority), timeout=10)
        return answer.status_code, answer.headers["x-amzn-requestid"]

    def line(self, request_id):
        lines = (json.loads(line) for line in self.audit.read_text().splitlines())
        [found] = [line for line in lines if line["requestID"] == request_id]
        return found


@pytest.fixture(params=["nginx", "caddy"])
def proxied(request, own_server, tmp_path, monkeypatch):
    subprocess.run([PROJECT / "scripts/unpack", request.param], check=True)
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **named: resolve(HERE if host == HOST else host, *more, **named)
    )
    made = Proxied(tmp_path, own_server, request.param)
    yield made
    made.proxy.stop()


def test_the_recipe_serves_guests_and_signed_calls_and_names_clients(proxied):
    pools, app = proxied.client("cognito-identity"), proxied.client("cognito-identity", signed=False)
    pool = pools.create_identity_pool(IdentityPoolName="Proxied", AllowUnauthenticatedIdentities=True)
    of_pool = {"IdentityPoolId": pool["IdentityPoolId"]}
    role = proxied.client("sts").get_caller_identity()["Arn"].replace(":root", ":role/Guest")
    pools.set_identity_pool_roles(Roles={"unauthenticated": role}, **of_pool)
    guest = app.get_id(**of_pool)["IdentityId"]
    assert app.get_credentials_for_identity(IdentityId=guest)["Credentials"]["SessionToken"]
    assert proxied.client("iam").list_roles()["Roles"] == []

    # The public URL is that of the proxy, with its path.
    get = requests.Session()
    get.verify = str(proxied.authority)
    found = get.get(proxied.url + "/.well-known/openid-configuration", timeout=10).json()
    assert found["issuer"] == proxied.url
    assert get.get(found["jwks_uri"], timeout=10).json()["keys"]
    for path in ("/identity/metrics", "/metrics"):
        assert get.get(proxied.url.replace("/identity", path), timeout=10).status_code == 404
    assert get.get(proxied.url + "/health", timeout=10).text.strip() == "ok"

    # A key for one address.
    statement = {
        "Effect": "Allow",
        "Action": "cognito-identity:*",
        "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": f"{ALLOWED}/32"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    key = create_key(proxied, policy)
    named = {"IdentityPoolName": "Another", "AllowUnauthenticatedIdentities": False}
    status, request_id = proxied.call(ALLOWED, "CreateIdentityPool", key, **named)
    line = proxied.line(request_id)
    assert (status, line["sourceIPAddress"], line["additionalEventData"]["peer"]) == (200, ALLOWED, HERE)
    # A client can't name another address, neither through the proxy nor directly.
    status, request_id = proxied.call(OTHER, "CreateIdentityPool", key, **named)
    assert (status, proxied.line(request_id)["sourceIPAddress"]) == (400, OTHER)
    direct = f"http://{proxied.upstream}/"
    status, request_id = proxied.call(DIRECT, "CreateIdentityPool", key, url=direct, **named)
    assert (status, proxied.line(request_id)["sourceIPAddress"]) == (400, DIRECT)
    assert "trusted_proxies" in proxied.server.log()
    status, request_id = proxied.call(OTHER, "GetId", **of_pool)
    assert (status, proxied.line(request_id)["sourceIPAddress"]) == (200, OTHER)


def create_key(proxied, policy):
    """The id and the secret of a new access key with this policy."""
    headers = {"X-Amz-Target": "Cognate.CreateAccessKey", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", proxied.url + "/", headers, json.dumps({"Name": "near", "Policy": policy}))
    keys = Credentials(proxied.server.key_id, proxied.server.secret)
    SigV4Auth(keys, "cognito-identity", REGION).add_auth(request)
    answer = requests.post(request.url, request.body, headers=dict(request.headers), verify=str(proxied.authority), timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()["AccessKeyId"], answer.json()["SecretAccessKey"]
