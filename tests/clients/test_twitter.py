"""Logins at Twitter, through boto3: oauthlib verifies what Cognate signs."""

import pytest

from twitter import Twitter

KEY, SECRET = "xvz1evFS4wEEPTGEFPHBog", "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"


@pytest.fixture
def twitter():
    started = Twitter(KEY, SECRET)
    yield started
    started.stop()


@pytest.fixture
def server(own_server, twitter):
    return own_server("--upstream", f"{Twitter.HOST}={twitter.url}")


def pool(server, consumer):
    made = server.client("cognito-identity").create_identity_pool(
        IdentityPoolName="Twitter",
        AllowUnauthenticatedIdentities=False,
        SupportedLoginProviders={Twitter.HOST: consumer},
    )
    assert made["SupportedLoginProviders"] == {Twitter.HOST: consumer}
    return made["IdentityPoolId"]


def test_oauthlib_verifies_the_signature_of_each_login(server, twitter):
    app, taken = server.public(), pool(server, f"{KEY};{SECRET}")

    def identity(login):
        return app.get_id(IdentityPoolId=taken, Logins={Twitter.HOST: login})["IdentityId"]

    ada = twitter.login("370773112", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE")
    # Nothing that must be encoded is encoded in two ways.
    bob = twitter.login("370773113", "a+b/c=d%20&e~f._-!*'()")
    assert identity(ada) == identity(ada) != identity(bob)
    assert twitter.answered == [200, 200], "the second time it was remembered"


def test_what_oauthlib_refuses_is_refused(server, twitter):
    app = server.public()
    taken, wrong = pool(server, f"{KEY};{SECRET}"), pool(server, f"{KEY};notTheSecret")
    login = twitter.login("370773112", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE")
    token, _ = login.split(";")
    stranger = "370773119-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb;LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"
    for where, value in [(taken, f"{token};other"), (taken, stranger), (wrong, login)]:
        with pytest.raises(app.exceptions.NotAuthorizedException) as refused:
            app.get_id(IdentityPoolId=where, Logins={Twitter.HOST: value})
        assert refused.value.response["Error"]["Message"] == "Invalid login token."
    assert twitter.answered == [401, 401, 401]
    assert app.get_id(IdentityPoolId=taken, Logins={Twitter.HOST: login})["IdentityId"]
