"""OpenID Connect providers, and policies simulated, by boto3's IAM client."""

import json
import secrets

import pytest

from programs import run
from surroundings import BINARY, environment
from world import new_user

THUMBPRINT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def iam(server):
    return server.client("iam")


@pytest.fixture
def registered(iam):
    """A registered provider: its URL and its ARN."""
    url = f"https://login-{secrets.token_hex(4)}.example.com/tenant"
    made = iam.create_open_id_connect_provider(Url=url, ClientIDList=["web"], ThumbprintList=[THUMBPRINT])
    yield url, made["OpenIDConnectProviderArn"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=made["OpenIDConnectProviderArn"])


def test_a_provider_is_registered_and_shown(iam, pools, registered):
    url, arn = registered
    name = url.removeprefix("https://")
    assert arn == f"arn:aws:iam::{pools.account}:oidc-provider/{name}"
    shown = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (shown["Url"], shown["ClientIDList"], shown["ThumbprintList"]) == (name, ["web"], [THUMBPRINT])
    assert shown["CreateDate"].tzinfo
    listed = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert {"Arn": arn} in listed


def test_tags_of_a_provider_are_shown(iam):
    tags = [{"Key": "team", "Value": "blue"}]
    made = iam.create_open_id_connect_provider(Url=f"https://{secrets.token_hex(4)}.example.com", Tags=tags)
    assert made["Tags"] == tags
    arn = made["OpenIDConnectProviderArn"]
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["Tags"] == tags
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_client_ids_are_added_and_removed(iam, registered):
    _, arn = registered

    def clients():
        return iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]

    for _ in range(2):
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="phone")
        assert clients() == ["web", "phone"]
    for _ in range(2):
        iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="web")
        assert clients() == ["phone"]


def test_thumbprints_are_replaced(iam, registered):
    _, arn = registered
    other = THUMBPRINT[::-1]
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=[other])
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ThumbprintList"] == [other]


def test_a_deleted_provider_is_gone_and_may_be_deleted_again(iam):
    made = iam.create_open_id_connect_provider(Url=f"https://{secrets.token_hex(4)}.example.com")
    arn = made["OpenIDConnectProviderArn"]
    for _ in range(2):
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with pytest.raises(iam.exceptions.NoSuchEntityException) as refused:
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert refused.value.response["Error"]["Message"] == f"OpenIDConnect Provider not found for arn {arn}"


def test_a_provider_that_is_there_is_not_registered_again(iam, registered):
    url, _ = registered
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException) as refused:
        iam.create_open_id_connect_provider(Url=url)
    assert refused.value.response["Error"]["Message"] == f"Provider with url {url} already exists."


@pytest.mark.parametrize("url", ["http://login.example.com", "https://Login.example.com", "https://a.example.com/?b"])
def test_a_url_that_can_be_no_issuer_is_invalid_input(iam, url):
    with pytest.raises(iam.exceptions.InvalidInputException):
        iam.create_open_id_connect_provider(Url=url)


def test_there_are_a_hundred_client_ids_at_most(iam, registered):
    _, arn = registered
    for at in range(99):
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=f"client-{at}")
    with pytest.raises(iam.exceptions.LimitExceededException) as refused:
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="one-too-many")
    text = "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"
    assert refused.value.response["Error"]["Message"] == text


def test_a_removed_client_id_closes_the_door_to_its_tokens(iam, server, pool, pools, providers):
    provider, arn = providers["RS256"], pools.registered[0]
    app, logins = server.public(), {providers["RS256"].key: providers["RS256"].token(new_user())}
    app.get_id(IdentityPoolId=pool, Logins=logins)
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=provider.CLIENT)
    try:
        with pytest.raises(app.exceptions.NotAuthorizedException, match="Token is not from a supported provider"):
            app.get_id(IdentityPoolId=pool, Logins=logins)
    finally:
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=provider.CLIENT)
    app.get_id(IdentityPoolId=pool, Logins=logins)


def test_a_simulation_names_the_statement_that_decides(server, iam_role):
    """By boto3, and by the server's own command."""
    iam = server.client("iam")
    answer = iam.simulate_principal_policy(
        PolicySourceArn=iam_role,
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::media/a"],
    )
    read, write = answer["EvaluationResults"]
    assert (read["EvalDecision"], write["EvalDecision"]) == ("allowed", "implicitDeny")
    (matched,) = read["MatchedStatements"]
    assert (matched["SourcePolicyId"], matched["StartPosition"]["Line"]) == ("media", 1)
    name = iam_role.rsplit("/", 1)[1]
    words = ["--role", name, "--action", "s3:GetObject", "--resource", "arn:aws:s3:::media/a"]
    command = [BINARY, "policy", "simulate", *words, "--endpoint", server.url]
    env = environment("/nonexistent", AWS_ACCESS_KEY_ID=server.key_id, AWS_SECRET_ACCESS_KEY=server.secret)
    done = run(command, env)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "allowed       s3:GetObject on arn:aws:s3:::media/a: statement 1 (Read) of media\n"


@pytest.fixture
def iam_role(server, pools):
    """A role of the built-in IAM that may read."""
    iam = server.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": pools.account}, "Action": "sts:AssumeRole"}
    name = f"Simulated-{secrets.token_hex(4)}"
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    read = {"Sid": "Read", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::media/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [read]})
    iam.put_role_policy(RoleName=name, PolicyName="media", PolicyDocument=policy)
    yield arn
    iam.delete_role_policy(RoleName=name, PolicyName="media")
    iam.delete_role(RoleName=name)
