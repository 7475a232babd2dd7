"""Pools, and who signs in to them."""

import secrets


def new_user(name="ada"):
    """A name that nobody has signed in with before, also where the server was tested before."""
    return f"{name}-{secrets.token_hex(4)}"


class Pools:
    """Makes pools on a server, and takes back at the end whatever it has made."""

    def __init__(self, server, providers):
        self._identity = server.client("cognito-identity")
        self._iam = server.client("iam")
        self._made = []
        self.account = server.client("sts").get_caller_identity()["Account"]
        self.users = providers["user pool"]
        self.registered = [
            self._iam.create_open_id_connect_provider(Url=issuer.issuer, ClientIDList=[issuer.CLIENT])[
                "OpenIDConnectProviderArn"
            ]
            for issuer in (providers["RS256"], providers["ES256"])
        ]

    def role(self, name):
        return f"arn:aws:iam::{self.account}:role/{name}"

    def make(self, roles=True, **settings):
        """Makes a pool that takes guests and the users of all providers, unless `settings` say otherwise."""
        clients = [
            {"ProviderName": self.users.key, "ClientId": client, "ServerSideTokenCheck": False}
            # The third client, the stranger, is not let in.
            for client in self.users.clients[:2]
        ]
        basis = {
            "IdentityPoolName": "Real clients",
            "AllowUnauthenticatedIdentities": True,
            "OpenIdConnectProviderARNs": self.registered,
            "CognitoIdentityProviders": clients,
        }
        pool = self._identity.create_identity_pool(**basis | settings)["IdentityPoolId"]
        self._made.append(pool)
        if roles:
            given = {"authenticated": self.role("User"), "unauthenticated": self.role("Guest")}
            self._identity.set_identity_pool_roles(IdentityPoolId=pool, Roles=given)
        return pool

    def remove(self):
        for pool in self._made:
            self._identity.delete_identity_pool(IdentityPoolId=pool)
        for arn in self.registered:
            self._iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
