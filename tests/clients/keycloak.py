"""A stand-in for Keycloak: a realm's documents at Keycloak's paths, and ID tokens of Keycloak's shape."""

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


class Keycloak:
    """The realm with the URL `issuer`, on `address`."""

    def __init__(self, issuer, address=("127.0.0.1", 0)):
        self.issuer, self.asked = issuer, []
        self._key = rsa.generate_private_key(65537, 2048)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                answer = outer.documents().get(self.path)
                self.send_response(200 if answer else 404)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(address, Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def documents(self):
        path = "/" + self.issuer.split("/", 3)[3]
        certs = f"{self.issuer}/protocol/openid-connect/certs"
        signing = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        # Keycloak publishes a key for encryption, too.
        encryption = signing | {"kid": "enc", "use": "enc", "alg": "RSA-OAEP"}
        return {
            f"{path}/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/protocol/openid-connect/auth",
                "token_endpoint": f"{self.issuer}/protocol/openid-connect/token",
                "jwks_uri": certs,
            },
            f"{path}/protocol/openid-connect/certs": {
                "keys": [encryption, signing | {"kid": "sig", "use": "sig", "alg": "RS256"}]
            },
        }

    def token(self, user, client="app", **claims):
        now = int(time.time())
        basis = {
            "exp": now + 300, "iat": now, "auth_time": now, "jti": str(uuid.uuid4()), "iss": self.issuer, "aud": client,
            "sub": str(uuid.uuid5(uuid.NAMESPACE_DNS, user)), "typ": "ID", "azp": client, "sid": str(uuid.uuid4()),
            "acr": "1", "email_verified": True, "preferred_username": user,
        }
        return jwt.encode(basis | claims, self._key, "RS256", headers={"kid": "sig"})
