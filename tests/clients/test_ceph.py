"""The classic flow at somebody else's STS: radosgw takes Cognate's OpenID tokens, and S3 its own credentials."""

import base64
import re

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from programs import run
from surroundings import BINARY, PROJECT, environment
from tokens import key_set
from tour import take
from world import new_user

BUCKET = "shared"


@pytest.fixture(scope="session")
def owner(ceph, pools):
    """The tenant is named as the account is, so that roles have the same ARNs here and there."""
    owner = ceph.owner(pools.account)
    owner.s3.create_bucket(Bucket=BUCKET)
    owner.s3.create_bucket(Bucket="private")
    return owner


@pytest.fixture(scope="session")
def roles(server, owner, pool):
    """The pool's two roles, at Ceph: users may write and read, guests read what is published."""
    owner.register(server.url, thumbprints(server))
    objects = f"arn:aws:s3:::{BUCKET}"
    owner.role("User", server.url, of_pool(pool, "authenticated"), [allow("s3:PutObject s3:GetObject", f"{objects}/*")])
    owner.role("Guest", server.url, of_pool(pool, "unauthenticated"), [allow("s3:GetObject", f"{objects}/public/*")])


def of_pool(pool, kind):
    return {"StringEquals": {"aud": pool}, "ForAnyValue:StringEquals": {"amr": kind}}


def allow(actions, resource):
    return {"Effect": "Allow", "Action": actions.split(), "Resource": [resource]}


def thumbprints(server):
    """What the gateway is to know the server's keys by."""
    done = run([BINARY, "issuer", "thumbprint", "--endpoint", server.url], environment("/nonexistent"))
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def sign_in(server, pool, logins):
    """An OpenID token and the identity that it is for: the first two steps of the classic flow."""
    app = server.public()
    identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
    return app.get_open_id_token(IdentityId=identity, Logins=logins)["Token"], identity


def assume(ceph, role, token):
    """The third step, at Ceph."""
    sts = ceph.public()
    return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="phone", WebIdentityToken=token)


def refusal(call, *arguments, **members):
    with pytest.raises(ClientError) as refused:
        call(*arguments, **members)
    answer = refused.value.response
    # The gateway's STS has no ErrorResponse around its errors, so boto3 finds no Error in them.
    return answer.get("Error", answer)["Code"]


@pytest.fixture
def user(server, pool, providers):
    """A token of somebody who is signed in."""
    issuer = providers["RS256"]
    return sign_in(server, pool, {issuer.key: issuer.token(new_user())})


def test_a_user_of_an_issuer_stores_an_object(ceph, roles, pools, user):
    token, identity = user
    answer = assume(ceph, pools.role("User"), token)
    assert answer["SubjectFromWebIdentityToken"] == identity
    s3 = ceph.client("s3", answer["Credentials"])
    s3.put_object(Bucket=BUCKET, Key="notes/first", Body=b"from a user")
    assert s3.get_object(Bucket=BUCKET, Key="notes/first")["Body"].read() == b"from a user"
    # What the role doesn't say is not to be had.
    assert refusal(s3.delete_object, Bucket=BUCKET, Key="notes/first") == "AccessDenied"
    assert refusal(s3.put_object, Bucket="private", Key="first", Body=b"") == "AccessDenied"


def test_parts_of_credentials_that_do_not_belong_together_are_refused(ceph, roles, pools, user):
    mine = assume(ceph, pools.role("User"), user[0])["Credentials"]
    other = assume(ceph, pools.role("User"), user[0])["Credentials"]
    sealed = bytearray(base64.b64decode(mine["SessionToken"]))
    # In the first block, where lengths are: further back this gateway doesn't notice every change.
    sealed[3] ^= 1
    changed = {"SessionToken": base64.b64encode(sealed).decode()}
    codes = [
        refusal(ceph.client("s3", mine | part).put_object, Bucket=BUCKET, Key="forged", Body=b"")
        for part in (changed, {"SessionToken": other["SessionToken"]}, {"SecretAccessKey": "x" * 40})
    ]
    assert codes == ["InvalidArgument", "AccessDenied", "SignatureDoesNotMatch"]
    ceph.client("s3", mine).put_object(Bucket=BUCKET, Key="mine", Body=b"")


def test_a_guest_reads_with_the_role_of_guests_only(ceph, owner, roles, server, pool, pools):
    owner.s3.put_object(Bucket=BUCKET, Key="public/welcome", Body=b"for all")
    owner.s3.put_object(Bucket=BUCKET, Key="members", Body=b"for some")
    token, _ = sign_in(server, pool, {})
    s3 = ceph.client("s3", assume(ceph, pools.role("Guest"), token)["Credentials"])
    assert s3.get_object(Bucket=BUCKET, Key="public/welcome")["Body"].read() == b"for all"
    assert refusal(s3.get_object, Bucket=BUCKET, Key="members") == "AccessDenied"
    assert refusal(s3.put_object, Bucket=BUCKET, Key="public/x", Body=b"") == "AccessDenied"
    assert refusal(assume, ceph, pools.role("User"), token) == "AccessDenied"


def test_a_user_does_not_pass_for_a_guest(ceph, roles, pools, user):
    assert refusal(assume, ceph, pools.role("Guest"), user[0]) == "AccessDenied"


def test_a_token_of_another_pool_is_refused(ceph, roles, server, pools):
    token, _ = sign_in(server, pools.make(), {})
    assert refusal(assume, ceph, pools.role("Guest"), token) == "AccessDenied"


def test_the_thumbprints_are_of_the_certificates_that_ceph_reads_keys_from(server):
    certificates = (base64.b64decode(key["x5c"][0]) for key in key_set(server))
    expected = [x509.load_der_x509_certificate(it).fingerprint(hashes.SHA1()).hex() for it in certificates]
    assert thumbprints(server) == expected[:5]


def test_a_changed_token_is_refused(ceph, roles, server, pool, pools, user):
    head, claims, signature = user[0].split(".")
    guest, _ = sign_in(server, pool, {})
    for forged in (f"{head}.{claims}.{guest.split('.')[2]}", f"{head}.{guest.split('.')[1]}.{signature}"):
        for role in ("User", "Guest"):
            assert refusal(assume, ceph, pools.role(role), forged) == "AccessDenied"


def test_sign_ins_go_on_after_a_rotation(ceph, own_server, tmp_path):
    server = own_server()
    made = server.client("cognito-identity").create_identity_pool(
        IdentityPoolName="Keys", AllowUnauthenticatedIdentities=True
    )
    pool = made["IdentityPoolId"]
    # Without a tenant there is no account in a role's ARN.
    owner = ceph.owner()
    owner.s3.create_bucket(Bucket="keys")
    owner.register(server.url, thumbprints(server))
    statement = allow("s3:PutObject s3:GetObject", "arn:aws:s3:::keys/*")
    role = owner.role("Guest", server.url, of_pool(pool, "unauthenticated"), [statement])
    assert role == "arn:aws:iam:::role/Guest"

    before, identity = sign_in(server, pool, {})
    session = ceph.client("s3", assume(ceph, role, before)["Credentials"])
    for words in ([], ["--compromised"]):
        command = [BINARY, "keys", "rotate", *words, "--endpoint", server.url, "--data-dir", server.data]
        done = run(command, environment(tmp_path))
        assert done.returncode == 0, done.stderr
        after = server.public().get_open_id_token(IdentityId=identity)["Token"]
        s3 = ceph.client("s3", assume(ceph, role, after)["Credentials"])
        s3.put_object(Bucket="keys", Key="note", Body=b"kept")
        # Ceph reads the first key only, so what the last one signed ends here; what it opened goes on.
        assert refusal(assume, ceph, role, before) == "AccessDenied"
        assert session.get_object(Bucket="keys", Key="note")["Body"].read() == b"kept"
        before = after


def test_the_recipe_works_as_it_is_written(ceph, own_server, tmp_path):
    recipe = (PROJECT / "docs/ceph.md").read_text()
    config = tmp_path / "cognate.toml"
    (route,) = re.findall(r"^```toml\n(.*?)^```$", recipe, re.MULTILINE | re.DOTALL)
    config.write_text(route.replace("https://rgw.example.net", ceph.url))
    server = own_server("--allow-http-issuers", "--config", config)
    printed = take(recipe, server, AWS_ENDPOINT_URL=server.url, CEPH=ceph.url, CEPH_CONF=ceph.configuration)
    classic, enhanced = printed[-3], printed[-1]
    assert classic.rstrip().endswith("welcome")
    assert enhanced.rstrip().endswith("mine")
