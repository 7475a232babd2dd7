"""Developer-authenticated identities, by boto3 and the AWS CLI: a backend says who its users are."""

import pytest

from aws_cli import AwsCli
from tokens import verified_by_pyjwt
from world import new_user

PROVIDER = "login.shop"
OWN = "cognito-identity.amazonaws.com"


@pytest.fixture(scope="module")
def shop(pools):
    """A pool with a developer provider."""
    return pools.make(DeveloperProviderName=PROVIDER)


@pytest.fixture
def backend(server):
    return server.client("cognito-identity")


def sign_in(backend, pool, user, identity=None, **more):
    """What the backend gets for its user: an identity, and a token for the app."""
    if identity:
        more["IdentityId"] = identity
    answer = backend.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool, Logins={PROVIDER: user} | more.pop("logins", {}), **more
    )
    return answer["IdentityId"], answer["Token"]


def users(backend, pool, identity):
    """The developer's users of an identity, page by page."""
    found, more = [], {}
    while True:
        page = backend.lookup_developer_identity(IdentityPoolId=pool, IdentityId=identity, MaxResults=1, **more)
        assert page["IdentityId"] == identity
        found += page["DeveloperUserIdentifierList"]
        if "NextToken" not in page:
            return found
        more = {"NextToken": page["NextToken"]}


def test_a_backends_token_gives_its_user_credentials_in_both_flows(server, backend, shop, pools):
    identity, token = sign_in(backend, shop, new_user(), TokenDuration=3600)
    claims = verified_by_pyjwt(server, token, shop)
    assert claims["sub"] == identity
    assert claims["exp"] - claims["iat"] == 3600
    app = server.public()
    answer = app.get_credentials_for_identity(IdentityId=identity, Logins={OWN: token})
    assert answer["IdentityId"] == identity
    caller = server.client("sts", answer["Credentials"]).get_caller_identity()
    assert caller["Arn"].endswith(":assumed-role/User/CognitoIdentityCredentials")
    answer = server.public("sts").assume_role_with_web_identity(
        RoleArn=pools.role("User"), RoleSessionName="phone", WebIdentityToken=token
    )
    assert answer["SubjectFromWebIdentityToken"] == identity


def test_a_user_has_one_identity_and_is_looked_up_both_ways(backend, shop):
    user, other = new_user(), new_user("eve")
    identity, _ = sign_in(backend, shop, user)
    assert sign_in(backend, shop, user)[0] == identity
    assert sign_in(backend, shop, other)[0] != identity
    found = backend.lookup_developer_identity(IdentityPoolId=shop, DeveloperUserIdentifier=user)
    assert (found["IdentityId"], found["DeveloperUserIdentifierList"]) == (identity, [user])
    with pytest.raises(backend.exceptions.ResourceNotFoundException):
        backend.lookup_developer_identity(IdentityPoolId=shop, DeveloperUserIdentifier=new_user("nobody"))


def test_a_guest_whom_the_backend_signs_in_keeps_the_identity(server, backend, shop):
    app = server.public()
    guest = app.get_id(IdentityPoolId=shop)["IdentityId"]
    identity, token = sign_in(backend, shop, new_user(), identity=guest)
    assert identity == guest
    with pytest.raises(app.exceptions.NotAuthorizedException, match="is forbidden"):
        app.get_credentials_for_identity(IdentityId=guest)
    app.get_credentials_for_identity(IdentityId=guest, Logins={OWN: token})


def test_a_user_of_somebody_elses_identity_is_registered_already(backend, shop):
    user = new_user()
    sign_in(backend, shop, user)
    other, _ = sign_in(backend, shop, new_user("eve"))
    with pytest.raises(backend.exceptions.DeveloperUserAlreadyRegisteredException):
        sign_in(backend, shop, user, identity=other)


def test_a_login_elsewhere_is_joined_by_its_token(server, backend, shop, provider):
    ada = new_user()
    logins = {provider.key: provider.token(ada)}
    identity = server.public().get_id(IdentityPoolId=shop, Logins=logins)["IdentityId"]
    user = new_user()
    with pytest.raises(backend.exceptions.NotAuthorizedException, match="Logins don't match"):
        sign_in(backend, shop, user, identity=identity)
    assert sign_in(backend, shop, user, identity=identity, logins=logins)[0] == identity
    shown = backend.describe_identity(IdentityId=identity)["Logins"]
    assert sorted(shown) == sorted([PROVIDER, provider.key])


def test_two_users_are_merged_and_parted(server, backend, shop):
    one, two = new_user("one"), new_user("two")
    (first, token), (second, _) = (sign_in(backend, shop, user) for user in (one, two))
    merged = backend.merge_developer_identities(
        SourceUserIdentifier=one, DestinationUserIdentifier=two, DeveloperProviderName=PROVIDER, IdentityPoolId=shop
    )["IdentityId"]
    assert merged == second
    assert sorted(users(backend, shop, merged)) == sorted([one, two])
    assert sign_in(backend, shop, one)[0] == merged
    # What was given out before the merge is over.
    app = server.public()
    with pytest.raises(app.exceptions.NotAuthorizedException):
        app.get_credentials_for_identity(IdentityId=first, Logins={OWN: token})
    backend.unlink_developer_identity(
        IdentityId=merged, IdentityPoolId=shop, DeveloperProviderName=PROVIDER, DeveloperUserIdentifier=one
    )
    assert users(backend, shop, merged) == [two]
    assert sign_in(backend, shop, one)[0] not in (first, second)


def test_the_aws_cli_lists_every_identity_once(server, backend, pools, tmp_path):
    shop = pools.make(DeveloperProviderName=PROVIDER)
    made = {sign_in(backend, shop, new_user())[0] for _ in range(4)}
    made.add(server.public().get_id(IdentityPoolId=shop)["IdentityId"])
    aws = AwsCli(server, tmp_path)
    listed, sizes, more = [], [], ""
    while True:
        page = aws.ask_as_administrator(
            f"cognito-identity list-identities --identity-pool-id {shop} --max-results 2 {more}"
        )
        assert page["IdentityPoolId"] == shop
        listed += page["Identities"]
        sizes.append(len(page["Identities"]))
        if "NextToken" not in page:
            break
        more = f"--next-token {page['NextToken']}"
    assert sizes == [2, 2, 1]
    assert {one["IdentityId"] for one in listed} == made
    assert sorted(one.get("Logins", []) for one in listed) == [[], *[[PROVIDER]] * 4]
    gone = sorted(made)[0]
    answer = aws.ask_as_administrator(f"cognito-identity delete-identities --identity-ids-to-delete {gone}")
    assert answer == {"UnprocessedIdentityIds": []}
    left = aws.ask_as_administrator(
        f"cognito-identity list-identities --identity-pool-id {shop} --max-results 60 --hide-disabled"
    )
    assert {one["IdentityId"] for one in left["Identities"]} == made - {gone}
