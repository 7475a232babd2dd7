"""SAML logins, through boto3, with the responses of real identity providers."""

import base64
import re
import secrets

import pytest

from saml_provider import Pysaml2, Samlify
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
