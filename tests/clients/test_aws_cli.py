"""The AWS CLI, unmodified: only AWS_ENDPOINT_URL leads it here."""

import pytest

from aws_cli import AwsCli
from cognate import key_variables
from world import new_user


@pytest.fixture
def aws(server, tmp_path):
    return AwsCli(server, tmp_path)


def test_a_guest_gets_credentials(aws, pool):
    identity = aws.ask(f"cognito-identity get-id --identity-pool-id {pool}")["IdentityId"]
    answer = aws.ask(f"cognito-identity get-credentials-for-identity --identity-id {identity}")
    assert answer["IdentityId"] == identity
    caller = aws.ask("sts get-caller-identity", key_variables(answer["Credentials"]))
    assert caller["Arn"].endswith(":assumed-role/Guest/CognitoIdentityCredentials")


def test_a_signed_in_user_gets_credentials(aws, pool, provider):
    logins = f"--logins '{provider.key}={provider.token(new_user())}'"
    identity = aws.ask(f"cognito-identity get-id --identity-pool-id {pool} {logins}")["IdentityId"]
    answer = aws.ask(f"cognito-identity get-credentials-for-identity --identity-id {identity} {logins}")
    assert answer["IdentityId"] == identity
    caller = aws.ask("sts get-caller-identity", key_variables(answer["Credentials"]))
    assert caller["Arn"].endswith(":assumed-role/User/CognitoIdentityCredentials")


def test_the_classic_flow_gives_credentials(aws, pool, pools, provider):
    logins = f"--logins '{provider.key}={provider.token(new_user())}'"
    identity = aws.ask(f"cognito-identity get-id --identity-pool-id {pool} {logins}")["IdentityId"]
    token = aws.ask(f"cognito-identity get-open-id-token --identity-id {identity} {logins}")["Token"]
    answer = aws.ask(
        f"sts assume-role-with-web-identity --role-arn {pools.role('User')} --role-session-name laptop "
        f"--web-identity-token {token}"
    )
    assert answer["SubjectFromWebIdentityToken"] == identity
    caller = aws.ask("sts get-caller-identity", key_variables(answer["Credentials"]))
    assert caller["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert caller["Arn"].endswith(":assumed-role/User/laptop")


def test_refusals_are_told_in_the_services_words(aws, pool, pools, providers):
    closed = pools.make(AllowUnauthenticatedIdentities=False)
    assert aws.refused(f"cognito-identity get-id --identity-pool-id {closed}").endswith(
        "An error occurred (NotAuthorizedException) when calling the GetId operation: "
        "Unauthenticated access is not supported for this identity pool."
    )
    unknown = "eu-west-1:00000000-0000-4000-8000-000000000000"
    assert aws.refused(f"cognito-identity get-id --identity-pool-id {unknown}").endswith(
        "An error occurred (ResourceNotFoundException) when calling the GetId operation: "
        f"IdentityPool '{unknown}' not found."
    )
    enhanced = pools.make(AllowClassicFlow=False)
    identity = aws.ask(f"cognito-identity get-id --identity-pool-id {enhanced}")["IdentityId"]
    assert aws.refused(f"cognito-identity get-open-id-token --identity-id {identity}").endswith(
        "An error occurred (InvalidParameterException) when calling the GetOpenIdToken operation: "
        "Basic (classic) flow is not enabled, please use enhanced flow."
    )
    expected = "Invalid login token. Not a valid OpenId Connect identity token."
    logins = f"{providers['RS256'].key}=opaque"
    assert expected in aws.refused(f"cognito-identity get-id --identity-pool-id {pool} --logins {logins}")


def test_pools_are_made_changed_and_deleted(aws):
    made = aws.ask_as_administrator(
        "cognito-identity create-identity-pool --identity-pool-name Laptop --allow-unauthenticated-identities "
        "--identity-pool-tags team=blue"
    )
    pool = made["IdentityPoolId"]
    assert made == {
        "IdentityPoolId": pool,
        "IdentityPoolName": "Laptop",
        "AllowUnauthenticatedIdentities": True,
        "IdentityPoolTags": {"team": "blue"},
    }
    named = f"--identity-pool-id {pool}"
    assert aws.ask_as_administrator(f"cognito-identity describe-identity-pool {named}") == made
    changed = aws.ask_as_administrator(
        f"cognito-identity update-identity-pool {named} --identity-pool-name Desk "
        "--no-allow-unauthenticated-identities"
    )
    assert changed["IdentityPoolName"] == "Desk"
    assert changed["AllowUnauthenticatedIdentities"] is False
    assert {"IdentityPoolId": pool, "IdentityPoolName": "Desk"} in listed(aws)
    assert aws.ask_as_administrator(f"cognito-identity delete-identity-pool {named}") is None
    assert aws.refused_as_administrator(f"cognito-identity describe-identity-pool {named}").endswith(
        "An error occurred (ResourceNotFoundException) when calling the DescribeIdentityPool operation: "
        f"IdentityPool '{pool}' not found."
    )


def listed(aws):
    """All pools, page by page."""
    pools, more = [], ""
    while True:
        page = aws.ask_as_administrator(f"cognito-identity list-identity-pools --max-results 2 {more}")
        pools += page["IdentityPools"]
        if "NextToken" not in page:
            return pools
        more = f"--next-token {page['NextToken']}"


def test_what_needs_a_signature_is_refused_without_one(aws, pool):
    told = aws.refused(f"cognito-identity describe-identity-pool --identity-pool-id {pool}")
    assert "(MissingAuthenticationTokenException)" in told


def test_a_users_credentials_do_not_administrate(aws, pool):
    identity = aws.ask(f"cognito-identity get-id --identity-pool-id {pool}")["IdentityId"]
    answer = aws.ask(f"cognito-identity get-credentials-for-identity --identity-id {identity}")
    told = aws.refused("cognito-identity list-identity-pools --max-results 1", key_variables(answer["Credentials"]))
    assert "(AccessDeniedException)" in told
    assert "assumed-role/Guest/CognitoIdentityCredentials is not authorized to perform" in told
