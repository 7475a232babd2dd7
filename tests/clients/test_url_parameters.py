"""Parameters of the Query protocol in the URL: curl and boto3, by GET."""

import subprocess
from urllib.parse import urlencode

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from surroundings import REGION

ROLE = "arn:aws:iam::123456789012:role/Guest"


@pytest.fixture
def token(server, pool):
    identity = server.public().get_id(IdentityPoolId=pool)["IdentityId"]
    return server.public().get_open_id_token(IdentityId=identity)["Token"]


def parameters(token):
    return {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": ROLE,
        "RoleSessionName": "gateway",
        "WebIdentityToken": token,
    }


@pytest.mark.parametrize("flags", [[], ["-X", "POST"], ["-X", "POST", "-H", "content-length: 0"]], ids=str)
def test_curl_sends_the_parameters_in_the_url(server, token, flags):
    url = f"{server.url}/?{urlencode(parameters(token))}"
    done = subprocess.run(["curl", "-sS", *flags, url], capture_output=True, text=True, timeout=30, check=True)
    assert "<SessionToken>" in done.stdout, done.stdout


def test_boto3_sends_every_query_action_by_get(server, token):
    sts = boto3.client(
        "sts", endpoint_url=server.url, region_name=REGION, config=Config(signature_version=UNSIGNED)
    )
    by_get(sts)
    given = {key: value for key, value in parameters(token).items() if key not in ("Action", "Version")}
    assert sts.assume_role_with_web_identity(**given)["Credentials"]["AccessKeyId"].startswith("ASIA")

    iam = server.client("iam")
    by_get(iam)
    assert "Roles" in iam.list_roles()
    assert "OpenIDConnectProviderList" in iam.list_open_id_connect_providers()
    signed = server.client("sts")
    by_get(signed)
    assert signed.get_caller_identity()["Account"] == "123456789012"


def by_get(client):
    """Moves the parameters of each request from its body to its URL, before it is signed."""

    def move(request, **_):
        request.method = "GET"
        request.params = dict(request.data)
        request.data = {}
        del request.headers["Content-Type"]

    client.meta.events.register_first("before-sign.*", lambda request, **_: move(request) if request.data else None)
