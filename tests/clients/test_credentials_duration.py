"""How long a pool's credentials last: set by `cognate pool credentials`, seen by boto3."""

import datetime

import pytest

from programs import run
from surroundings import BINARY, environment
from world import new_user


@pytest.fixture
def pool_credentials(server, tmp_path):
    """Runs `cognate pool credentials WORDS` as the server's administrator; gives what it has printed."""
    keys = {"AWS_ACCESS_KEY_ID": server.key_id, "AWS_SECRET_ACCESS_KEY": server.secret}
    env = environment(tmp_path, **keys)

    def command(*words):
        done = run([BINARY, "pool", "credentials", *words, "--endpoint", server.url], env, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command


def check(credentials, hours):
    left = credentials["Expiration"] - datetime.datetime.now(datetime.UTC)
    wanted = datetime.timedelta(hours=hours)
    assert wanted - datetime.timedelta(minutes=1) < left <= wanted


def test_credentials_last_as_long_as_the_pool_says(server, pools, provider, pool_credentials):
    pool = pools.make()
    app = server.public()
    guest = app.get_id(IdentityPoolId=pool)["IdentityId"]
    logins = {provider.key: provider.token(new_user())}
    user = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]

    assert pool_credentials(pool) == "Credentials last 1h (3600 seconds), even if the logins expire earlier\n"
    pool_credentials(pool, "--duration", "12h")
    for hours, asked in ((12, {"IdentityId": guest}), (12, {"IdentityId": user, "Logins": logins})):
        credentials = app.get_credentials_for_identity(**asked)["Credentials"]
        check(credentials, hours)
        server.client("sts", credentials).get_caller_identity()

    # An update by boto3 leaves it; the provider's tokens are good for an hour at most.
    admin = server.client("cognito-identity")
    settings = admin.describe_identity_pool(IdentityPoolId=pool)
    settings.pop("ResponseMetadata")
    assert "12h" in pool_credentials(pool)
    admin.update_identity_pool(**settings)
    said = pool_credentials(pool, "--within-login")
    assert said == "Credentials last 12h (43200 seconds) at most, and end when the logins expire\n"
    credentials = app.get_credentials_for_identity(IdentityId=user, Logins=logins)["Credentials"]
    left = credentials["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert left <= datetime.timedelta(hours=1)
    check(app.get_credentials_for_identity(IdentityId=guest)["Credentials"], 12)
