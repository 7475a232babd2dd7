"""Verifiers of OpenID tokens that nobody of this project wrote: PyJWT, and the npm package jose."""

import jwt
import requests

from javascript import Lines


def discovery(server):
    """The document that tells verifiers all they need."""
    return requests.get(f"{server.url}/.well-known/openid-configuration", timeout=10).json()


def key_set(server):
    return requests.get(discovery(server)["jwks_uri"], timeout=10).json()["keys"]


def verified_by_pyjwt(server, token, pool):
    """The claims of a token, which PyJWT verifies with nothing but the server's own documents."""
    found = discovery(server)
    key = jwt.PyJWKClient(found["jwks_uri"]).get_signing_key_from_jwt(token)
    algorithms = found["id_token_signing_alg_values_supported"]
    return jwt.decode(token, key, algorithms=algorithms, audience=pool, issuer=found["issuer"])


class Jose:
    """jose in Node, with one key set for as long as it runs, as a resource server keeps it."""

    def __init__(self, folder, server):
        self._found = discovery(server)
        self._lines = Lines(folder, "jose.mjs")

    def verify(self, token, pool):
        """Its answer: claims and header, or an error; and how often the key set was fetched so far."""
        return self._lines.ask(
            {"jwks": self._found["jwks_uri"], "issuer": self._found["issuer"], "audience": pool, "token": token}
        )

    def stop(self):
        self._lines.stop()
