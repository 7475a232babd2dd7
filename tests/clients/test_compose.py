"""The Compose file of docs/testing.md in a network namespace of its own: its services have names and private addresses, and
there is neither TLS nor a name server. Without the switches, each is refused by a sentence that names the switch.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from surroundings import BINARY, PROJECT

HOSTS = {"cognate": "172.18.0.2", "keycloak": "172.18.0.3", "app": "172.18.0.4"}


def compose():
    """The services of the page's Compose file."""
    text = (PROJECT / "docs/testing.md").read_text()
    [block] = re.findall(r"^```yaml compose\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return yaml.safe_load(block)["services"]


def inside(folder, command, body=""):
    """Starts the server in a new namespace, and asks it there; what the app next to it has found."""
    services = compose()
    question = {
        "command": command, "body": body, "environment": services["app"]["environment"], "folder": str(folder),
        "binary": str(BINARY),
    }
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in HOSTS.items()))
    addresses = " ".join(HOSTS.values())
    script = f'ip link set lo up && for a in {addresses}; do ip addr add $a/32 dev lo; done && ' \
             'mount --bind "$1" /etc/hosts && exec "$2" "$3" "$4"'
    done = subprocess.run(
        ["unshare", "-rnm", "sh", "-c", script, "sh", hosts, sys.executable, __file__, json.dumps(question)],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def command():
    words = shlex.split(compose()["cognate"]["command"])
    assert words[:2] == ["cognate", "dev"]
    return words


def without(command, flag, value=True):
    """The command without a flag, and its value."""
    at = command.index(flag)
    return command[:at] + command[at + (2 if value else 1) :]


def test_the_apps_users_of_an_http_issuer_by_name_have_credentials(tmp_path, command):
    found = inside(tmp_path, command)
    assert "EXPOSED" in found["log"]
    assert found["issuer"] == "http://cognate:2646", "peers verify tokens under the service's name"
    assert found["registered"] == "arn:aws:iam::123456789012:oidc-provider/keycloak:8080/realms/x"
    assert found["key"].startswith("ASIA")
    assert found["test issuer"].startswith("us-east-1:")
    assert found["asked"] == [
        "/realms/x/.well-known/openid-configuration", "/realms/x/protocol/openid-connect/certs",
    ]
    # Another realm of the host isn't named.
    assert "--http-issuer" in found["other realm"]


def test_without_expose_it_does_not_start_and_names_the_switch(tmp_path, command):
    found = inside(tmp_path, without(command, "--expose", value=False))
    assert found["status"] == 1
    assert "add --expose" in found["log"]


def test_without_http_issuer_the_registration_names_the_switch(tmp_path, command):
    found = inside(tmp_path, without(command, "--http-issuer"))
    assert "--http-issuer" in found["registered"]
    assert found["asked"] == []


def test_without_a_public_url_startup_names_the_switch_for_peers(tmp_path, command):
    found = inside(tmp_path, without(command, "--public-url"))
    assert found["issuer"] == "http://localhost:2646"
    assert "--public-url http://NAME:2646" in found["log"]


def test_a_name_that_leads_to_this_server_is_never_fetched(tmp_path, command):
    words = [*without(command, "--http-issuer"), "--http-issuer", "http://app:2646/realms/x"]
    found = inside(tmp_path, words, "own")
    assert found["key"] == "none"
    assert "the host is this server itself" in found["log"], found["log"]


@pytest.mark.parametrize("unshare", ["-U --map-user=12345 --map-group=12345", "-rm"])
def test_any_user_id_and_a_read_only_root_will_do(tmp_path, unshare):
    freeze = "mount --rbind / / && mount -o remount,bind,ro / && ! touch /frozen 2>/dev/null && " if "m" in unshare[:4] else ""
    script = f'{freeze}exec "$1" dev --ephemeral --listen 127.0.0.1:0'
    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            ["unshare", *unshare.split(), "sh", "-c", script, "sh", str(BINARY)],
            stdout=out, stderr=out, env={"PATH": os.environ["PATH"]}, cwd="/",
        )
    try:
        for _ in range(200):
            if "Test issuer" in log.read_text() or process.poll() is not None:
                break
            time.sleep(0.05)
        assert "Test issuer" in log.read_text(), log.read_text()
    finally:
        process.terminate()
        process.wait(30)
    assert process.returncode == 0, log.read_text()


def main(question):
    """Runs in the namespace: Keycloak, the server and the app."""
    os.environ.update(question["environment"])
    os.environ.update(AWS_EC2_METADATA_DISABLED="true", AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none")
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    from keycloak import Keycloak

    issuer = "http://app:2646/realms/x" if question["body"] == "own" else "http://keycloak:8080/realms/x"
    realm = Keycloak(issuer, (HOSTS["keycloak"], 8080))
    folder = Path(question["folder"])
    log = folder / "server.log"
    with open(log, "wb") as out:
        words = [question["binary"], *question["command"][1:]]
        process = subprocess.Popen(words, stdout=out, stderr=out, env={"TMPDIR": str(folder)}, cwd=folder)
    found = {}
    try:
        for _ in range(400):
            text = log.read_text()
            if "AWS_SHARED_CREDENTIALS_FILE" in text or process.poll() is not None:
                break
            time.sleep(0.025)
        if process.poll() is not None:
            found["status"] = process.returncode
        else:
            found["issuer"] = re.search(r"^  Issuer (\S+)$", text, re.MULTILINE)[1]
            keys = re.search(r"AWS_SHARED_CREDENTIALS_FILE=(\S+)", text)[1]
            key = dict(line.split(" = ") for line in Path(keys).read_text().splitlines() if " = " in line)
            root = boto3.Session(key["aws_access_key_id"], key["aws_secret_access_key"])
            config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
            # The endpoints are those of the app in the Compose file.
            iam = root.client("iam", endpoint_url=os.environ["AWS_ENDPOINT_URL_STS"])
            admin, public = root.client("cognito-identity"), boto3.client("cognito-identity", config=config)

            def register(url):
                try:
                    made = iam.create_open_id_connect_provider(Url=url, ClientIDList=["app"])
                    return made["OpenIDConnectProviderArn"]
                except Exception as error:
                    return str(error)

            found["registered"] = register(issuer)
            found["other realm"] = register("http://keycloak:8080/realms/y")
            if found["registered"].startswith("arn:"):
                pool = admin.create_identity_pool(
                    IdentityPoolName="x", AllowUnauthenticatedIdentities=False,
                    OpenIdConnectProviderARNs=[found["registered"]],
                )["IdentityPoolId"]
                admin.set_identity_pool_roles(
                    IdentityPoolId=pool, Roles={"authenticated": "arn:aws:iam::123456789012:role/User"}
                )
                logins = {issuer.removeprefix("http://"): realm.token("ada")}
                try:
                    identity = public.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
                    answer = public.get_credentials_for_identity(IdentityId=identity, Logins=logins)
                    found["key"] = answer["Credentials"]["AccessKeyId"]
                except public.exceptions.ExternalServiceException:
                    found["key"] = "none"
            token = subprocess.run(
                [question["binary"], "dev", "token", "--endpoint", os.environ["AWS_ENDPOINT_URL_STS"], "--sub", "alice", "--login"],
                capture_output=True, text=True, check=True,
            ).stdout.strip()
            demo = "us-east-1:c09a7e00-0000-4000-8000-000000000001"
            found["test issuer"] = public.get_id(IdentityPoolId=demo, Logins=dict([token.split("=", 1)]))["IdentityId"]
    finally:
        process.terminate()
        process.wait(30)
        realm.stop()
    print(json.dumps(found | {"log": log.read_text(), "asked": realm.asked}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
