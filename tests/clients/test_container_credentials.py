"""Keys without code: what `cognate credentials` and the agent do, and where the token of a workload comes from.

test_s3_clients.py has the clients that use the keys.
"""

import contextlib
import datetime
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from programs import run
from surroundings import BINARY, HERE, NODE, PYTHON, environment
from world import new_user

POOL = "us-east-1:c09a7e00-0000-4000-8000-000000000001"


# The STS names the role of the keys.
NODE_SDK = """
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
const sts = new STSClient({ region: "us-east-1", endpoint: process.env.COGNATE_ENDPOINT });
const { Arn } = await sts.send(new GetCallerIdentityCommand({}));
console.log(Arn.includes(":assumed-role/Irsa/") ? "hello" : Arn);
"""


def python(script):
    return [PYTHON, "-c", script]


class Workload:
    """A server with its demo pool, and a workload with a token."""

    def __init__(self, folder, server):
        self.folder = folder
        self.server = server
        self.url = f"{server.url}/credentials/{POOL}"
        self.token_file = folder / "token"
        self.token = self.cognate("dev", "token", "--sub", "runner").stdout.strip()
        # No newline at the end: botocore refuses one.
        self.token_file.write_text(self.token)
        answer = requests.get(self.url, headers={"Authorization": self.token}, timeout=10)
        assert answer.status_code == 200, answer.text
        self.keys = answer.json()

    def environment(self, **more):
        basis = {
            "COGNATE_ENDPOINT": self.server.url,
            "COGNATE_USER_DIR": self.folder / "user",
            "AWS_CONFIG_FILE": self.folder / "config",
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
    yield Workload(folder, server)
    server.stop()
    request.config.servers.remove(server)


def add_profile(workload, name, *words):
    words = ["--pool", POOL, "--from", "file", "--token-file", workload.token_file, *words]
    return workload.cognate("profile", "add", name, *words)


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
    "JavaScript": [NODE, "--input-type=module", "-e", NODE_SDK],
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
