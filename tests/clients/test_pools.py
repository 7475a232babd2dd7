"""Identity pools, by boto3."""

import pytest

from world import new_user


@pytest.fixture
def identity(server):
    return server.client("cognito-identity")


def test_a_pool_is_made_shown_changed_and_deleted(identity, user_pools):
    client = {"ProviderName": user_pools.key, "ClientId": user_pools.clients[0], "ServerSideTokenCheck": False}
    given = {
        "IdentityPoolName": "Shop",
        "AllowUnauthenticatedIdentities": True,
        "AllowClassicFlow": True,
        "CognitoIdentityProviders": [client],
        "IdentityPoolTags": {"team": "blue", "stage": "test"},
    }
    made = members(identity.create_identity_pool(**given))
    pool = made["IdentityPoolId"]
    assert made == given | {"IdentityPoolId": pool}
    assert members(identity.describe_identity_pool(IdentityPoolId=pool)) == made
    # What an update leaves out is gone, but for the tags.
    changed = identity.update_identity_pool(
        IdentityPoolId=pool, IdentityPoolName="Store", AllowUnauthenticatedIdentities=False
    )
    assert members(changed) == {
        "IdentityPoolId": pool,
        "IdentityPoolName": "Store",
        "AllowUnauthenticatedIdentities": False,
        "IdentityPoolTags": given["IdentityPoolTags"],
    }
    identity.delete_identity_pool(IdentityPoolId=pool)
    with pytest.raises(identity.exceptions.ResourceNotFoundException) as refused:
        identity.describe_identity_pool(IdentityPoolId=pool)
    assert refused.value.response["Error"]["Message"] == f"IdentityPool '{pool}' not found."


def test_the_paginator_lists_every_pool_once(identity, pools):
    made = [pools.make(roles=False) for _ in range(5)]
    pages = list(identity.get_paginator("list_identity_pools").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) >= 3
    assert all(len(page["IdentityPools"]) <= 2 for page in pages)
    listed = [pool["IdentityPoolId"] for page in pages for pool in page["IdentityPools"]]
    assert len(listed) == len(set(listed))
    assert set(made) <= set(listed)


def test_roles_are_set_and_shown(identity, pools):
    pool = pools.make(roles=False)
    assert not identity.get_identity_pool_roles(IdentityPoolId=pool).get("Roles")
    roles = {"authenticated": pools.role("path/User"), "unauthenticated": pools.role("Guest")}
    identity.set_identity_pool_roles(IdentityPoolId=pool, Roles=roles)
    assert identity.get_identity_pool_roles(IdentityPoolId=pool)["Roles"] == roles


def test_an_identity_is_described_with_the_names_of_its_providers(server, identity, pool, provider):
    app = server.public()
    guest = app.get_id(IdentityPoolId=pool)["IdentityId"]
    shown = members(identity.describe_identity(IdentityId=guest))
    assert "Logins" not in shown
    assert shown["CreationDate"] == shown["LastModifiedDate"]
    app.get_credentials_for_identity(IdentityId=guest, Logins={provider.key: provider.token(new_user())})
    shown = identity.describe_identity(IdentityId=guest)
    assert shown["Logins"] == [provider.key]
    assert shown["CreationDate"] < shown["LastModifiedDate"]


def test_a_pool_of_another_region_is_not_found(server, pool):
    elsewhere = server.client("cognito-identity", region="us-west-2")
    with pytest.raises(elsewhere.exceptions.ResourceNotFoundException):
        elsewhere.describe_identity_pool(IdentityPoolId=pool)


def members(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
