"""The tutorials of two pages, run as they stand: with the addresses of a server, a pool and a Ceph of the test."""

import contextlib
import hashlib
import os
import re

import kubernetes_validate
import pytest
import yaml

from client_site import BUCKET, ClientSite
from issuer import GitHub, GitLab
from programs import run
from s3_clients import HTTP
from surroundings import CALLER, PROJECT, PYTHON, environment

KEYS, CI = "keys-without-code.md", "ci.md"

DUCKDB = """
import duckdb, duckdb_extension_aws, duckdb_extension_httpfs, sys
from pathlib import Path
database = duckdb.connect()
for package in (duckdb_extension_httpfs, duckdb_extension_aws):
    database.load_extension(str(next(Path(package.__path__[0]).rglob("*.duckdb_extension"))))
print(database.sql(sys.stdin.read()).fetchone())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        issuers = [GitHub("refs/heads/main"), GitLab("main")]
        for issuer in issuers:
            stack.callback(issuer.stop)
        made = ClientSite(tmp_path_factory.mktemp("site"), stack, *issuers)
        made.github, made.gitlab = issuers
        yield made


class Job:
    """A workload of an issuer with a folder of its own at Ceph, and what a page's names mean for it."""

    def __init__(self, site, folder, issuer, token):
        self.site, self.folder = site, folder
        self.server = site.servers[HTTP]
        self.pool = site.pools[HTTP] if issuer is site.cluster else site.pool(HTTP, issuer)
        self.identity = site.identity(HTTP, self.pool, issuer, token)
        self.token_file = folder / "token"
        self.token_file.write_text(token)
        (folder / "build").mkdir()
        (folder / "build/app").write_text("the app")

    def here(self, text):
        """A text of a page with the addresses of the test."""
        role = self.site.roles[HTTP].rsplit("/")[-1]
        for written, meant in {
            "https://id.example.com": self.server.url,
            "https://s3.example.com": self.site.ceph.url,
            "'s3.example.com'": f"'{self.site.ceph.url.removeprefix('http://')}', USE_SSL false",
            "${{ vars.POOL }}": self.pool,
            "us-east-1:…/Build": f"{self.pool}/{role}",
            "us-east-1:…": self.pool,
            "/var/run/secrets/cognate/token": str(self.token_file),
            "s3://releases/": f"s3://{BUCKET}/{self.identity}/",
            "s3://homes/FOLDER/": f"s3://{BUCKET}/{self.identity}/",
        }.items():
            text = text.replace(written, meant)
        return text

    def environment(self, **more):
        return environment(
            self.folder,
            POOL=self.pool,
            FOLDER=self.identity,
            AWS_CONFIG_FILE=self.folder / "config",
            COGNATE_USER_DIR=self.folder / "user",
            # This gateway is older than the checksums that SDKs send by default.
            AWS_REQUEST_CHECKSUM_CALCULATION="when_required",
            AWS_RESPONSE_CHECKSUM_VALIDATION="when_required",
        ) | {name: str(value) for name, value in more.items()}

    def shell(self, script, **more):
        env = self.environment(**more)
        env["PATH"] += f":{PROJECT / '.tools/debian/usr/bin'}"
        done = run(["bash", "-euo", "pipefail", "-c", script], env, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def has_stored(self, content, name="app"):
        """Whether the job's folder has an object with this content, which only the job reads."""
        key = f"{self.identity}/{name}"
        listed = self.site.owner.s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", [])
        return [entry["ETag"] for entry in listed] == [f'"{hashlib.md5(content).hexdigest()}"']


def block(page, words):
    """The one block of a page with these words after its fence."""
    text = (PROJECT / "docs" / page).read_text()
    [found] = re.findall(rf"^```{re.escape(words)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture
def pod(site, tmp_path):
    return Job(site, tmp_path, site.cluster, site.token(tmp_path.name.replace("_", "-")))


def test_a_job_of_github_stores_its_build(site, tmp_path):
    token = site.github.answer("/token", {"audience": ["127.0.0.1"]}, {"Authorization": f"bearer {GitHub.BEARER}"})
    job = Job(site, tmp_path, site.github, token["value"])
    for step in yaml.safe_load(job.here(block(CI, "yaml github profile"))):
        job.shell(step["run"], **site.github.variables, **step.get("env", {}))
    assert job.has_stored(b"the app")
    # The audience is the endpoint's host.
    assert set(site.github.audiences) == {"127.0.0.1"}


def test_a_job_of_gitlab_stores_its_build(site, tmp_path):
    written = yaml.safe_load(block(CI, "yaml gitlab"))["deploy"]
    [(variable, token)] = written["id_tokens"].items()
    # The page's audience is the endpoint's host, too.
    assert token["aud"] == "id.example.com"
    token = site.gitlab.job("127.0.0.1")
    job = Job(site, tmp_path, site.gitlab, token)
    variables = {name: job.here(value) for name, value in written["variables"].items()}
    for line in written["script"]:
        job.shell(job.here(line), **{variable: token}, **variables)
    assert job.has_stored(b"the app")


def test_a_pod_of_kubernetes_reads_its_rotated_token(site, pod):
    written = yaml.safe_load(block(KEYS, "yaml pod"))
    container = {"name": "app", "image": "app", "env": written["env"], "volumeMounts": written["volumeMounts"]}
    manifest = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"},
        "spec": {"containers": [container], "volumes": written["volumes"]},
    }  # fmt: skip
    kubernetes_validate.validate(manifest, "1.31", strict=True)
    [source] = written["volumes"][0]["projected"]["sources"]
    mount = written["volumeMounts"][0]["mountPath"]
    assert source["serviceAccountToken"]["audience"] == "id.example.com"
    variables = {entry["name"]: entry["value"] for entry in written["env"]}
    file = variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]
    assert file == f"{mount}/{source['serviceAccountToken']['path']}"
    variables = {name: pod.here(value) for name, value in variables.items()}
    script = """
import boto3, os
for word in ("first", "second"):
    s3 = boto3.Session(region_name="us-east-1").client("s3")
    s3.put_object(Bucket="homes", Key=os.environ["FOLDER"] + "/" + word, Body=word.encode())
    os.path.exists("token.next") and os.rename("token.next", "token")
"""
    (pod.folder / "token.next").write_text(site.token("another-pod"))
    env = pod.environment(**variables, AWS_ENDPOINT_URL_S3=site.ceph.url)
    done = run([PYTHON, "-c", script], env, cwd=pod.folder)
    assert pod.has_stored(b"first", "first")
    # The token that came by the rename is of another pod, which has another folder.
    assert done.returncode == 1 and "AccessDenied" in done.stderr
    os.rename(pod.token_file, pod.folder / "token.next")
    pod.token_file.write_text(site.token(pod.folder.name.replace("_", "-")))
    (pod.folder / "token.next").write_text(site.token(pod.folder.name.replace("_", "-")))
    done = run([PYTHON, "-c", script], env, cwd=pod.folder)
    assert done.returncode == 0, done.stderr
    assert pod.has_stored(b"second", "second")


def rclone(pod):
    listed = pod.shell(pod.here(block(KEYS, "sh rclone")))
    assert listed.endswith("app\n") and pod.has_stored(b"the app")


def in_duckdb(pod):
    variables = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{pod.server.url}/credentials/{pod.pool}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": pod.token_file,
    }
    script = pod.here(block(KEYS, "sql duckdb"))
    done = run([PYTHON, "-c", DUCKDB], pod.environment(**variables), stdin=None, input=script)
    assert done.stdout == "(42,)\n", done.stderr


@pytest.mark.skipif(CALLER.get("COGNATE_TEST_FULL") != "1", reason="large packages: the full tests install them")
@pytest.mark.parametrize("tutorial", [rclone, in_duckdb])
def test_the_tutorials_of_large_clients(pod, tutorial):
    tutorial(pod)
