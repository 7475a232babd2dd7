"""An issuer with TLS under a private authority at a private address, as a Keycloak in a company: in a network namespace of
its own, so that the address is really this machine's and no name server is asked."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from surroundings import BINARY

ADDRESS, OTHER = "10.77.0.5", "192.168.77.6"
NAME = "keycloak.internal"

OPEN = [["10.77.0.0/16"], [ADDRESS], [NAME], [".internal"], ["*.internal", "192.168.0.0/16"]]
CLOSED = [[], ["10.78.0.0/16"], ["idp.internal"], [f"a.{NAME}"], [".keycloak.internal"], ["192.168.0.0/16"]]


@pytest.mark.parametrize("entries", OPEN, ids=" ".join)
def test_keys_are_fetched_from_a_network_that_is_listed(tmp_path, entries):
    answer = inside(tmp_path, entries)
    assert answer["status"] == 200, answer
    assert "IdentityId" in answer["body"]


@pytest.mark.parametrize("entries", CLOSED, ids=lambda entries: " ".join(entries) or "none")
def test_nothing_is_fetched_from_another_network_and_the_refusal_names_the_setting(tmp_path, entries):
    answer = inside(tmp_path, entries)
    assert answer["body"]["__type"] == "ExternalServiceException", answer
    assert "logins.private_networks" in answer["log"]
    assert not answer["asked"]


@pytest.mark.parametrize("where", ["169.254.169.254", "127.0.0.1", "100.100.100.200"])
def test_no_entry_opens_metadata_services_and_this_machine(tmp_path, where):
    # The name is listed, and its name server answers with an address that is never connected to.
    answer = inside(tmp_path, [NAME, "100.64.0.0/10", "10.0.0.0/8"], resolves_to=where)
    assert answer["body"]["__type"] == "ExternalServiceException", answer
    assert not answer["asked"]


def test_a_key_set_may_be_in_a_listed_network_only(tmp_path):
    one, both = tmp_path / "one", tmp_path / "both"
    one.mkdir()
    both.mkdir()
    assert inside(one, [NAME], keys=OTHER)["status"] == 400
    assert inside(both, [NAME, "192.168.0.0/16"], keys=OTHER)["status"] == 200


def inside(folder, entries, **more):
    """What the server in a new network namespace answers to a login, and what it asked the issuer."""
    question = {"entries": entries, "folder": str(folder), "binary": str(BINARY), **more}
    script = "ip link set lo up && for a in 10.77.0.5 192.168.77.6 169.254.169.254 100.100.100.200; do " \
             "ip addr add $a/32 dev lo; done && mount --bind \"$1\" /etc/hosts && exec \"$2\" \"$3\" \"$4\""
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{more.get('resolves_to', ADDRESS)} {NAME}\n")
    done = subprocess.run(
        ["unshare", "-rnm", "sh", "-c", script, "sh", hosts, sys.executable, __file__, json.dumps(question)],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def main(question):
    """Runs in the namespace: the issuer, the server and the client."""
    import boto3
    import jwt
    from botocore.config import Config
    from botocore.exceptions import ClientError
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = Path(question["folder"])
    issuer, keys_at = f"https://{NAME}:8443", question.get("keys", NAME)
    chain(folder)
    key, asked = ec.generate_private_key(ec.SECP521R1()), []
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())) | {"kid": "a", "alg": "ES512", "use": "sig"}
    documents = {
        "/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"https://{keys_at}:8443/keys"},
        "/keys": {"keys": [jwk]},
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = json.dumps(documents[self.path]).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 8443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    log = folder / "server.log"
    settings = folder / "cognate.toml"
    entries = ", ".join(f'"{entry}"' for entry in question["entries"])
    settings.write_text(f'[logins]\nextra_ca_file = "{folder}/root.pem"\nprivate_networks = [{entries}]\n')
    secret = {"id": "AKIAIOSFODNN7EXAMPLE", "key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    environment = os.environ | {
        "COGNATE_ROOT_ACCESS_KEY_ID": secret["id"], "COGNATE_ROOT_SECRET_ACCESS_KEY": secret["key"],
    }
    words = [question["binary"], "serve", "--config", settings, "--listen", "127.0.0.1:9100", "--data-dir", folder / "data"]
    with open(log, "wb") as out:
        process = subprocess.Popen(list(map(str, words)), env=environment, stdout=out, stderr=out)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", 9100)) == 0:
                    break
            threading.Event().wait(0.05)
        common = {
            "endpoint_url": "http://127.0.0.1:9100", "region_name": "eu-west-1", "aws_access_key_id": secret["id"],
            "aws_secret_access_key": secret["key"], "config": Config(retries={"max_attempts": 0}),
        }
        iam, identity = boto3.client("iam", **common), boto3.client("cognito-identity", **common)
        arn = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["app"])["OpenIDConnectProviderArn"]
        pool = identity.create_identity_pool(
            IdentityPoolName="p", AllowUnauthenticatedIdentities=False, OpenIdConnectProviderARNs=[arn]
        )["IdentityPoolId"]
        now = int(time.time())
        claims = {"iss": issuer, "aud": "app", "sub": "ada", "iat": now, "exp": now + 600}
        token = jwt.encode(claims, key, algorithm="ES512", headers={"kid": "a"})
        try:
            answer = identity.get_id(IdentityPoolId=pool, Logins={f"{NAME}:8443": token})
            found = {"status": 200, "body": {"IdentityId": answer["IdentityId"]}}
        except ClientError as error:
            found = {"status": 400, "body": {"__type": error.response["Error"]["Code"]}}
    finally:
        process.terminate()
        process.wait(10)
    print(json.dumps(found | {"log": log.read_text(), "asked": asked}))


def chain(folder):
    """A private authority, and a certificate for the issuer's name and its other address."""
    names = f"subjectAltName=DNS:{NAME},IP:{ADDRESS},IP:{OTHER}"
    (folder / "names.cnf").write_text(names)
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for words in (
        ["req", "-x509", *new, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Private authority", "-days", "2"],
        ["req", *new, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", f"/CN={NAME}"],
        ["x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
         "-out", "leaf.pem", "-days", "2", "-extfile", "names.cnf"],
    ):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
