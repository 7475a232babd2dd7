"""Terraform with the provider hashicorp/aws: what is applied is found again, imported, changed and destroyed."""

import json
import secrets

import pytest

from saml_provider import Pysaml2
from surroundings import CALLER
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


@pytest.mark.skipif(CALLER.get("COGNATE_TEST_FULL") != "1", reason="it takes three minutes: the full tests run it")
def test_roles_have_policies_versions_and_a_boundary(checking_server, tmp_path):
    assert not missing()
    server = checking_server
    prefix = f"tf-{secrets.token_hex(4)}"
    variables = {
        "prefix": prefix,
        "actions": ["cognito-identity:List*"],
        "stage": "test",
        "boundary": "limit",
        "exclusive": True,
    }
    (tmp_path / "terraform").mkdir()
    terraform = Terraform(tmp_path / "terraform", server, file="roles.tf", **variables)
    try:
        assert terraform.apply() == "11 added, 0 changed, 0 destroyed"
        assert terraform.plans_nothing()
        made = terraform.outputs()
        check_roles(server, made, variables)

        # Others change what the exclusive resources keep.
        iam = server.client("iam")
        app, batch = made["names"]["app"], made["names"]["batch"]
        everything = json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
        )
        iam.put_role_policy(RoleName=app, PolicyName="other", PolicyDocument=everything)
        iam.attach_role_policy(RoleName=app, PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess")
        iam.put_role_policy(RoleName=batch, PolicyName="other", PolicyDocument=everything)
        assert terraform.apply() == "0 added, 2 changed, 0 destroyed"
        check_roles(server, terraform.outputs(), variables)

        # Another list of actions is another version, also where the policy has as many as it may; other tags and boundaries.
        for _ in range(4):
            iam.create_policy_version(PolicyArn=made["names"]["read"], PolicyDocument=everything)
        for change in (
            {"actions": ["cognito-identity:Describe*", "iam:List*"], "stage": "live", "boundary": "none"},
            {"boundary": "aws"},
        ):
            variables |= change
            terraform.set(**variables)
            terraform.apply()
            check_roles(server, terraform.outputs(), variables)
        assert terraform.plans_nothing()

        # What was made is there, and Terraform knows nothing of it.
        # aws_iam_policy_attachment has no import: it is made again, which changes nothing.
        terraform.forget()
        terraform.add("import_roles.tf", imported=made["names"])
        # force_detach_policies, in Terraform's state alone, counts as a change.
        assert terraform.apply() == "10 imported, 1 added, 1 changed, 0 destroyed"
        assert terraform.plans_nothing()
    finally:
        destroyed = terraform.destroy()
    assert destroyed == "11 destroyed"
    assert [one for one in iam.list_policies(Scope="Local")["Policies"] if prefix in one["PolicyName"]] == []
    assert [one for one in iam.list_roles()["Roles"] if prefix in one["RoleName"]] == []


def check_roles(server, outputs, variables):
    """That the server has what the configuration says, and that Terraform's data sources show it."""
    iam = server.client("iam")
    names = outputs["names"]
    limit, read = names["limit"], names["read"]
    of_aws = "arn:aws:iam::aws:policy/AmazonCognitoReadOnly"
    boundary = {"none": None, "limit": limit, "aws": of_aws}[variables["boundary"]]
    role = iam.get_role(RoleName=names["app"])["Role"]
    assert role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") == boundary
    tags = {"team": "blue", "stage": variables["stage"]}
    assert {tag["Key"]: tag["Value"] for tag in role["Tags"]} == tags
    attached = iam.list_attached_role_policies(RoleName=names["app"])["AttachedPolicies"]
    assert {one["PolicyArn"] for one in attached} == {read, of_aws}
    assert iam.list_role_policies(RoleName=names["app"])["PolicyNames"] == ["own"]
    policy = iam.get_policy(PolicyArn=read)["Policy"]
    assert {tag["Key"]: tag["Value"] for tag in policy["Tags"]} == tags
    assert policy["Description"] == "Reads"
    version = iam.get_policy_version(PolicyArn=read, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    actions = version["Document"]["Statement"][0]["Action"]
    actions = [actions] if isinstance(actions, str) else actions
    assert sorted(actions) == sorted(variables["actions"])
    used = iam.list_entities_for_policy(PolicyArn=names["shared"])
    assert [one["RoleName"] for one in used["PolicyRoles"]] == [names["batch"]]
    shown = outputs["role"]
    assert (shown["permissions_boundary"] or None) == boundary
    assert shown["tags"] == tags
    assert outputs["roles"] == [names["app"]]
    assert outputs["policy"] == read
    assert outputs["allowed"] is True
