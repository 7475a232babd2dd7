"""Access keys beside the root key: made by `cognate access-key`, used by boto3 and the AWS CLI."""

import configparser
import json
import secrets

import pytest
from botocore.exceptions import ClientError

from aws_cli import AwsCli
from cognate import Endpoint
from programs import run
from surroundings import BINARY, REGION, environment


@pytest.fixture
def access_key(server, tmp_path):
    """Runs `cognate access-key WORDS` as the server's administrator; gives what it has printed."""
    keys = {"AWS_ACCESS_KEY_ID": server.key_id, "AWS_SECRET_ACCESS_KEY": server.secret}
    env = environment(tmp_path, **keys)

    def command(*words):
        done = run([BINARY, "access-key", *words, "--endpoint", server.url], env, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command


@pytest.fixture
def make(server, access_key, tmp_path):
    """Makes an access key that may do what `statements` say; an administrator of its own, its name in `name`."""
    made = []

    def one(*statements):
        policy = tmp_path / "policy.json"
        policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": statements}))
        name = f"ci-{secrets.token_hex(4)}"
        file = configparser.ConfigParser()
        file.read_string(access_key("create", "--name", name, "--policy", policy))
        endpoint = Endpoint(server.url, file[name]["aws_access_key_id"], file[name]["aws_secret_access_key"])
        endpoint.name = name
        made.append(endpoint.key_id)
        return endpoint

    yield one
    for key_id in made:
        access_key("delete", key_id)


def allow(*actions, resource="*", **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def arn(pools, pool):
    return f"arn:aws:cognito-identity:{REGION}:{pools.account}:identitypool/{pool}"


def denied(pools, key, action, resource, why=None):
    """What the service says to a key that may not."""
    why = why or f"because no identity-based policy allows the {action} action"
    user = f"arn:aws:iam::{pools.account}:user/{key.name}"
    return f"User: {user} is not authorized to perform: {action} on resource: {resource} {why}"


def test_a_key_does_what_its_policy_says_and_nothing_else(pools, make):
    ours, theirs = pools.make(), pools.make()
    ci = make(allow("cognito-identity:Describe*", resource=arn(pools, ours)))
    identity = ci.client("cognito-identity")
    assert identity.describe_identity_pool(IdentityPoolId=ours)["IdentityPoolId"] == ours
    for call, action, pool in (
        (identity.describe_identity_pool, "DescribeIdentityPool", theirs),
        (identity.delete_identity_pool, "DeleteIdentityPool", ours),
    ):
        # The model of this API doesn't have AccessDeniedException, so boto3 has no class for it.
        with pytest.raises(ClientError) as refused:
            call(IdentityPoolId=pool)
        error = refused.value.response["Error"]
        assert error["Code"] == "AccessDeniedException"
        assert error["Message"] == denied(pools, ci, f"cognito-identity:{action}", arn(pools, pool))
    assert ci.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{pools.account}:user/{ci.name}"


def test_an_explicit_deny_wins_and_says_so(pools, make):
    pool = pools.make()
    ci = make(allow("*"), {"Effect": "Deny", "Action": "cognito-identity:DeleteIdentityPool", "Resource": "*"})
    identity = ci.client("cognito-identity")
    identity.describe_identity_pool(IdentityPoolId=pool)
    with pytest.raises(ClientError) as refused:
        identity.delete_identity_pool(IdentityPoolId=pool)
    assert refused.value.response["Error"]["Message"] == denied(
        pools,
        ci,
        "cognito-identity:DeleteIdentityPool",
        arn(pools, pool),
        "with an explicit deny in an identity-based policy",
    )


def test_tags_open_a_pool_where_the_policy_asks_for_them(pools, make):
    blue, red = (pools.make(IdentityPoolTags={"team": team}) for team in ("blue", "red"))
    of_team = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
    identity = make(allow("cognito-identity:*", Condition=of_team)).client("cognito-identity")
    identity.list_identities(IdentityPoolId=blue, MaxResults=1)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        identity.list_identities(IdentityPoolId=red, MaxResults=1)


def test_a_role_is_set_only_by_whoever_may_pass_it(pools, make):
    pool = pools.make(roles=False)
    guest = pools.role("Guest")
    ci = make(allow("cognito-identity:*"), allow("iam:PassRole", resource=guest))
    identity = ci.client("cognito-identity")
    identity.set_identity_pool_roles(IdentityPoolId=pool, Roles={"unauthenticated": guest})
    with pytest.raises(identity.exceptions.NotAuthorizedException) as refused:
        identity.set_identity_pool_roles(IdentityPoolId=pool, Roles={"authenticated": pools.role("User")})
    text = f"Access to Role '{pools.role('User')}' is forbidden."
    assert refused.value.response["Error"]["Message"] == text


def test_iam_refuses_in_its_own_protocol(pools, make):
    ci = make(allow("cognito-identity:*"))
    with pytest.raises(ClientError) as refused:
        ci.client("iam").list_open_id_connect_providers()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    error = refused.value.response["Error"]
    assert error["Code"] == "AccessDenied"
    assert error["Message"] == denied(pools, ci, "iam:ListOpenIDConnectProviders", "*")


def test_the_aws_cli_tells_what_is_missing(pools, make, tmp_path):
    pool = pools.make()
    ci = make(allow("cognito-identity:ListIdentities", resource=arn(pools, pool)))
    aws = AwsCli(ci, tmp_path)
    assert aws.ask_as_administrator(
        f"cognito-identity list-identities --identity-pool-id {pool} --max-results 1"
    ) == {"IdentityPoolId": pool, "Identities": []}
    told = aws.refused_as_administrator(f"cognito-identity describe-identity-pool --identity-pool-id {pool}")
    action = "cognito-identity:DescribeIdentityPool"
    assert told.endswith(
        "An error occurred (AccessDeniedException) when calling the DescribeIdentityPool operation: "
        + denied(pools, ci, action, arn(pools, pool))
    )


def test_a_key_signs_until_it_is_disabled(make, access_key):
    ci = make(allow("cognito-identity:*"))
    sts = ci.client("sts")
    sts.get_caller_identity()
    access_key("disable", ci.key_id)
    rows = [line.split()[:3] for line in access_key("list").splitlines()]
    assert [ci.key_id, "Inactive", ci.name] in rows
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()
    access_key("enable", ci.key_id)
    sts.get_caller_identity()
