"""boto3, unmodified: guests and users get credentials, and refusals are boto3's own exceptions."""

import datetime

import pytest
from botocore.exceptions import ClientError

from world import new_user


def check(credentials):
    """That these are credentials of the service's form, good for an hour."""
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert len(credentials["SecretKey"]) == 40
    left = credentials["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(minutes=59) < left <= datetime.timedelta(minutes=60)


def test_a_guest_gets_credentials(server, pool):
    app = server.public()
    identity = app.get_id(IdentityPoolId=pool)["IdentityId"]
    answer = app.get_credentials_for_identity(IdentityId=identity)
    assert answer["IdentityId"] == identity
    check(answer["Credentials"])
    caller = server.client("sts", answer["Credentials"]).get_caller_identity()
    assert caller["Arn"].endswith(":assumed-role/Guest/CognitoIdentityCredentials")


def test_a_signed_in_user_gets_credentials(server, pool, provider):
    app = server.public()
    logins = {provider.key: provider.token(new_user())}
    identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
    answer = app.get_credentials_for_identity(IdentityId=identity, Logins=logins)
    assert answer["IdentityId"] == identity
    check(answer["Credentials"])
    caller = server.client("sts", answer["Credentials"]).get_caller_identity()
    assert caller["Arn"].endswith(":assumed-role/User/CognitoIdentityCredentials")


def test_a_public_call_that_is_signed_all_the_same_is_served(server, pool):
    assert server.client("cognito-identity").get_id(IdentityPoolId=pool)["IdentityId"]


def test_a_guest_is_refused_where_there_are_none(server, pools):
    app = server.public()
    closed = pools.make(AllowUnauthenticatedIdentities=False)
    with pytest.raises(app.exceptions.NotAuthorizedException) as refused:
        app.get_id(IdentityPoolId=closed)
    assert message(refused) == "Unauthenticated access is not supported for this identity pool."


def test_a_changed_token_is_refused(server, pool, provider):
    app = server.public()
    head, _, signature = provider.token(new_user()).split(".")
    _, claims, _ = provider.token(new_user("mallory")).split(".")
    with pytest.raises(app.exceptions.NotAuthorizedException) as refused:
        app.get_id(IdentityPoolId=pool, Logins={provider.key: f"{head}.{claims}.{signature}"})
    assert message(refused) == "Invalid login token. Couldn't verify signed token."


def test_a_token_of_another_provider_is_refused(server, pool, providers):
    app = server.public()
    logins = {providers["ES256"].key: providers["RS256"].token(new_user())}
    with pytest.raises(app.exceptions.NotAuthorizedException) as refused:
        app.get_id(IdentityPoolId=pool, Logins=logins)
    assert message(refused) == "Invalid login token. Issuer doesn't match providerName"


def test_a_client_that_the_pool_does_not_name_is_refused(server, pool, user_pools):
    app = server.public()
    with pytest.raises(app.exceptions.NotAuthorizedException) as refused:
        app.get_id(IdentityPoolId=pool, Logins={user_pools.key: user_pools.token(new_user(), client=2)})
    assert message(refused) == "Token is not from a supported provider of this identity pool."


def test_a_user_pools_access_token_is_no_login(server, pool, user_pools):
    app = server.public()
    token = user_pools.tokens(new_user())["AccessToken"]
    with pytest.raises(app.exceptions.NotAuthorizedException) as refused:
        app.get_id(IdentityPoolId=pool, Logins={user_pools.key: token})
    assert message(refused) == "Invalid login token. Missing a required claim: aud"


def test_one_users_token_gives_no_credentials_of_another(server, pool, provider):
    app = server.public()
    logins = {provider.key: provider.token(new_user())}
    identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
    with pytest.raises(app.exceptions.NotAuthorizedException) as refused:
        app.get_credentials_for_identity(
            IdentityId=identity, Logins={provider.key: provider.token(new_user("mallory"))}
        )
    text = "Logins don't match. Please include at least one valid login for this identity or identity pool."
    assert message(refused) == text
    with pytest.raises(app.exceptions.NotAuthorizedException) as refused:
        app.get_credentials_for_identity(IdentityId=identity)
    assert message(refused) == f"Access to Identity '{identity}' is forbidden."


def test_an_unknown_pool_is_not_found(server):
    app = server.public()
    unknown = "eu-west-1:00000000-0000-4000-8000-000000000000"
    with pytest.raises(app.exceptions.ResourceNotFoundException) as refused:
        app.get_id(IdentityPoolId=unknown)
    assert message(refused) == f"IdentityPool '{unknown}' not found."
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_classic_flow_is_refused_where_it_is_switched_off(server, pools):
    app = server.public()
    enhanced = pools.make(AllowClassicFlow=False)
    identity = app.get_id(IdentityPoolId=enhanced)["IdentityId"]
    with pytest.raises(app.exceptions.InvalidParameterException) as refused:
        app.get_open_id_token(IdentityId=identity)
    assert message(refused) == "Basic (classic) flow is not enabled, please use enhanced flow."


def test_a_pool_without_roles_gives_no_credentials(server, pools):
    app = server.public()
    identity = app.get_id(IdentityPoolId=pools.make(roles=False))["IdentityId"]
    with pytest.raises(app.exceptions.InvalidIdentityPoolConfigurationException) as refused:
        app.get_credentials_for_identity(IdentityId=identity)
    text = "Invalid identity pool configuration. Check assigned IAM roles for this pool."
    assert message(refused) == text


def test_what_violates_the_model_is_a_validation_exception(server):
    with pytest.raises(ClientError) as refused:
        server.public().get_id(IdentityPoolId="eu-west-1_AbCdEfGhI")
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert message(refused) == (
        "1 validation error detected: Value 'eu-west-1_AbCdEfGhI' at 'identityPoolId' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\w-]+:[0-9a-f-]+"
    )


def message(refused):
    return refused.value.response["Error"]["Message"]
