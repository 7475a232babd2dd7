"""docs/ci.md: its commands, run as they stand, with a stand-in for GitHub that hands out tokens of GitHub's shape."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from surroundings import PROJECT
from tour import take

HOST = "token.actions.githubusercontent.com"
BEARER = "the job's own"


class GitHub:
    """Signs tokens for the jobs of one branch of example/app, and publishes its key."""

    def __init__(self, ref):
        self._ref = ref
        self._key = rsa.generate_private_key(65537, 2048)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                url = urlsplit(self.path)
                answer = outer.answer(url.path, parse_qs(url.query), self.headers)
                self.send_response(200 if answer else 404)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path, query, headers):
        if path == "/.well-known/openid-configuration":
            return {"issuer": f"https://{HOST}", "jwks_uri": f"https://{HOST}/.well-known/jwks"}
        if path == "/.well-known/jwks":
            jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
            return {"keys": [jwk | {"kid": "one", "alg": "RS256", "use": "sig"}]}
        if path == "/token" and headers["Authorization"] == f"bearer {BEARER}":
            return {"count": 1, "value": self._token(query["audience"][0])}
        return None

    def _token(self, audience):
        now = int(time.time())
        claims = {
            "iss": f"https://{HOST}",
            "aud": audience,
            "sub": f"repo:example/app:ref:{self._ref}",
            "repository": "example/app",
            "repository_owner": "example",
            "ref": self._ref,
            "iat": now,
            "nbf": now - 5,
            "exp": now + 300,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "one"})


@pytest.mark.parametrize(("branch", "role"), [("main", "Deploy"), ("fix", "Build")])
def test_the_commands_of_the_page_give_a_job_its_role(own_server, branch, role):
    github = GitHub(f"refs/heads/{branch}")
    try:
        server = own_server("--upstream", f"{HOST}={github.url}", command="dev")
        variables = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{github.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": BEARER,
        }
        printed = take((PROJECT / "docs/ci.md").read_text(), server, **variables)
    finally:
        github.stop()
    assert printed[-1] == f"arn:aws:sts::123456789012:assumed-role/{role}/CognitoIdentityCredentials\n"
