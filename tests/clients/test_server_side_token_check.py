"""ServerSideTokenCheck, with moto's user pools: users whose ID tokens are good, and who are shut out."""

import pytest

from world import new_user


@pytest.fixture
def scene(checking_server, user_pools):
    """A server that may ask the user pools, and a pool that wants it."""
    server = checking_server
    client = {"ProviderName": user_pools.key, "ClientId": user_pools.clients[0], "ServerSideTokenCheck": True}
    pool = server.client("cognito-identity").create_identity_pool(
        IdentityPoolName="Checked", AllowUnauthenticatedIdentities=False, CognitoIdentityProviders=[client]
    )
    assert pool["CognitoIdentityProviders"] == [client]
    return server.public(), pool["IdentityPoolId"]


def test_a_user_who_is_there_is_let_in(scene, user_pools):
    app, pool = scene
    logins = {user_pools.key: user_pools.token(new_user())}
    first = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
    assert app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"] == first


@pytest.mark.parametrize("how", ["disabled", "deleted", "deleted and made again"])
def test_a_user_who_was_shut_out_is_refused_though_the_token_is_good(scene, user_pools, how):
    app, pool = scene
    ada = new_user()
    logins = {user_pools.key: user_pools.token(ada)}
    app.get_id(IdentityPoolId=pool, Logins=logins)
    if how == "disabled":
        user_pools.disable(ada)
    else:
        user_pools.delete(ada)
    if how == "deleted and made again":
        user_pools.token(ada)
    with pytest.raises(app.exceptions.NotAuthorizedException, match="The user is disabled or no longer there."):
        app.get_id(IdentityPoolId=pool, Logins=logins)


def test_without_a_key_to_ask_with_no_pool_has_the_check(server, user_pools):
    identity = server.client("cognito-identity")
    client = {"ProviderName": user_pools.key, "ClientId": user_pools.clients[0], "ServerSideTokenCheck": True}
    with pytest.raises(identity.exceptions.InvalidParameterException, match="ServerSideTokenCheck needs the access key"):
        identity.create_identity_pool(
            IdentityPoolName="Checked", AllowUnauthenticatedIdentities=False, CognitoIdentityProviders=[client]
        )
