"""The classic flow, and the STS, by boto3."""

import json
import secrets

import pytest
import requests
from botocore.exceptions import ClientError

from world import new_user


def open_id_token(app, pool, logins):
    """An OpenID token, and the identity that it is for."""
    identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
    return app.get_open_id_token(IdentityId=identity, Logins=logins)["Token"], identity


def test_a_users_open_id_token_opens_the_role_of_users(server, pool, pools, provider):
    logins = {provider.key: provider.token(new_user())}
    token, identity = open_id_token(server.public(), pool, logins)
    answer = server.public("sts").assume_role_with_web_identity(
        RoleArn=pools.role("User"), RoleSessionName="phone", WebIdentityToken=token, DurationSeconds=900
    )
    assert answer["SubjectFromWebIdentityToken"] == identity
    assert answer["Audience"] == pool
    assert answer["Provider"] == "cognito-identity.amazonaws.com"
    caller = server.client("sts", answer["Credentials"]).get_caller_identity()
    assert caller["Arn"] == f"arn:aws:sts::{pools.account}:assumed-role/User/phone"
    assert caller["Account"] == pools.account
    assert caller["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]


def test_a_guests_open_id_token_opens_the_role_of_guests_only(server, pool, pools):
    token, _ = open_id_token(server.public(), pool, {})
    sts = server.public("sts")
    answer = sts.assume_role_with_web_identity(
        RoleArn=pools.role("Guest"), RoleSessionName="kiosk", WebIdentityToken=token
    )
    caller = server.client("sts", answer["Credentials"]).get_caller_identity()
    assert caller["Arn"].endswith(":assumed-role/Guest/kiosk")
    with pytest.raises(ClientError) as refused:
        sts.assume_role_with_web_identity(
            RoleArn=pools.role("User"), RoleSessionName="kiosk", WebIdentityToken=token
        )
    assert refused.value.response["Error"] == {
        "Type": "Sender",
        "Code": "AccessDenied",
        "Message": "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    }


def test_what_is_no_token_is_refused_as_the_model_names_it(server, pools):
    sts = server.public("sts")
    with pytest.raises(sts.exceptions.InvalidIdentityTokenException):
        sts.assume_role_with_web_identity(
            RoleArn=pools.role("User"), RoleSessionName="phone", WebIdentityToken="no token"
        )


def test_credentials_of_both_flows_name_their_role_and_session(server, pool, pools, provider):
    app = server.public()
    logins = {provider.key: provider.token(new_user())}
    token, identity = open_id_token(app, pool, logins)
    enhanced = app.get_credentials_for_identity(IdentityId=identity, Logins=logins)
    classic = server.public("sts").assume_role_with_web_identity(
        RoleArn=pools.role("User"), RoleSessionName="tablet", WebIdentityToken=token
    )
    arns = [
        server.client("sts", answer["Credentials"]).get_caller_identity()["Arn"] for answer in (enhanced, classic)
    ]
    session = f"arn:aws:sts::{pools.account}:assumed-role/User"
    assert arns == [f"{session}/CognitoIdentityCredentials", f"{session}/tablet"]


def test_the_administrator_is_the_accounts_root(server, pools):
    assert server.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{pools.account}:root"


def test_the_administrator_takes_a_role(server, pools):
    iam, name = server.client("iam"), f"Taken-{secrets.token_hex(4)}"
    actions = ["sts:AssumeRole", "sts:TagSession"]
    trust = {"Effect": "Allow", "Principal": {"AWS": pools.account}, "Action": actions}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    try:
        answer = server.client("sts").assume_role(
            RoleArn=arn, RoleSessionName="me", DurationSeconds=900, Tags=[{"Key": "team", "Value": "red"}]
        )
        caller = server.client("sts", answer["Credentials"]).get_caller_identity()
        assert caller["Arn"] == f"arn:aws:sts::{pools.account}:assumed-role/{name}/me"
        assert caller["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    finally:
        iam.delete_role(RoleName=name)


def test_a_presigned_url_tells_whoever_holds_it_who_made_it(server, pool):
    app = server.public()
    identity = app.get_id(IdentityPoolId=pool)["IdentityId"]
    credentials = app.get_credentials_for_identity(IdentityId=identity)["Credentials"]
    session = server.client("sts", credentials)
    url = session.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200, answer.text
    assert ":assumed-role/Guest/CognitoIdentityCredentials</Arn>" in answer.text
    changed = requests.get(url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"), timeout=10)
    assert changed.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in changed.text


def test_a_wrong_secret_is_refused(server):
    liar = signs_as(server, server.key_id)
    with pytest.raises(ClientError) as refused:
        liar.get_caller_identity()
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_an_access_key_of_nobody_is_refused(server):
    stranger = signs_as(server, "AKIAQQQQQQQQQQQQQQQQ")
    with pytest.raises(ClientError) as refused:
        stranger.get_caller_identity()
    assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"


def signs_as(server, key_id):
    """A client that knows an access key's id, but not its secret."""
    return server.client("sts", {"AccessKeyId": key_id, "SecretKey": "x" * 40, "SessionToken": None})
