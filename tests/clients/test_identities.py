"""Whose identity is whose, with tokens of real providers: RS256, ES256 and a user pool."""

import pytest

from world import new_user


def identity(app, pool, provider, token):
    return app.get_id(IdentityPoolId=pool, Logins={provider.key: token})["IdentityId"]


def test_the_same_user_with_a_fresh_token_gets_the_same_identity(server, pool, provider):
    app, ada = server.public(), new_user()
    first, fresh = provider.token(ada), provider.token(ada)
    assert first != fresh
    assert identity(app, pool, provider, first) == identity(app, pool, provider, fresh)


def test_another_user_gets_another_identity(server, pool, provider):
    app = server.public()
    ada, bob = (identity(app, pool, provider, provider.token(new_user(name))) for name in ("ada", "bob"))
    assert ada != bob


def test_a_guest_who_signs_in_keeps_the_identity(server, pool, provider):
    app, ada = server.public(), new_user()
    guest = app.get_id(IdentityPoolId=pool)["IdentityId"]
    app.get_credentials_for_identity(IdentityId=guest)
    logins = {provider.key: provider.token(ada)}
    assert app.get_credentials_for_identity(IdentityId=guest, Logins=logins)["IdentityId"] == guest
    assert identity(app, pool, provider, provider.token(ada)) == guest
    with pytest.raises(app.exceptions.NotAuthorizedException, match=f"Access to Identity '{guest}' is forbidden."):
        app.get_credentials_for_identity(IdentityId=guest)


def test_a_guest_who_turns_out_to_be_known_becomes_that_user(server, pool, provider):
    app, ada = server.public(), new_user()
    known = identity(app, pool, provider, provider.token(ada))
    guest = app.get_id(IdentityPoolId=pool)["IdentityId"]
    logins = {provider.key: provider.token(ada)}
    assert app.get_credentials_for_identity(IdentityId=guest, Logins=logins)["IdentityId"] == known
    with pytest.raises(app.exceptions.NotAuthorizedException, match=f"Access to Identity '{guest}' is forbidden."):
        app.get_credentials_for_identity(IdentityId=guest)


def test_two_clients_of_a_user_pool_give_one_identity(server, pool, user_pools):
    app, ada = server.public(), new_user()
    web, mobile = user_pools.token(ada, client=0), user_pools.token(ada, client=1)
    assert identity(app, pool, user_pools, web) == identity(app, pool, user_pools, mobile)


def test_logins_of_several_providers_are_linked_to_one_identity(server, pool, providers):
    app, ada = server.public(), new_user()
    together = {provider.key: provider.token(ada) for provider in providers.values()}
    linked = app.get_id(IdentityPoolId=pool, Logins=together)["IdentityId"]
    for provider in providers.values():
        assert identity(app, pool, provider, provider.token(ada)) == linked
    shown = server.client("cognito-identity").describe_identity(IdentityId=linked)
    assert sorted(shown["Logins"]) == sorted(provider.key for provider in providers.values())


def test_the_same_user_is_somebody_else_in_another_pool(server, pool, pools, provider):
    app, ada = server.public(), new_user()
    here, there = (identity(app, which, provider, provider.token(ada)) for which in (pool, pools.make()))
    assert here != there
