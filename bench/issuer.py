"""A login provider on the loopback interface: discovery, a key set of one RSA key, and ID tokens."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "bench"


class Issuer:
    """Serves until the process ends."""

    def __init__(self):
        self._now = int(time.time())
        self._tokens = {}
        self._key = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS256"})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.name = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.name}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @staticmethod
    def user():
        """The subject of the user that signs in again and again."""
        return "110169484474386276334"

    def token(self, subject, number):
        """An ID token of the size that providers give, good for an hour. Each (subject, number) has another token."""
        if found := self._tokens.get((subject, number)):
            return found
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "azp": CLIENT,
            "sub": subject,
            "iat": self._now,
            "exp": self._now + 3600,
            "email": "a.user@example.com",
            "email_verified": True,
            "name": "A User",
            "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
            "nonce": f"{number}",
        }
        header = {"alg": "RS256", "kid": "bench", "typ": "JWT"}
        token = jwt.encode(header, claims, self._key)
        self._tokens[subject, number] = token
        return token

    def _handler(self):
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                documents = {
                    "/.well-known/openid-configuration": {
                        "issuer": issuer.url,
                        "jwks_uri": issuer.url + "/keys",
                        "id_token_signing_alg_values_supported": ["RS256"],
                    },
                    "/keys": {"keys": [issuer._key.as_dict(private=False)]},
                }
                document = documents.get(self.path)
                body = json.dumps(document).encode()
                self.send_response(404 if document is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
