"""`cognate keys`, on a server that runs: what was given out stays good, and what is new is of the new key."""

import jwt
import pytest
from botocore.exceptions import ClientError

from programs import run
from surroundings import BINARY, environment
from tokens import Jose, key_set, verified_by_pyjwt


@pytest.fixture
def server(own_server):
    return own_server()


@pytest.fixture
def pool(server):
    administrator = server.client("cognito-identity")
    made = administrator.create_identity_pool(IdentityPoolName="Keys", AllowUnauthenticatedIdentities=True)
    roles = {"unauthenticated": "arn:aws:iam::123456789012:role/Guest"}
    administrator.set_identity_pool_roles(IdentityPoolId=made["IdentityPoolId"], Roles=roles)
    return made["IdentityPoolId"]


@pytest.fixture
def guest(server, pool):
    return server.public().get_id(IdentityPoolId=pool)["IdentityId"]


def keys(server, tmp_path, *words):
    """Runs `cognate keys …` as the server's administrator."""
    command = [BINARY, "keys", *words, "--endpoint", server.url, "--data-dir", server.data]
    return run(command, environment(tmp_path))


def states(done):
    """What `cognate keys` has printed of each key: its state and its id."""
    assert done.returncode == 0, done.stderr
    lines = (line.split() for line in done.stdout.splitlines() if "  made " in line)
    return [(words[0], words[1]) for words in lines]


def token(server, guest):
    return server.public().get_open_id_token(IdentityId=guest)["Token"]


def signed_by(text):
    return jwt.get_unverified_header(text)["kid"]


def assume(server, text):
    """Takes an OpenID token to the server's own STS."""
    return server.public("sts").assume_role_with_web_identity(
        RoleArn="arn:aws:iam::123456789012:role/Guest", RoleSessionName="guest", WebIdentityToken=text
    )


def test_a_rotation_is_noticed_by_nobody(server, pool, guest, tmp_path):
    jose = Jose(tmp_path / "jose", server)
    before = token(server, guest)
    assert jose.verify(before, pool)["fetches"] == 1
    (_, current), (_, upcoming) = states(keys(server, tmp_path, "list"))
    assert signed_by(before) == current

    rotated = states(keys(server, tmp_path, "rotate"))
    assert rotated[0] == ("current", upcoming)
    assert ("retired", current) in rotated

    after = token(server, guest)
    assert signed_by(after) == upcoming
    for text in (before, after):
        verified = jose.verify(text, pool)
        assert verified["payload"]["sub"] == guest
        # Whoever keeps the key set had the new key all along.
        assert verified["fetches"] == 1
        assert verified_by_pyjwt(server, text, pool)["sub"] == guest
        assume(server, text)
    jose.stop()
    assert [key["kid"] for key in key_set(server)][0] == upcoming


def test_a_second_rotation_waits_until_the_next_key_is_known(server, tmp_path):
    states(keys(server, tmp_path, "rotate"))
    again = keys(server, tmp_path, "rotate")
    assert again.returncode == 1
    assert "The next key has not been published long enough" in again.stderr


def test_tokens_of_a_compromised_key_are_refused_at_once(server, pool, guest, tmp_path):
    before = token(server, guest)
    done = keys(server, tmp_path, "rotate", "--compromised")
    assert signed_by(before) not in [key for _, key in states(done)]
    assert "is refused here at once" in done.stdout
    with pytest.raises(jwt.PyJWKClientError, match="Unable to find a signing key"):
        verified_by_pyjwt(server, before, pool)
    with pytest.raises(ClientError) as refused:
        assume(server, before)
    assert refused.value.response["Error"]["Code"] == "InvalidIdentityToken"
    assert verified_by_pyjwt(server, token(server, guest), pool)["sub"] == guest


def test_sessions_outlive_a_rotation_of_the_sealing_key_and_end_with_a_compromised_one(server, guest, tmp_path):
    credentials = server.public().get_credentials_for_identity(IdentityId=guest)["Credentials"]
    session = server.client("sts", credentials)
    states(keys(server, tmp_path, "rotate", "--purpose", "sealing"))
    assert session.get_caller_identity()["Arn"].endswith(":assumed-role/Guest/CognitoIdentityCredentials")
    _, _, (state, retired) = states(keys(server, tmp_path, "list", "--purpose", "sealing"))
    assert state == "retired"
    states(keys(server, tmp_path, "rotate", "--purpose", "sealing", "--compromised", "--key-id", retired))
    with pytest.raises(ClientError) as refused:
        session.get_caller_identity()
    assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"


def test_rotated_keys_are_still_there_after_a_restart(own_server, guest, server, pool, tmp_path):
    before = token(server, guest)
    states(keys(server, tmp_path, "rotate"))
    after = signed_by(token(server, guest))
    server.stop()
    # The issuer's URL holds the port, so the tokens of a server belong to its address.
    again = own_server(folder=server.folder, listen=server.url.removeprefix("http://"))
    assert signed_by(token(again, guest)) == after
    assert verified_by_pyjwt(again, before, pool)["sub"] == guest


def test_nobody_else_rotates_keys(server, tmp_path):
    env = environment(tmp_path, AWS_ACCESS_KEY_ID="AKIAQQQQQQQQQQQQQQQQ", AWS_SECRET_ACCESS_KEY="x" * 40)
    done = run([BINARY, "keys", "rotate", "--endpoint", server.url, "--data-dir", tmp_path / "nothing"], env)
    assert done.returncode == 1
    assert "UnrecognizedClientException" in done.stderr
