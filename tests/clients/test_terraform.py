"""Terraform with the provider hashicorp/aws: what is applied is found again, imported, changed and destroyed."""

import secrets

import pytest

from saml_provider import Pysaml2
from terraform import Terraform, missing


@pytest.fixture
def variables(user_pools, tmp_path):
    mark = secrets.token_hex(4)
    return {
        "account": "123456789012",
        "issuer": f"https://login-{mark}.example.com",
        "user_pool": user_pools.key,
        "saml_name": f"corp-{mark}",
        "saml_metadata": Pysaml2(tmp_path / "idp").metadata().ljust(1000),
        "name": f"Terraform {mark}",
        "guests": True,
        "tags": {"team": "blue", "stage": "test"},
        "principal_tags": {"department": "dept", "user": "sub"},
        "match": "example.com",
    }


def test_a_pool_is_applied_found_again_imported_changed_and_destroyed(checking_server, variables, tmp_path):
    assert not missing()
    server = checking_server
    (tmp_path / "terraform").mkdir()
    terraform = Terraform(tmp_path / "terraform", server, **variables)
    try:
        assert terraform.apply() == "6 added, 0 changed, 0 destroyed"
        assert terraform.plans_nothing()
        made = terraform.outputs()
        check(server, made["pool"], made, variables)

        # What was made is there, and Terraform knows nothing of it: nothing is different from what it should be.
        terraform.forget()
        terraform.add("import.tf", pool=made["pool"], issuer_arn=made["issuer"], saml_arn=made["saml"])
        assert terraform.apply() == "6 imported, 0 added, 0 changed, 0 destroyed"

        change = {
            "guests": False,
            "tags": {"team": "red", "owner": "ada"},
            "principal_tags": {"user": "email"},
            "match": "example.org",
        }
        terraform.set(**change)
        assert terraform.apply() == "0 added, 5 changed, 0 destroyed"
        assert terraform.plans_nothing()
        check(server, made["pool"], terraform.outputs(), variables | change)

        # Each change of the tags alone is made, and is then found.
        for tags in ({"Team": "red"}, {}, {"a b": "c/d", "owner": ""}):
            terraform.set(tags=tags)
            terraform.apply()
            assert terraform.plans_nothing()
            check(server, made["pool"], terraform.outputs(), variables | change | {"tags": tags})
    finally:
        destroyed = terraform.destroy()
    assert destroyed == "6 destroyed"
    identity = server.client("cognito-identity")
    with pytest.raises(identity.exceptions.ResourceNotFoundException):
        identity.describe_identity_pool(IdentityPoolId=made["pool"])


def check(server, pool, outputs, variables):
    """That the server has what the configuration says, and that Terraform's data source shows it."""
    identity = server.client("cognito-identity")
    shown = identity.describe_identity_pool(IdentityPoolId=pool)
    assert shown["IdentityPoolName"] == variables["name"]
    assert shown["AllowUnauthenticatedIdentities"] is variables["guests"]
    assert shown["AllowClassicFlow"] is True
    assert shown["DeveloperProviderName"] == "login.shop"
    assert shown["OpenIdConnectProviderARNs"] == [outputs["issuer"]]
    assert set(shown["SupportedLoginProviders"]) == {"accounts.google.com", "appleid.apple.com"}
    assert shown["SamlProviderARNs"] == [outputs["saml"]]
    clients = {one["ClientId"]: one["ServerSideTokenCheck"] for one in shown["CognitoIdentityProviders"]}
    assert clients == {"web": True, "phone": True}
    assert shown["IdentityPoolTags"] == variables["tags"]

    given = identity.get_identity_pool_roles(IdentityPoolId=pool)
    assert given["Roles"]["authenticated"].endswith(":role/User")
    user_pool, google = f"{variables['user_pool']}:web", "accounts.google.com"
    assert {key: mapping["Type"] for key, mapping in given["RoleMappings"].items()} == {
        user_pool: "Token",
        outputs["saml"]: "Token",
        google: "Rules",
    }
    rules = given["RoleMappings"][google]["RulesConfiguration"]["Rules"]
    assert [rule["Value"] for rule in rules] == [variables["match"], "support"]

    tags = identity.get_principal_tag_attribute_map(
        IdentityPoolId=pool, IdentityProviderName=variables["user_pool"]
    )
    assert tags["PrincipalTags"] == variables["principal_tags"]
    assert tags["UseDefaults"] is False
    defaults = identity.get_principal_tag_attribute_map(IdentityPoolId=pool, IdentityProviderName=google)
    assert defaults["UseDefaults"] is True

    iam = server.client("iam")
    for tags in (
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=outputs["issuer"]).get("Tags", []),
        iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=outputs["issuer"])["Tags"],
        iam.get_saml_provider(SAMLProviderArn=outputs["saml"]).get("Tags", []),
        iam.list_saml_provider_tags(SAMLProviderArn=outputs["saml"])["Tags"],
    ):
        assert {tag["Key"]: tag["Value"] for tag in tags} == variables["tags"]
    assert sorted(outputs["found_providers"]["by_url"]) == ["phone", "web"]

    found = outputs["found"]
    assert found["id"] == pool
    assert found["tags"] == variables["tags"]
    assert found["arn"] == outputs["arn"]
