"""Login providers that nobody of this project wrote: the npm package oidc-provider, and moto's Cognito user pools.

Users sign in to them as people do, so what comes out are the providers' own tokens.
"""

import base64
import hashlib
import secrets
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import boto3
import requests

from programs import Program
from surroundings import HERE, NODE, PYTHON, REGION, environment


class OpenIdProvider:
    """An OpenID Connect provider on loopback whose client's ID tokens are signed with `algorithm`."""

    CLIENT = "app"
    # Nobody listens there: the code is read off the redirect itself.
    REDIRECT = "http://127.0.0.1:9/callback"

    def __init__(self, folder, algorithm):
        command = [NODE, HERE / "oidc_provider.mjs", algorithm, self.CLIENT, self.REDIRECT]
        log = folder / f"{algorithm}.log"
        self.program = Program(f"oidc-provider {algorithm}", command, log, env=environment(folder))
        self.issuer = self.program.wait_for(r"^issuer (http://\S+)$")[1]
        self.key = self.issuer.removeprefix("http://")

    def stop(self):
        self.program.process.kill()
        self.program.process.wait()

    def token(self, user):
        """A fresh ID token of `user`, who goes the whole way: sign-in form, consent form, code, token."""
        verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        browser = requests.Session()
        browser.trust_env = False
        page = browser.get(
            f"{self.issuer}/auth",
            params={
                "client_id": self.CLIENT,
                "response_type": "code",
                "scope": "openid",
                "redirect_uri": self.REDIRECT,
                "state": secrets.token_urlsafe(8),
                "nonce": secrets.token_urlsafe(8),
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            },
            allow_redirects=False,
        )
        page = self._follow(browser, page)
        for _ in range(2):
            form = Form(page.text)
            fields = form.fields | {"login": user, "password": "any"} if "login" in form.fields else form.fields
            page = browser.post(urljoin(page.url, form.action), data=fields, allow_redirects=False)
            page = self._follow(browser, page)
        answer = browser.post(
            f"{self.issuer}/token",
            data={
                "client_id": self.CLIENT,
                "grant_type": "authorization_code",
                "code": parse_qs(urlsplit(page.headers["Location"]).query)["code"][0],
                "redirect_uri": self.REDIRECT,
                "code_verifier": verifier,
            },
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["id_token"]

    def _follow(self, browser, page):
        """Follows redirects up to the next page, or to the one that leads back to the app."""
        while page.is_redirect and not page.headers["Location"].startswith(self.REDIRECT):
            page = browser.get(urljoin(page.url, page.headers["Location"]), allow_redirects=False)
        assert page.status_code in (200, 302, 303), page.text
        return page


class Form(HTMLParser):
    """The one form of a page: where it goes, and its fields with what they hold."""

    def __init__(self, page):
        super().__init__()
        self.action = None
        self.fields = {}
        self.feed(page)
        assert self.action, f"there is no form:\n{page}"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = attributes["action"]
        elif tag == "input" and "name" in attributes:
            self.fields[attributes["name"]] = attributes.get("value", "")


class UserPools:
    """moto's server, with one user pool that has two clients."""

    HOST = f"cognito-idp.{REGION}.amazonaws.com"
    PASSWORD = "Correct-horse-9"

    def __init__(self, folder, port=0):
        command = [PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
        self.program = Program("moto", command, folder / "moto.log", env=environment(folder))
        self.url = self.program.wait_for(r"Running on (http://\S+)")[1]
        self._api = boto3.Session("any", "any", region_name=REGION).client("cognito-idp", endpoint_url=self.url)
        self.pool = self._api.create_user_pool(PoolName="people")["UserPool"]["Id"]
        self.clients = [self._client(name) for name in ("web", "mobile", "stranger")]
        self.key = f"{self.HOST}/{self.pool}"
        self._users = set()

    def _client(self, name):
        flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        made = self._api.create_user_pool_client(UserPoolId=self.pool, ClientName=name, ExplicitAuthFlows=flows)
        return made["UserPoolClient"]["ClientId"]

    def stop(self):
        self.program.stop()

    def disable(self, user):
        self._api.admin_disable_user(UserPoolId=self.pool, Username=user)

    def delete(self, user):
        self._api.admin_delete_user(UserPoolId=self.pool, Username=user)
        self._users.remove(user)

    def tokens(self, user, client=0):
        """Fresh tokens of `user`, who signs in by password at one of the clients."""
        if user not in self._users:
            self._api.admin_create_user(UserPoolId=self.pool, Username=user)
            self._api.admin_set_user_password(
                UserPoolId=self.pool, Username=user, Password=self.PASSWORD, Permanent=True
            )
            self._users.add(user)
        answer = self._api.initiate_auth(
            ClientId=self.clients[client],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": self.PASSWORD},
        )
        return answer["AuthenticationResult"]

    def token(self, user, client=0):
        """A fresh ID token of `user`."""
        return self.tokens(user, client)["IdToken"]
