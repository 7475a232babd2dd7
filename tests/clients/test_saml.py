"""SAML logins, and roles for SAML responses, through boto3, with the responses of real identity providers."""

import base64
import json
import re
import secrets

import pytest
from botocore.exceptions import ClientError

from saml_provider import RECIPIENT, Pysaml2, Samlify
from world import new_user

KINDS = {
    "pysaml2, assertion signed": lambda folder: Pysaml2(folder / "assertion"),
    "pysaml2, response signed": lambda folder: Pysaml2(folder / "response", True, False),
    "pysaml2, both signed": lambda folder: Pysaml2(folder / "both", True, True),
    "samlify": lambda folder: Samlify(folder / "samlify"),
}


@pytest.fixture(scope="module", params=KINDS)
def idp(request, tmp_path_factory):
    return KINDS[request.param](tmp_path_factory.mktemp("saml"))


@pytest.fixture(scope="module")
def arn(idp, server):
    """The ARN of the provider, registered with the metadata that it writes itself."""
    iam = server.client("iam")
    # The service wants a thousand characters; white space behind the root means nothing.
    document = idp.metadata().ljust(1000)
    name = f"corp-{secrets.token_hex(4)}"
    arn = iam.create_saml_provider(Name=name, SAMLMetadataDocument=document)["SAMLProviderArn"]
    assert arn.endswith(f":saml-provider/{name}")
    shown = iam.get_saml_provider(SAMLProviderArn=arn)
    assert shown["SAMLMetadataDocument"] == document
    assert arn in [listed["Arn"] for listed in iam.list_saml_providers()["SAMLProviderList"]]
    yield arn
    iam.delete_saml_provider(SAMLProviderArn=arn)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_saml_provider(SAMLProviderArn=arn)


@pytest.fixture(scope="module")
def saml_pool(pools, arn):
    return pools.make(SamlProviderARNs=[arn])


def test_a_user_gets_credentials_with_one_response(server, saml_pool, arn, idp):
    app = server.public()
    logins = {arn: idp.login(new_user())}
    identity = app.get_id(IdentityPoolId=saml_pool, Logins=logins)["IdentityId"]
    answer = app.get_credentials_for_identity(IdentityId=identity, Logins=logins)
    assert answer["IdentityId"] == identity
    caller = server.client("sts", answer["Credentials"]).get_caller_identity()
    assert caller["Arn"].endswith(":assumed-role/User/CognitoIdentityCredentials")


def test_the_same_user_gets_the_same_identity_and_another_another(server, saml_pool, arn, idp):
    app = server.public()
    ada, bob = new_user(), new_user("bob")

    def identity(user):
        return app.get_id(IdentityPoolId=saml_pool, Logins={arn: idp.login(user)})["IdentityId"]

    assert identity(ada) == identity(ada) != identity(bob)


def test_a_response_for_another_service_is_refused(server, saml_pool, arn, idp):
    app = server.public()
    logins = {arn: idp.login(new_user(), audience="urn:other")}
    with pytest.raises(app.exceptions.NotAuthorizedException, match="not from a supported provider"):
        app.get_id(IdentityPoolId=saml_pool, Logins=logins)


def test_a_response_is_refused_at_another_pool(server, saml_pool, pools, arn, idp):
    app = server.public()
    logins = {arn: idp.login(new_user())}
    app.get_id(IdentityPoolId=saml_pool, Logins=logins)
    other = pools.make(SamlProviderARNs=[arn])
    with pytest.raises(app.exceptions.NotAuthorizedException, match="was used before"):
        app.get_id(IdentityPoolId=other, Logins=logins)


def test_another_name_in_a_signed_response_is_refused(server, saml_pool, arn, idp):
    app = server.public()
    user = new_user()
    xml = base64.b64decode(idp.login(user)).decode()
    assert user in xml
    for changed in (xml.replace(user, "mallory"), xml.replace(user, f"{user}<!---->x"), f"<!DOCTYPE x>{xml}"):
        login = base64.b64encode(changed.encode()).decode()
        with pytest.raises(app.exceptions.NotAuthorizedException, match="Invalid login token"):
            app.get_id(IdentityPoolId=saml_pool, Logins={arn: login})


def test_a_response_that_nobody_signed_is_refused(server, saml_pool, arn, idp):
    app = server.public()
    xml = base64.b64decode(idp.login(new_user())).decode()
    bare = re.sub(r"<([\w:]*)Signature\b.*?</\1Signature>", "", xml, flags=re.DOTALL)
    assert "SignatureValue" not in bare
    login = base64.b64encode(bare.encode()).decode()
    with pytest.raises(app.exceptions.NotAuthorizedException, match="Couldn't verify signed token"):
        app.get_id(IdentityPoolId=saml_pool, Logins={arn: login})


def test_the_classic_flow_takes_no_saml(server, saml_pool, arn, idp):
    app = server.public()
    logins = {arn: idp.login(new_user())}
    identity = app.get_id(IdentityPoolId=saml_pool, Logins=logins)["IdentityId"]
    with pytest.raises(app.exceptions.InvalidParameterException, match="not supported with SAML"):
        app.get_open_id_token(IdentityId=identity, Logins=logins)


ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes"


@pytest.fixture(scope="module")
def role(server, arn):
    """The ARN of a role that trusts the provider's users, if they are of the team blue, and may list pools."""
    iam = server.client("iam")
    name = f"Staff-{secrets.token_hex(4)}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": arn},
        "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
        "Condition": {"StringEquals": {"SAML:aud": RECIPIENT, "aws:RequestTag/team": "blue"}},
    }
    allow = {"Effect": "Allow", "Action": "cognito-identity:ListIdentityPools", "Resource": "*"}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(statement))
    iam.put_role_policy(RoleName=name, PolicyName="list", PolicyDocument=policy(allow))
    yield made["Role"]["Arn"]
    iam.delete_role_policy(RoleName=name, PolicyName="list")
    iam.delete_role(RoleName=name)


def policy(statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def staff(role, arn, session, team="blue"):
    """The attributes that give somebody the role."""
    return {
        f"{ATTRIBUTES}/Role": f"{role},{arn}",
        f"{ATTRIBUTES}/RoleSessionName": session,
        f"{ATTRIBUTES}/PrincipalTag:team": team,
    }


def test_a_response_opens_the_role_that_it_names(server, arn, idp, role):
    user = new_user()
    response = idp.login(user, **staff(role, arn, user))
    answer = server.public("sts").assume_role_with_saml(
        RoleArn=role, PrincipalArn=arn, SAMLAssertion=response, DurationSeconds=900
    )
    assert (answer["Subject"], answer["SubjectType"]) == (user, "persistent")
    assert answer["Audience"] == RECIPIENT
    assert answer["Issuer"].startswith("https://idp.example/")
    session = answer["Credentials"]
    caller = server.client("sts", session).get_caller_identity()
    assert caller["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert caller["Arn"].endswith(f"/{role.rsplit('/')[-1]}/{user}")
    pools = server.client("cognito-identity", session)
    assert "IdentityPools" in pools.list_identity_pools(MaxResults=1)
    with pytest.raises(pools.exceptions.ClientError, match="is not authorized to perform"):
        pools.create_identity_pool(IdentityPoolName="mine", AllowUnauthenticatedIdentities=True)


def test_a_response_opens_no_role_that_it_does_not_name_or_that_does_not_trust_it(server, arn, idp, role):
    sts = server.public("sts")
    user = new_user()
    for attributes in (staff(f"{role}x", arn, user), staff(role, f"{arn}x", user), staff(role, arn, user, team="red")):
        response = idp.login(user, **attributes)
        with pytest.raises(ClientError) as refused:
            sts.assume_role_with_saml(RoleArn=role, PrincipalArn=arn, SAMLAssertion=response)
        assert refused.value.response["Error"] == {
            "Type": "Sender",
            "Code": "AccessDenied",
            "Message": "Not authorized to perform sts:AssumeRoleWithSAML",
        }


def test_a_changed_response_opens_no_role(server, arn, idp, role):
    sts = server.public("sts")
    user = new_user()
    xml = base64.b64decode(idp.login(user, **staff(role, arn, user, team="red"))).decode()
    assert ">red<" in xml
    response = base64.b64encode(xml.replace(">red<", ">blue<").encode()).decode()
    with pytest.raises(sts.exceptions.InvalidIdentityTokenException, match="Response signature invalid"):
        sts.assume_role_with_saml(RoleArn=role, PrincipalArn=arn, SAMLAssertion=response)


def test_a_response_that_a_pool_was_shown_opens_no_role(server, saml_pool, arn, idp, role):
    user = new_user()
    response = idp.login(user, **staff(role, arn, user))
    server.public().get_id(IdentityPoolId=saml_pool, Logins={arn: response})
    sts = server.public("sts")
    with pytest.raises(sts.exceptions.InvalidIdentityTokenException, match="used before"):
        sts.assume_role_with_saml(RoleArn=role, PrincipalArn=arn, SAMLAssertion=response)
