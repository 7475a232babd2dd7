"""The OpenID tokens that this server issues, as others see them."""

import base64

import jwt
import pytest
from cryptography import x509

from surroundings import REGION
from tokens import Jose, discovery, key_set, verified_by_pyjwt
from world import new_user


@pytest.fixture
def jose(server, tmp_path):
    verifier = Jose(tmp_path, server)
    yield verifier
    verifier.stop()


def issued(server, pool, logins):
    """An OpenID token and the identity that it is for."""
    app = server.public()
    identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
    return app.get_open_id_token(IdentityId=identity, Logins=logins)["Token"], identity


def test_pyjwt_verifies_a_users_token(server, pool, pools, provider):
    token, identity = issued(server, pool, {provider.key: provider.token(new_user())})
    claims = verified_by_pyjwt(server, token, pool)
    assert claims["sub"] == identity
    assert claims["amr"][:2] == ["authenticated", provider.key]
    assert claims["exp"] - claims["iat"] == 600
    arn = f"arn:aws:cognito-identity:{REGION}:{pools.account}:identitypool/{pool}"
    assert claims["https://cognito-identity.amazonaws.com/identity-pool-arn"] == arn


def test_jose_verifies_a_guests_token(server, jose, pool):
    token, identity = issued(server, pool, {})
    verified = jose.verify(token, pool)
    assert verified["payload"]["sub"] == identity
    assert verified["payload"]["amr"] == ["unauthenticated"]
    assert verified["header"] == {"kid": jwt.get_unverified_header(token)["kid"], "typ": "JWS", "alg": "RS512"}


def test_both_refuse_a_changed_token(server, jose, pool):
    token, _ = issued(server, pool, {})
    other, _ = issued(server, pool, {})
    head, claims, _ = token.split(".")
    forged = f"{head}.{claims}.{other.rsplit('.', 1)[1]}"
    assert jose.verify(forged, pool)["error"] == "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    with pytest.raises(jwt.InvalidSignatureError):
        verified_by_pyjwt(server, forged, pool)


def test_a_token_for_one_pool_is_none_for_another(server, jose, pool):
    token, _ = issued(server, pool, {})
    assert jose.verify(token, "eu-west-1:00000000-0000-4000-8000-000000000000")["error"] == (
        "ERR_JWT_CLAIM_VALIDATION_FAILED"
    )


def test_each_published_key_has_its_certificate(server):
    for key in key_set(server):
        (der,) = key["x5c"]
        numbers = x509.load_der_x509_certificate(base64.b64decode(der)).public_key().public_numbers()
        assert (numbers.n, numbers.e) == (number(key["n"]), number(key["e"]))


def test_the_discovery_document_names_its_own_issuer(server, pool):
    token, _ = issued(server, pool, {})
    claims = jwt.decode(token, options={"verify_signature": False})
    assert discovery(server)["issuer"] == claims["iss"]


def number(text):
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="))
