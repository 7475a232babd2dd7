"""Keys without code: unmodified clients get their credentials by configuration alone, and use them at an S3 store.

Each client runs in a process of its own, which has nothing but variables or a profile. The store serves only the session that
the server gives to this workload.
"""

import contextlib
import datetime
import ipaddress
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from programs import Program, run
from store import Store
from surroundings import BINARY, CALLER, HERE, NODE, PROJECT, PYTHON, environment
from world import new_user

POOL = "us-east-1:c09a7e00-0000-4000-8000-000000000001"

BOTO3 = """
import boto3
s3 = boto3.client("s3", region_name="us-east-1")
s3.put_object(Bucket="lake", Key="boto3", Body=b"hello")
print(s3.get_object(Bucket="lake", Key="boto3")["Body"].read().decode())
"""

OBSTORE = """
import os, obstore
from obstore.store import S3Store
store = S3Store("lake", endpoint=os.environ["STORE"], region="us-east-1", client_options={"allow_http": True})
obstore.put(store, "obstore", b"hello")
print(bytes(obstore.get(store, "obstore").bytes()).decode())
"""

OPENDAL = """
import os, opendal
store = opendal.Operator("s3", bucket="lake", endpoint=os.environ["STORE"], region="us-east-1")
store.write("opendal", b"hello")
print(bytes(store.read("opendal")).decode())
"""

MINIO = """
import io, os
from minio import Minio
from minio.credentials import IamAwsProvider
from urllib.parse import urlsplit
store = Minio(endpoint=urlsplit(os.environ["STORE"]).netloc, secure=False, region="us-east-1", credentials=IamAwsProvider())
store.put_object(bucket_name="lake", object_name="minio", data=io.BytesIO(b"hello"), length=5)
print(store.get_object(bucket_name="lake", object_name="minio").read().decode())
"""

PYARROW = """
import os
from pyarrow import fs
store = fs.S3FileSystem(endpoint_override=os.environ["STORE"], scheme="http", region="us-east-1")
with store.open_output_stream("lake/pyarrow") as out:
    out.write(b"hello")
with store.open_input_stream("lake/pyarrow") as stream:
    print(stream.read().decode())
"""

DUCKDB = """
import duckdb, os
from pathlib import Path
from urllib.parse import urlsplit
import duckdb_extension_aws, duckdb_extension_httpfs
database = duckdb.connect()
for package in (duckdb_extension_httpfs, duckdb_extension_aws):
    database.load_extension(str(next(Path(package.__path__[0]).rglob("*.duckdb_extension"))))
store = urlsplit(os.environ["STORE"]).netloc
options = f"PROVIDER credential_chain, ENDPOINT '{store}', USE_SSL false, URL_STYLE 'path', REGION 'us-east-1', REFRESH auto"
database.sql(f"CREATE SECRET (TYPE s3, {options})")
database.sql("COPY (SELECT 'hello' AS word) TO 's3://lake/duckdb.csv' (FORMAT csv, HEADER false)")
print(database.sql("SELECT * FROM read_csv('s3://lake/duckdb.csv', header = false)").fetchone()[0])
"""

# There is no S3 client among the packages: the STS names the role of the keys.
NODE_SDK = """
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
const sts = new STSClient({ region: "us-east-1", endpoint: process.env.COGNATE_ENDPOINT });
const { Arn } = await sts.send(new GetCallerIdentityCommand({}));
console.log(Arn.includes(":assumed-role/DemoSignedIn/") ? "hello" : Arn);
"""

RCLONE = """
export RCLONE_CONFIG_LAKE_TYPE=s3 RCLONE_CONFIG_LAKE_PROVIDER=Other RCLONE_CONFIG_LAKE_ENV_AUTH=true
export RCLONE_CONFIG_LAKE_ENDPOINT=$STORE RCLONE_CONFIG_LAKE_REGION=us-east-1 RCLONE_CONFIG_LAKE_NO_CHECK_BUCKET=true
# The SDK in Debian's rclone reads the token from a variable only.
export AWS_CONTAINER_AUTHORIZATION_TOKEN=$(cat "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
echo -n hello | rclone rcat --s3-no-head LAKE:lake/rclone
rclone copyto LAKE:lake/rclone from-the-store && cat from-the-store
"""


def python(script):
    return [PYTHON, "-c", script]


CLIENTS = {
    "boto3": python(BOTO3),
    "AWS CLI": ["bash", "-c", "echo -n hello >hello && aws s3 cp --quiet hello s3://lake/cli && aws s3 cp s3://lake/cli -"],
    "obstore": python(OBSTORE),
    "OpenDAL": python(OPENDAL),
    "minio-py": python(MINIO),
    "JavaScript": [NODE, "--input-type=module", "-e", NODE_SDK],
}
FULL = {
    "PyArrow": python(PYARROW),
    "DuckDB": python(DUCKDB),
    "rclone": ["bash", "-euo", "pipefail", "-c", RCLONE],
}

if CALLER.get("COGNATE_TEST_FULL") == "1":
    CLIENTS |= FULL

PROFILES = ("boto3", "AWS CLI", "JavaScript")
"""The clients that read the AWS configuration file."""


class Workload:
    """A server with its demo pool, a workload with a token, and the store."""

    def __init__(self, folder, server, store):
        self.folder = folder
        self.server = server
        self.store = store
        self.url = f"{server.url}/credentials/{POOL}"
        self.token_file = folder / "token"
        self.token = self.cognate("dev", "token", "--sub", "runner").stdout.strip()
        # No newline at the end: botocore refuses one.
        self.token_file.write_text(self.token)
        answer = requests.get(self.url, headers={"Authorization": self.token}, timeout=10)
        assert answer.status_code == 200, answer.text
        self.keys = answer.json()
        store.accepted = (self.keys["AccessKeyId"], self.keys["Token"])

    def environment(self, **more):
        basis = {
            "COGNATE_ENDPOINT": self.server.url,
            "COGNATE_USER_DIR": self.folder / "user",
            "AWS_CONFIG_FILE": self.folder / "config",
            "AWS_ENDPOINT_URL_S3": self.store.url,
            "STORE": self.store.url,
        }
        return environment(self.folder, **basis | more)

    def container(self, url=None, **more):
        variables = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url or self.url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": self.token_file,
        }
        return self.environment(**variables | more)

    def cognate(self, *words, **more):
        done = run([BINARY, *words], self.environment(**more), cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture(scope="module")
def workload(request, tmp_path_factory):
    from cognate import Server

    folder = tmp_path_factory.mktemp("workload")
    server = Server(folder / "server", command="dev")
    request.config.servers.append(server)
    store = Store()
    yield Workload(folder, server, store)
    store.stop()
    server.stop()
    request.config.servers.remove(server)


def hello(command, env, folder):
    if "rclone" in str(command):
        env["PATH"] = f"{PROJECT / '.tools/debian/usr/bin'}:{env['PATH']}"
    if NODE in command:
        # Node finds packages from the folder that it runs in.
        folder = HERE
    done = run(command, env, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("hello"), done.stdout + done.stderr


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_its_keys_by_container_credentials(workload, client):
    hello(CLIENTS[client], workload.container(), workload.folder)


def add_profile(workload, name, *words):
    words = ["--pool", POOL, "--from", "file", "--token-file", workload.token_file, *words]
    return workload.cognate("profile", "add", name, "--s3-endpoint", workload.store.url, *words)


@pytest.mark.parametrize("client", PROFILES)
def test_a_client_gets_its_keys_and_its_store_from_a_profile(workload, client):
    add_profile(workload, "lake")
    env = workload.environment(AWS_PROFILE="lake")
    # The profile names the store, and the process gives the keys.
    del env["AWS_ENDPOINT_URL_S3"]
    hello(CLIENTS[client], env, workload.folder)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_its_keys_from_the_agent(workload, client, tmp_path):
    add_profile(workload, "agent")
    command = [BINARY, "agent", "--profile", "agent", "--as-root"]
    agent = Program("agent", command, tmp_path / "log", env=workload.environment())
    try:
        lines = agent.wait_for(r"export \w+FULL_URI=(\S+)\nexport \w+TOKEN=(\S+)\n")
        # object_store and others read the token from a file only.
        token_file = tmp_path / "token"
        token_file.write_text(lines[2])
        env = workload.container(lines[1], AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token_file)
        hello(CLIENTS[client], env, workload.folder)
        for headers in ({}, {"Authorization": "x"}, {"Authorization": f"Bearer {lines[2]}"}):
            assert requests.get(lines[1], headers=headers, timeout=10).status_code == 403
        page = {"Authorization": lines[2], "Origin": "http://evil.example"}
        assert requests.get(lines[1], headers=page, timeout=10).status_code == 400
        rebound = {"Authorization": lines[2], "Host": "evil.example"}
        assert requests.get(lines[1], headers=rebound, timeout=10).status_code == 400
    finally:
        agent.stop()


PRIVATE_CA = {
    "obstore": "SSL_CERT_FILE",
    "OpenDAL": "SSL_CERT_FILE",
    "minio-py": "SSL_CERT_FILE",
    "JavaScript": "NODE_EXTRA_CA_CERTS",
    "PyArrow": "SSL_CERT_FILE",
}
"""The clients that get container credentials from a server with a private CA, and the variable that names its file."""


def certificate(folder):
    """The file of a CA, and the configuration of a server with a certificate of it."""
    now = datetime.datetime.now(datetime.UTC)

    def sign(subject, key, signer, is_ca):
        name = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (subject, "CA")]
        builder = x509.CertificateBuilder().subject_name(name[0]).issuer_name(name[1]).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        constraints = x509.BasicConstraints(ca=is_ca, path_length=None)
        builder = builder.add_extension(addresses, critical=False).add_extension(constraints, critical=True)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (folder / "ca.pem").write_bytes(sign("CA", root, root, True))
    (folder / "server.pem").write_bytes(sign("cognate", key, root, False))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    (folder / "key.pem").chmod(0o600)
    files = f"certificate_file = '{folder}/server.pem'\nkey_file = '{folder}/key.pem'"
    (folder / "cognate.toml").write_text(f"[tls]\n{files}\n")
    return folder / "ca.pem", folder / "cognate.toml"


def test_clients_trust_a_server_with_a_private_ca(own_server, tmp_path, workload):
    ca, config = certificate(tmp_path)
    server = own_server("--config", config, command="dev")
    env = workload.environment(COGNATE_ENDPOINT=server.url, SSL_CERT_FILE=ca)
    token = run([BINARY, "dev", "token", "--sub", "runner"], env)
    assert token.returncode == 0, token.stderr
    (tmp_path / "token").write_text(token.stdout.strip())
    url = f"{server.url}/credentials/{POOL}"
    answer = requests.get(url, headers={"Authorization": token.stdout.strip()}, verify=str(ca), timeout=10)
    store = Store()
    store.accepted = (answer.json()["AccessKeyId"], answer.json()["Token"])
    try:
        for client in PRIVATE_CA.keys() & CLIENTS.keys():
            variables = {
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": tmp_path / "token",
                "AWS_ENDPOINT_URL_S3": store.url,
                "STORE": store.url,
                "COGNATE_ENDPOINT": server.url,
                PRIVATE_CA[client]: ca,
            }
            hello(CLIENTS[client], workload.container(url, **variables), workload.folder)
        # botocore knows no variable for it.
        refused = run(python(BOTO3), workload.container(url, AWS_CA_BUNDLE=ca, SSL_CERT_FILE=ca), cwd=workload.folder)
        assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr
    finally:
        store.stop()
    # A profile works everywhere: cognate itself makes the request.
    words = ["--pool", POOL, "--from", "file", "--token-file", tmp_path / "token", "--no-aws-config"]
    done = run([BINARY, "profile", "add", "private", *words], env)
    assert done.returncode == 0, done.stderr
    done = run([BINARY, "credentials", "--profile", "private"], env)
    assert json.loads(done.stdout)["AccessKeyId"] == answer.json()["AccessKeyId"], done.stderr


# What a person sees if the server refuses: words of the refusal, or of the client that hides it.
REFUSED = {
    "boto3": "must be an ID token",
    "AWS CLI": "must be an ID token",
    "obstore": "must be an ID token",
    "OpenDAL": "failed to load signing credential",
    "minio-py": "401",
    "JavaScript": "Could not load credentials from any providers",
    "PyArrow": "ACCESS_DENIED",
    "DuckDB": "Secret Validation Failure",
    "rclone": "NoCredentialProviders",
}


def test_a_refusal_is_shown_by_most_clients(workload):
    file = workload.folder / "opaque"
    file.write_text("opaque token")

    def refusal(client):
        env = workload.container(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=file)
        if "rclone" in client:
            env["PATH"] = f"{PROJECT / '.tools/debian/usr/bin'}:{env['PATH']}"
        folder = HERE if client == "JavaScript" else workload.folder
        return run(CLIENTS[client], env, cwd=folder)

    with ThreadPoolExecutor(len(CLIENTS)) as pool:
        refusals = dict(zip(CLIENTS, pool.map(refusal, CLIENTS), strict=True))
    for client, done in refusals.items():
        assert done.returncode != 0 and REFUSED[client] in done.stderr, (client, done.stderr)


def test_a_token_that_is_replaced_by_a_rename_is_read_again(workload):
    script = f"""
import boto3, os
session = boto3.Session(region_name="us-east-1")
print(session.get_credentials().get_frozen_credentials().access_key)
os.rename("next", "rotated")
session = boto3.Session(region_name="us-east-1")
print(session.get_credentials().get_frozen_credentials().access_key)
"""
    folder = workload.folder
    (folder / "rotated").write_text("not a token any more")
    (folder / "next").write_text(workload.token)
    env = workload.container(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=folder / "rotated")
    refused = run(python(script), env, cwd=folder)
    assert refused.returncode != 0
    # boto3 shows the status and the reason.
    assert "must be an ID token" in refused.stderr
    (folder / "rotated").write_text(workload.cognate("dev", "token", "--sub", "runner").stdout.strip())
    (folder / "next").write_text(workload.cognate("dev", "token", "--sub", "other").stdout.strip())
    done = run(python(script), env, cwd=folder)
    first, second = done.stdout.split()
    assert first == workload.keys["AccessKeyId"] != second


def test_ten_processes_at_once_fetch_once(workload):
    add_profile(workload, "ten")
    asked = "cognate_requests_total{operation=\"GetContainerCredentials\",code=\"OK\"}"

    def count():
        lines = requests.get(f"{workload.server.url}/metrics", timeout=10).text.splitlines()
        return sum(int(line.split()[-1]) for line in lines if line.startswith(asked))

    before = count()
    with ThreadPoolExecutor(10) as pool:
        env = workload.environment()
        started = [pool.submit(run, [BINARY, "credentials", "--profile", "ten"], env) for _ in range(10)]
        printed = {one.result().stdout for one in started}
    assert len(printed) == 1
    answer = json.loads(printed.pop())
    assert answer["Version"] == 1 and answer["SessionToken"] == workload.keys["Token"]
    assert count() == before + 1
    files = workload.folder / "user"
    assert oct(files.stat().st_mode)[-3:] == "700"
    assert {oct(file.stat().st_mode)[-3:] for file in files.iterdir()} == {"600"}


def test_older_keys_are_printed_while_the_server_cannot_be_reached(workload):
    """Keys that should be replaced, but haven't ended, are better than none. A refusal is a refusal."""
    words = ["--pool", POOL, "--from", "file", "--token-file", workload.token_file, "--no-aws-config"]
    now = datetime.datetime.now(datetime.UTC)

    def printed(endpoint, minutes, token=None):
        workload.cognate("profile", "add", "old", "--endpoint", endpoint, *words)
        keys = {"AccessKeyId": "OLD", "SecretAccessKey": "s", "Token": "t"}
        keys["Expiration"] = f"{now + datetime.timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"
        fetched = f"{now - datetime.timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        kept = {"fetched": fetched, "url": f"{endpoint}/credentials/{POOL}", "keys": keys}
        file = workload.folder / "user/old.credentials.json"
        file.write_text(json.dumps(kept))
        file.chmod(0o600)
        if token:
            workload.token_file.write_text(token)
        try:
            done = run([BINARY, "credentials", "--profile", "old"], workload.environment())
        finally:
            workload.token_file.write_text(workload.token)
        return json.loads(done.stdout)["AccessKeyId"] if done.returncode == 0 else done.stderr

    nowhere = "http://127.0.0.1:9"
    assert printed(nowhere, 10) == "OLD"
    assert "can't be reached" in printed(nowhere, -1)
    assert printed(workload.server.url, 10) == workload.keys["AccessKeyId"]
    assert "refuses (403 Forbidden)" in printed(workload.server.url, 10, "e30.e30.AA")
    # Keys of another server or pool are never used.
    workload.cognate("profile", "add", "old", "--endpoint", nowhere, *words)
    done = run([BINARY, "credentials", "--profile", "old"], workload.environment())
    assert done.returncode == 1 and "OLD" not in done.stdout


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, "token's file"), ("e30.e30.AA", "refuses (403 Forbidden)"), ("x", "refuses (401 Unauthorized)")],
)
def test_a_refusal_is_one_sentence_on_standard_error(workload, token, words):
    file = workload.folder / f"bad-{token}"
    if token:
        file.write_text(token)
    workload.cognate("profile", "add", "bad", "--pool", POOL, "--from", "file", "--token-file", file, "--no-aws-config")
    done = run([BINARY, "credentials", "--profile", "bad"], workload.environment())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1 and words in done.stderr, done.stderr


def test_jobs_of_github_and_gitlab_find_their_tokens(workload):
    from http.server import BaseHTTPRequestHandler, HTTPServer

    asked = []

    class GitHub(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"count": 1, "value": workload.token}).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), GitHub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    variables = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_port}/token?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the job's own",
        "COGNATE_ID_TOKEN": workload.token,
    }
    for source in ("github", "gitlab"):
        workload.cognate("profile", "add", source, "--pool", POOL, "--from", source, "--no-aws-config")
        done = workload.cognate("credentials", "--profile", source, **variables)
        assert json.loads(done.stdout)["AccessKeyId"] == workload.keys["AccessKeyId"]
        bare = run([BINARY, "credentials", "--profile", source], workload.environment())
        # Kept keys need no token.
        assert bare.returncode == 0
    server.shutdown()
    server.server_close()
    # The audience is the endpoint's host, whatever the server says.
    assert asked == [("/token?api-version=2.0&audience=127.0.0.1", "bearer the job's own")]


IRSA = {
    "boto3": python("import boto3; print(boto3.client('sts', region_name='us-east-1').get_caller_identity()['Arn'])"),
    "JavaScript": [NODE, "--input-type=module", "-e", NODE_SDK.replace("DemoSignedIn", "Irsa")],
}


@pytest.mark.parametrize("client", IRSA)
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_variables_of_irsa_give_a_role(server, pools, providers, tmp_path, client, end):
    """AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN and the endpoint alone; both send a final newline of the file, too."""
    issuer = providers["RS256"]
    iam = server.client("iam")
    condition = {"StringEquals": {f"{issuer.key}:aud": issuer.CLIENT}}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{pools.account}:oidc-provider/{issuer.key}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="Irsa", AssumeRolePolicyDocument=trust)
    file = tmp_path / "token"
    file.write_text(issuer.token(new_user()) + end)
    env = environment(
        tmp_path,
        AWS_WEB_IDENTITY_TOKEN_FILE=file,
        AWS_ROLE_ARN=pools.role("Irsa"),
        AWS_ENDPOINT_URL_STS=server.url,
        COGNATE_ENDPOINT=server.url,
    )
    done = run(IRSA[client], env, cwd=HERE if client == "JavaScript" else tmp_path)
    assert done.returncode == 0, done.stderr
    assert "hello" in done.stdout or ":assumed-role/Irsa/botocore-session-" in done.stdout, done.stdout
    # The same role without the STS: container credentials of a workload that is no identity.
    answer = requests.get(
        f"{server.url}/role-credentials/Irsa", headers={"Authorization": file.read_text().strip()}, timeout=10
    )
    assert answer.json()["RoleArn"] == pools.role("Irsa")


def test_a_workload_of_spiffe_finds_its_token(workload, tmp_path):
    agent = tmp_path / "spire-agent"
    output = json.dumps([{"svids": [{"svid": workload.token, "spiffe_id": "spiffe://x/y"}]}, {"bundles": {}}])
    agent.write_text(f"#!/bin/sh\necho \"$@\" >{tmp_path}/asked\necho '{output}'\n")
    agent.chmod(0o755)
    workload.cognate("profile", "add", "spiffe", "--pool", POOL, "--from", "spiffe", "--no-aws-config")
    env = workload.environment(SPIFFE_ENDPOINT_SOCKET="unix:///run/spire.sock")
    env["PATH"] = f"{tmp_path}:{env['PATH']}"
    done = run([BINARY, "credentials", "--profile", "spiffe"], env)
    assert json.loads(done.stdout)["AccessKeyId"] == workload.keys["AccessKeyId"], done.stderr
    asked = (tmp_path / "asked").read_text().strip()
    assert asked == "api fetch jwt -output json -audience 127.0.0.1 -socketPath /run/spire.sock"
