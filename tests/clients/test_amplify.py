"""Amplify for JavaScript, unmodified, in Node and in headless Chromium. Both pools' endpoints are among what an app
configures.
"""

import pytest

from javascript import AmplifyInNode, InChromium
from surroundings import REGION
from world import new_user


@pytest.fixture(scope="module")
def in_node(tmp_path_factory):
    return AmplifyInNode(tmp_path_factory.mktemp("node")).ask


@pytest.fixture(scope="module")
def in_chromium(server, tmp_path_factory):
    chromium = InChromium(tmp_path_factory.mktemp("chromium"), server.url)
    yield chromium.ask_amplify
    chromium.stop()


@pytest.fixture(params=["in_node", "in_chromium"])
def amplify(request):
    """Asks Amplify a question."""
    return request.getfixturevalue(request.param)


def identity_pool(server, pool):
    """What an app configures that knows an identity pool."""
    return {"identityPoolId": pool, "identityPoolEndpoint": server.url, "allowGuestAccess": True}


def both_pools(server, pool, user_pools):
    """What an app configures whose users are in a user pool."""
    users = {"userPoolId": user_pools.pool, "userPoolClientId": user_pools.clients[0]}
    return identity_pool(server, pool) | users | {"userPoolEndpoint": user_pools.url}


def good(answer):
    assert "error" not in answer, answer["error"]
    return answer["answer"]


def caller(server, session):
    """Who signs with the credentials of a session."""
    return server.client("sts", session["credentials"]).get_caller_identity()["Arn"]


def test_a_guest_has_credentials_and_keeps_the_identity(server, amplify, pool):
    first, second = good(amplify("guest", pools=identity_pool(server, pool)))
    assert first["identity"].startswith(f"{REGION}:")
    assert second["identity"] == first["identity"]
    assert second["credentials"]["AccessKeyId"] != first["credentials"]["AccessKeyId"]
    for session in (first, second):
        assert not session["isSignedIn"]
        assert caller(server, session).endswith(":assumed-role/Guest/CognitoIdentityCredentials")


def test_a_guest_who_signs_in_keeps_the_identity(server, amplify, pool, user_pools):
    user = new_user()
    user_pools.tokens(user)
    pools = both_pools(server, pool, user_pools)
    sessions = good(amplify("password", pools=pools, username=user, password=user_pools.PASSWORD))
    assert sessions["nextStep"] == "DONE"
    before, signed_in, after = sessions["before"], sessions["signedIn"], sessions["after"]
    assert [session["isSignedIn"] for session in (before, signed_in, after)] == [False, True, False]
    assert signed_in["identity"] == before["identity"]
    assert caller(server, signed_in).endswith(":assumed-role/User/CognitoIdentityCredentials")
    assert after["identity"] != before["identity"]
    assert caller(server, after).endswith(":assumed-role/Guest/CognitoIdentityCredentials")
    shown = server.client("cognito-identity").describe_identity(IdentityId=before["identity"])
    assert shown["Logins"] == [user_pools.key]


def test_a_user_whose_token_the_app_brings_has_the_same_identity_everywhere(server, amplify, pool, provider):
    user = new_user()
    session = good(amplify("token", pools=identity_pool(server, pool), token=provider.token(user)))
    assert session["isSignedIn"]
    assert caller(server, session).endswith(":assumed-role/User/CognitoIdentityCredentials")
    logins = {provider.key: provider.token(user)}
    assert server.public().get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"] == session["identity"]


def test_refusals_are_told_in_the_services_words(server, amplify, pools, providers):
    closed = identity_pool(server, pools.make(AllowUnauthenticatedIdentities=False))
    assert amplify("guest", pools=closed)["error"] == {
        "name": "NotAuthorizedException",
        "message": "Unauthenticated access is not supported for this identity pool.",
    }
    head, claims, _ = providers["RS256"].token(new_user()).split(".")
    _, _, signature = providers["RS256"].token(new_user("mallory")).split(".")
    pool = identity_pool(server, pools.make())
    assert amplify("token", pools=pool, token=f"{head}.{claims}.{signature}")["error"] == {
        "name": "NotAuthorizedException",
        "message": "Invalid login token. Couldn't verify signed token.",
    }
