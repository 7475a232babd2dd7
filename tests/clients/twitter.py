"""A stand-in for Twitter's account call that believes nobody but oauthlib, which verifies each signature as a server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from oauthlib.oauth1 import RequestValidator, ResourceEndpoint

URL = "https://api.twitter.com/1.1/account/verify_credentials.json"
"""What is signed, wherever the request goes."""


class Known(RequestValidator):
    """The app, its users' tokens, and the nonces that were seen."""

    # Twitter's own are of these lengths, and a token begins with the user's id and a dash.
    client_key_length = 20, 30
    access_token_length = 20, 60
    nonce_length = 20, 42
    safe_characters = RequestValidator.safe_characters.fget(None) | {"-"}
    timestamp_lifetime = 60

    def __init__(self, key, secret):
        super().__init__()
        self.key, self.secret = key, secret
        self.tokens = {}
        self.nonces = set()

    @property
    def dummy_client(self):
        return "dummy"

    @property
    def dummy_access_token(self):
        return "dummy"

    def validate_client_key(self, client_key, request):
        return client_key == self.key

    def validate_access_token(self, client_key, token, request):
        return token in self.tokens

    def validate_realms(self, client_key, token, request, uri=None, realms=None):
        return True

    def validate_timestamp_and_nonce(
        self, client_key, timestamp, nonce, request, request_token=None, access_token=None
    ):
        fresh = (timestamp, nonce) not in self.nonces
        self.nonces.add((timestamp, nonce))
        return fresh

    def get_client_secret(self, client_key, request):
        return self.secret if client_key == self.key else "dummy"

    def get_access_token_secret(self, client_key, token, request):
        return self.tokens.get(token, "dummy")


class Twitter:
    """The stand-in, on loopback."""

    HOST = "api.twitter.com"

    def __init__(self, key, secret):
        self.known = Known(key, secret)
        self.answered = []
        self._endpoint = ResourceEndpoint(self.known)
        twitter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = twitter._answer(self.path, dict(self.headers.items()))
                twitter.answered.append(status)
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json;charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def login(self, user, secret):
        """A token of `user`, as a login writes it."""
        token = f"{user}-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"
        self.known.tokens[token] = secret
        return f"{token};{secret}"

    def _answer(self, path, headers):
        if not URL.endswith(path):
            return 404, {"errors": [{"code": 34, "message": "Sorry, that page does not exist."}]}
        # Header names as the server-side of oauthlib looks them up.
        headers = {name.title(): value for name, value in headers.items()}
        valid, request = self._endpoint.validate_protected_resource_request(URL, headers=headers)
        if not valid:
            return 401, {"errors": [{"code": 32, "message": "Could not authenticate you."}]}
        user = request.resource_owner_key.split("-")[0]
        return 200, {"id": int(user), "id_str": user, "screen_name": "ada", "verified": False}
