"""An issuer of tokens that no person signs in for: jobs of CI systems and pods of clusters. It has a name of its own, and the
server is configured to fetch its documents from loopback (`upstream`)."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


class Issuer:
    """Signs tokens for `https://HOST`, and publishes its key."""

    def __init__(self, host):
        self.host = host
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
        self.upstream = f"{host}={self.url}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path, query, headers):
        """What it answers to a GET; `None` where it has nothing."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": f"https://{self.host}", "jwks_uri": f"https://{self.host}/.well-known/jwks"}
        if path == "/.well-known/jwks":
            jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
            return {"keys": [jwk | {"kid": "one", "alg": "RS256", "use": "sig"}]}
        return None

    def token(self, audience, claims, now=None, life=300):
        """A token with these claims, issued now or at another time."""
        now = int(now or time.time())
        times = {"iat": now, "nbf": now - 5, "exp": now + life}
        claims = {"iss": f"https://{self.host}", "aud": audience} | times | claims
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "one"})


class Cluster(Issuer):
    """The issuer of a Kubernetes cluster: its tokens have the claims of a projected service account token."""

    def __init__(self):
        super().__init__("cluster.example.com")

    def pod(self, name, audience, **times):
        """The token of the pod `name`, whose service account has the same name."""
        of_pod = {"name": f"{name}-0", "uid": "31c2c62a-0c0d-4a4b-8f9e-000000000001"}
        account = {"name": name, "uid": "31c2c62a-0c0d-4a4b-8f9e-000000000002"}
        claims = {
            "sub": f"system:serviceaccount:lake:{name}",
            "kubernetes.io": {"namespace": "lake", "pod": of_pod, "serviceaccount": account},
        }
        return self.token([audience], claims, **times)


class GitHub(Issuer):
    """GitHub Actions for the jobs of one branch of example/app: it hands out a token for each request of a job."""

    BEARER = "the job's own"

    def __init__(self, ref):
        super().__init__("token.actions.githubusercontent.com")
        self._ref = ref
        self.audiences = []
        self.variables = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.BEARER,
        }

    def answer(self, path, query, headers):
        if path != "/token":
            return super().answer(path, query, headers)
        if headers["Authorization"] != f"bearer {self.BEARER}":
            return None
        [audience] = query["audience"]
        self.audiences.append(audience)
        claims = {
            "sub": f"repo:example/app:ref:{self._ref}",
            "repository": "example/app",
            "repository_owner": "example",
            "ref": self._ref,
        }
        return {"count": 1, "value": self.token(audience, claims)}


class GitLab(Issuer):
    """GitLab CI for the jobs of one branch of example/app."""

    def __init__(self, branch):
        super().__init__("gitlab.com")
        self._branch = branch

    def job(self, audience):
        """The token of a job, which asks for this audience under `id_tokens`."""
        claims = {
            "sub": f"project_path:example/app:ref_type:branch:ref:{self._branch}",
            "namespace_path": "example",
            "project_path": "example/app",
            "ref": self._branch,
            "ref_type": "branch",
            "ref_protected": "true",
        }
        return self.token(audience, claims, life=3600)
