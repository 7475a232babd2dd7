"""The AWS SDK for Rust, unmodified: the program in `rust` is built on it, and is asked here."""

import secrets
import time

import pytest

from programs import run
from surroundings import REGION, RUST_CLIENT, environment
from world import new_user


@pytest.fixture
def rust(server, tmp_path):
    """Asks the program; the lines of its answer, as pairs of a name and a value."""
    keys = {"AWS_ACCESS_KEY_ID": server.key_id, "AWS_SECRET_ACCESS_KEY": server.secret}
    env = environment(tmp_path, COGNATE_ENDPOINT=server.url, COGNATE_REGION=REGION, **keys)

    def ask(what, **given):
        done = run([RUST_CLIENT, what, *(f"{name}={value}" for name, value in given.items())], env)
        assert done.returncode == 0, f"{what}: {done.returncode}\n{done.stdout}{done.stderr}"
        return [tuple(line.split("=", 1)) for line in done.stdout.splitlines()]

    return ask


def check(answer, role, seconds=3600):
    """That an answer has credentials of a role, good for so long; the identity that they are for."""
    answer = dict(answer)
    assert answer["arn"].endswith(f":assumed-role/{role}/CognitoIdentityCredentials")
    assert seconds - 60 < int(answer["expires"]) - time.time() <= seconds
    return answer["identity"]


def refusal(name, message):
    """That the SDK gave the error's own variant, with these words."""
    return [("error", name), ("code", name), ("message", message)]


def test_a_guest_gets_credentials(rust, pool):
    assert check(rust("sign-in", pool=pool), "Guest").startswith(f"{REGION}:")


def test_a_signed_in_user_has_the_same_identity_everywhere(server, rust, pool, provider):
    user = new_user()
    identity = check(rust("sign-in", pool=pool, provider=provider.key, token=provider.token(user)), "User")
    logins = {provider.key: provider.token(user)}
    assert server.public().get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"] == identity


def test_a_developers_user_gets_credentials(rust, pools):
    pool = pools.make(DeveloperProviderName="login.shop")
    user = new_user()
    asked = {"pool": pool, "provider": "login.shop", "user": user}
    answer = rust("developer", **asked)
    # As long as the developer's token, which is for a quarter of an hour unless it says otherwise.
    identity = check(answer, "User", seconds=900)
    assert ("user", user) in answer
    assert check(rust("developer", **asked), "User", seconds=900) == identity
    other = dict(rust("developer", **asked | {"user": new_user("eve")}))["identity"]
    refused = dict(rust("developer", **asked, identity=other))
    assert refused["error"] == refused["code"] == "DeveloperUserAlreadyRegisteredException"


def test_the_paginator_lists_every_pool_once(rust, pools):
    made = [pools.make(roles=False) for _ in range(5)]
    answer = rust("pools", size=2)
    pages = [int(size) for name, size in answer if name == "page"]
    assert len(pages) >= 3
    assert max(pages) == 2
    listed = [pool for name, pool in answer if name == "pool"]
    assert len(listed) == len(set(listed)) == sum(pages)
    assert set(made) <= set(listed)


def test_refusals_are_variants_of_the_sdks_errors(rust, pool, pools, providers):
    unknown = f"{REGION}:00000000-0000-4000-8000-000000000000"
    not_found = refusal("ResourceNotFoundException", f"IdentityPool '{unknown}' not found.")
    assert rust("sign-in", pool=unknown) == not_found
    assert rust("describe", pool=unknown) == not_found
    closed = pools.make(AllowUnauthenticatedIdentities=False)
    text = "Unauthenticated access is not supported for this identity pool."
    assert rust("sign-in", pool=closed) == refusal("NotAuthorizedException", text)
    text = "Invalid login token. Issuer doesn't match providerName"
    wrong = {"provider": providers["ES256"].key, "token": providers["RS256"].token(new_user())}
    assert rust("sign-in", pool=pool, **wrong) == refusal("NotAuthorizedException", text)
    bare = pools.make(roles=False)
    refused = rust("sign-in", pool=bare)
    text = "Invalid identity pool configuration. Check assigned IAM roles for this pool."
    assert refused == refusal("InvalidIdentityPoolConfigurationException", text)


def test_an_administrator_describes_a_pool(rust, pools):
    name = f"Rust {secrets.token_hex(4)}"
    assert rust("describe", pool=pools.make(IdentityPoolName=name)) == [("name", name)]
