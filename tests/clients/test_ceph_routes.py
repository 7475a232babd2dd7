"""The enhanced flow with roles of somebody else's STS: Cognate asks radosgw, and the app gets its credentials for S3."""

import base64
import json
import time

import pytest
import requests
from botocore.exceptions import ClientError

from cognate import Server
from javascript import InNode
from programs import run
from surroundings import BINARY, PYTHON, environment
from test_ceph import allow, refusal, thumbprints
from world import new_user

ACCOUNT = "210987654321"
AUDIENCE = "rgw.example.net"
BUCKET = "homes"

OWN_FOLDER = {
    "Version": "2012-10-17",
    "Statement": [
        allow("s3:GetObject s3:PutObject", f"arn:aws:s3:::{BUCKET}/${{cognito-identity.amazonaws.com:sub}}/*"),
        allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/public/*"),
    ],
}


def role(name):
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def routes(ceph):
    """Each user's own folder; guests of a role that is narrowed by nothing of ours; and a gateway that isn't there."""
    return f"""
[[credentials.route]]
role = "{role("Home*")}"
endpoint = "{ceph.url}"
audience = "{AUDIENCE}"
session_policy = '''{json.dumps(OWN_FOLDER)}'''
literal_escape = "?"

[[credentials.route]]
role = "{role("Plain*")}"
endpoint = "{ceph.url}"

[[credentials.route]]
role = "{role("Away")}"
endpoint = "http://127.0.0.1:9"
"""


@pytest.fixture(scope="module")
def server(request, ceph, tmp_path_factory):
    """A server with routes to the gateway."""
    folder = tmp_path_factory.mktemp("routes")
    config = folder / "cognate.toml"
    config.write_text(routes(ceph))
    started = Server(folder / "server", "--allow-http-issuers", "--config", config)
    request.config.servers.append(started)
    yield started
    request.config.servers.remove(started)
    started.stop()


@pytest.fixture(scope="module")
def owner(ceph, server):
    owner = ceph.owner(ACCOUNT)
    owner.s3.create_bucket(Bucket=BUCKET)
    owner.register(server.url, thumbprints(server))
    owner.s3.put_object(Bucket=BUCKET, Key="public/welcome", Body=b"for all")
    owner.s3.put_object(Bucket=BUCKET, Key="secret", Body=b"for none")
    everything, public = f"arn:aws:s3:::{BUCKET}/*", f"arn:aws:s3:::{BUCKET}/public/*"
    # The only audience that is trusted for roles whose sessions are narrowed is one that no client's token has.
    members = trusting(AUDIENCE, "authenticated")
    owner.role("HomeUser", server.url, members, [allow("s3:PutObject s3:GetObject s3:DeleteObject", everything)])
    owner.role("HomeGuest", server.url, trusting(AUDIENCE, "unauthenticated"), [allow("s3:GetObject", public)])
    return owner


def trusting(audience, kind):
    return {"StringEquals": {"aud": audience}, "ForAnyValue:StringEquals": {"amr": kind}}


@pytest.fixture(scope="module")
def pool(server, owner, providers):
    """A pool whose roles are Ceph's."""
    issuer = providers["RS256"]
    provider = server.client("iam").create_open_id_connect_provider(Url=issuer.issuer, ClientIDList=[issuer.CLIENT])
    identity = server.client("cognito-identity")
    pool = identity.create_identity_pool(
        IdentityPoolName="Storage",
        AllowUnauthenticatedIdentities=True,
        OpenIdConnectProviderARNs=[provider["OpenIDConnectProviderArn"]],
    )["IdentityPoolId"]
    set_roles(server, pool, "HomeUser", "HomeGuest")
    return pool


def set_roles(server, pool, user, guest):
    roles = {"authenticated": role(user), "unauthenticated": role(guest)}
    server.client("cognito-identity").set_identity_pool_roles(IdentityPoolId=pool, Roles=roles)


@pytest.fixture
def issuer(providers):
    return providers["RS256"]


def sign_in(server, pool, logins):
    """An identity and its credentials, as boto3 gets them in the enhanced flow."""
    app = server.public()
    identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
    answer = app.get_credentials_for_identity(IdentityId=identity, Logins=logins)
    return identity, answer["Credentials"]


def user_of(issuer):
    return {issuer.key: issuer.token(new_user())}


def test_a_user_has_a_folder_and_no_other(ceph, server, pool, issuer):
    ada, credentials = sign_in(server, pool, user_of(issuer))
    s3 = ceph.client("s3", credentials)
    s3.put_object(Bucket=BUCKET, Key=f"{ada}/note", Body=b"mine")
    assert s3.get_object(Bucket=BUCKET, Key=f"{ada}/note")["Body"].read() == b"mine"
    assert s3.get_object(Bucket=BUCKET, Key="public/welcome")["Body"].read() == b"for all"
    bob, credentials = sign_in(server, pool, user_of(issuer))
    other = ceph.client("s3", credentials)
    assert bob != ada
    for call, key, body in (
        (other.get_object, f"{ada}/note", {}),
        (other.put_object, f"{ada}/note", {"Body": b""}),
        (other.get_object, "secret", {}),
        # The role may delete; the session policy says nothing of it.
        (other.delete_object, f"{bob}/note", {}),
        (other.put_object, "public/welcome", {"Body": b""}),
    ):
        assert refusal(call, Bucket=BUCKET, Key=key, **body) == "AccessDenied"


def test_the_sdk_for_javascript_signs_in_and_boto3_stores(ceph, server, pool, issuer, tmp_path):
    node = InNode(tmp_path / "node", server.url)
    try:
        made = node.ask("fromPool", pool=pool, logins=user_of(issuer))["answer"]
    finally:
        node.stop()
    assert 3500 < made["seconds"] <= 3600
    s3 = ceph.client("s3", made["credentials"])
    s3.put_object(Bucket=BUCKET, Key=f"{made['identity']}/note", Body=b"by JavaScript")


def test_a_guest_reads_what_guests_may(ceph, server, pool):
    guest, credentials = sign_in(server, pool, {})
    s3 = ceph.client("s3", credentials)
    assert s3.get_object(Bucket=BUCKET, Key="public/welcome")["Body"].read() == b"for all"
    for key in ("secret", f"{guest}/note"):
        assert refusal(s3.get_object, Bucket=BUCKET, Key=key) == "AccessDenied"
        assert refusal(s3.put_object, Bucket=BUCKET, Key=key, Body=b"") == "AccessDenied"


def test_without_a_session_policy_users_are_served_and_guests_get_nothing(ceph, server, owner, pool, issuer):
    """The gateway doesn't know the services of the scope-down that goes with every guest, and refuses it."""
    everything = [allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*")]
    owner.role("PlainUser", server.url, trusting(pool, "authenticated"), everything)
    owner.role("PlainGuest", server.url, trusting(pool, "unauthenticated"), everything)
    set_roles(server, pool, "PlainUser", "PlainGuest")
    try:
        _, credentials = sign_in(server, pool, user_of(issuer))
        assert failure(server, pool, {})[0] == "InvalidIdentityPoolConfigurationException"
    finally:
        set_roles(server, pool, "HomeUser", "HomeGuest")
    s3 = ceph.client("s3", credentials)
    assert s3.get_object(Bucket=BUCKET, Key="secret")["Body"].read() == b"for none"


def test_a_clients_own_token_does_not_open_the_role(ceph, server, pool, issuer):
    """Whoever takes a token there without the session policy gets nothing: its audience isn't trusted."""
    app = server.public()
    for logins, name in ((user_of(issuer), "HomeUser"), ({}, "HomeGuest")):
        identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
        token = app.get_open_id_token(IdentityId=identity, Logins=logins)["Token"]
        sts = ceph.public()
        code = refusal(
            sts.assume_role_with_web_identity, RoleArn=role(name), RoleSessionName="phone", WebIdentityToken=token
        )
        assert code == "AccessDenied"


def test_a_tampered_session_token_is_refused(ceph, server, pool, issuer):
    identity, credentials = sign_in(server, pool, user_of(issuer))
    sealed = bytearray(base64.b64decode(credentials["SessionToken"]))
    # In the first block, where lengths are: further back this gateway doesn't notice every change (docs/ceph.md).
    sealed[3] ^= 1
    changed = credentials | {"SessionToken": base64.b64encode(sealed).decode()}
    s3 = ceph.client("s3", changed)
    assert refusal(s3.put_object, Bucket=BUCKET, Key=f"{identity}/x", Body=b"") == "InvalidArgument"
    cut = credentials | {"SessionToken": credentials["SessionToken"][:-8]}
    with pytest.raises(ClientError):
        ceph.client("s3", cut).put_object(Bucket=BUCKET, Key=f"{identity}/x", Body=b"")


def test_credentials_are_remembered_and_new_ones_are_had_after_a_rotation(ceph, server, pool, issuer, tmp_path):
    logins = user_of(issuer)
    ada, before = sign_in(server, pool, logins)
    assert sign_in(server, pool, logins) == (ada, before)
    for words in ([], ["--compromised"]):
        command = [BINARY, "keys", "rotate", *words, "--endpoint", server.url, "--data-dir", server.data]
        done = run(command, environment(tmp_path))
        assert done.returncode == 0, done.stderr
        bob, credentials = sign_in(server, pool, user_of(issuer))
        ceph.client("s3", credentials).put_object(Bucket=BUCKET, Key=f"{bob}/note", Body=b"kept")
    # What was had before goes on.
    ceph.client("s3", before).put_object(Bucket=BUCKET, Key=f"{ada}/note", Body=b"kept")


def failure(server, pool, logins):
    """The code of GetCredentialsForIdentity, and how long it took."""
    app = server.public()
    identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
    began = time.monotonic()
    code = refusal(app.get_credentials_for_identity, IdentityId=identity, Logins=logins)
    return code, time.monotonic() - began


def test_a_gateway_that_is_slow_away_or_refuses_is_told_apart(ceph, server, owner, pool, issuer):
    with ceph.gateway_stopped():
        code, seconds = failure(server, pool, user_of(issuer))
    assert code == "ExternalServiceException"
    assert seconds < 15
    _, credentials = sign_in(server, pool, user_of(issuer))
    assert credentials["SessionToken"]
    try:
        for name, wanted in (
            ("Away", "ExternalServiceException"),
            ("HomeNobody", "InvalidIdentityPoolConfigurationException"),
        ):
            set_roles(server, pool, name, "HomeGuest")
            code, seconds = failure(server, pool, user_of(issuer))
            assert code == wanted
            assert seconds < 15
    finally:
        set_roles(server, pool, "HomeUser", "HomeGuest")
    line = next(line for line in server.log().splitlines() if role("HomeNobody") in line)
    assert "the STS refuses: 403 Forbidden, AccessDenied" in line
    assert "check that the role exists, and that its trust policy accepts" in line


def test_a_pools_duration_is_asked_for_and_a_role_that_allows_less_refuses(ceph, server, owner, pool, tmp_path):
    def last(*words):
        command = [BINARY, "pool", "credentials", pool, *words, "--endpoint", server.url, "--data-dir", server.data]
        done = run(command, environment(tmp_path))
        assert done.returncode == 0, done.stderr

    last("--duration", "15m")
    _, credentials = sign_in(server, pool, {})
    left = credentials["Expiration"].timestamp() - time.time()
    assert 880 < left <= 901
    last("--duration", "12h")
    try:
        assert failure(server, pool, {})[0] == "InvalidIdentityPoolConfigurationException"
    finally:
        last("--duration", "1h")


READ_AND_WRITE = """
import boto3, os
s3 = boto3.client("s3", region_name="default", endpoint_url=os.environ["STORE"])
own = os.environ["FOLDER"]
s3.put_object(Bucket="homes", Key=f"{own}/note", Body=b"mine")
print(s3.get_object(Bucket="homes", Key=f"{own}/note")["Body"].read().decode())
try:
    s3.put_object(Bucket="homes", Key="other/note", Body=b"theirs")
except s3.exceptions.ClientError as error:
    print(error.response["Error"]["Code"])
"""


def test_a_program_without_code_reads_and_writes_in_its_own_folder(server, ceph, pool, issuer, tmp_path):
    """Container credentials of a role of Ceph's: two programs of one user share the session that Ceph gave."""
    logins = user_of(issuer)
    identity, _ = sign_in(server, pool, logins)
    token = tmp_path / "token"
    token.write_text(logins[issuer.key])
    env = environment(
        tmp_path,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{server.url}/credentials/{pool}",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token,
        STORE=ceph.url,
        FOLDER=identity,
    )
    for _ in range(2):
        done = run([PYTHON, "-c", READ_AND_WRITE], env)
        assert done.stdout.split() == ["mine", "AccessDenied"], done.stderr
    answers = [
        requests.get(env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers={"Authorization": token.read_text()}, timeout=10)
        for _ in range(2)
    ]
    first, second = (answer.json() for answer in answers)
    assert first == second and first["RoleArn"] == role("HomeUser") and first["AccountId"] == ACCOUNT
