"""Encrypted SAML assertions through boto3, made and encrypted by real identity providers."""

import base64
import json
import re
import secrets

import pytest

from saml_provider import RECIPIENT, Pysaml2, Samlify, new_key
from world import new_user

KINDS = {
    "pysaml2, assertion signed": lambda folder, key: Pysaml2(folder, encrypts_for=key),
    "pysaml2, response signed": lambda folder, key: Pysaml2(folder, True, False, key, "aes128-gcm"),
    "pysaml2, both signed": lambda folder, key: Pysaml2(folder, True, True, key),
    "samlify, assertion signed": lambda folder, key: Samlify(folder, encrypts_for=key, content="aes128-gcm"),
    "samlify, both signed": lambda folder, key: Samlify(folder, True, key),
}
REFUSED = "Not a valid SAML response"


@pytest.fixture(scope="module", params=KINDS)
def scene(request, server, tmp_path_factory):
    """The provider, the ARN of its registration with a private key, and the path of the key."""
    folder = tmp_path_factory.mktemp("saml")
    key, certificate = new_key(folder)
    idp = KINDS[request.param](folder / "idp", certificate)
    iam = server.client("iam")
    arn = iam.create_saml_provider(
        Name=f"corp-{secrets.token_hex(4)}",
        SAMLMetadataDocument=idp.metadata().ljust(1000),
        AssertionEncryptionMode="Required",
        AddPrivateKey=key.read_text(),
    )["SAMLProviderArn"]
    yield idp, arn, key
    iam.delete_saml_provider(SAMLProviderArn=arn)


@pytest.fixture(scope="module")
def pool(pools, scene):
    return pools.make(SamlProviderARNs=[scene[1]])


def test_a_user_gets_credentials_with_an_encrypted_response(server, pool, scene):
    idp, arn, _ = scene
    app = server.public()
    user = new_user()
    response = idp.login(user)
    xml = base64.b64decode(response).decode()
    assert "EncryptedAssertion" in xml and "-gcm" in xml and user not in xml
    logins = {arn: response}
    identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
    answer = app.get_credentials_for_identity(IdentityId=identity, Logins=logins)
    caller = server.client("sts", answer["Credentials"]).get_caller_identity()
    assert caller["Arn"].endswith(":assumed-role/User/CognitoIdentityCredentials")


def test_an_encrypted_response_opens_a_role(server, scene):
    idp, arn, _ = scene
    iam = server.client("iam")
    name = f"Staff-{secrets.token_hex(4)}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": arn},
        "Action": "sts:AssumeRoleWithSAML",
        "Condition": {"StringEquals": {"SAML:aud": RECIPIENT}},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    attributes = {
        "https://aws.amazon.com/SAML/Attributes/Role": f"{role},{arn}",
        "https://aws.amazon.com/SAML/Attributes/RoleSessionName": "ada",
    }
    response = idp.login(new_user(), **attributes)
    answer = server.public("sts").assume_role_with_saml(RoleArn=role, PrincipalArn=arn, SAMLAssertion=response)
    assert answer["AssumedRoleUser"]["Arn"].endswith(f"/{name}/ada")
    iam.delete_role(RoleName=name)


def test_a_changed_byte_is_refused(server, pool, scene):
    idp, arn, _ = scene
    app = server.public()
    xml = base64.b64decode(idp.login(new_user())).decode()
    values = re.findall(r"<[\w:]*CipherValue>([^<]+)<", xml)
    assert len(values) == 2
    for value in values:
        at = len(value) // 2
        letter = "A" if value[at] != "A" else "B"
        changed = xml.replace(value, f"{value[:at]}{letter}{value[at + 1:]}")
        login = base64.b64encode(changed.encode()).decode()
        # The signature of a response covers its encrypted assertion, and is verified first.
        with pytest.raises(app.exceptions.NotAuthorizedException, match=f"{REFUSED}|Couldn't verify signed token"):
            app.get_id(IdentityPoolId=pool, Logins={arn: login})


def test_the_key_is_changed_without_an_interruption(server, pool, scene, tmp_path):
    idp, arn, key = scene
    app, iam = server.public(), server.client("iam")

    def signs_in():
        app.get_id(IdentityPoolId=pool, Logins={arn: idp.login(new_user())})

    def keys():
        shown = iam.get_saml_provider(SAMLProviderArn=arn)
        assert "PRIVATE" not in json.dumps(shown, default=str)
        return [key["KeyId"] for key in shown["PrivateKeyList"]]

    (old,) = keys()
    other, _ = new_key(tmp_path)
    iam.update_saml_provider(SAMLProviderArn=arn, AddPrivateKey=other.read_text())
    signs_in()
    assert keys()[0] == old and len(keys()) == 2
    iam.update_saml_provider(SAMLProviderArn=arn, RemovePrivateKey=old)
    with pytest.raises(app.exceptions.NotAuthorizedException, match=REFUSED):
        signs_in()
    iam.update_saml_provider(SAMLProviderArn=arn, AddPrivateKey=key.read_text())
    signs_in()
