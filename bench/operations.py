"""The operations that are measured, and the requests of each."""

import dataclasses
import json

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

import issuer

REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/"
KEYS = ("AKIABENCHBENCHBENCHB", "a-secret-for-the-loopback-interface")
JSON = "application/x-amz-json-1.1"


@dataclasses.dataclass
class Operation:
    """An operation, the cryptography that it can't do without, and the `Requests` method that makes its bodies.

    With `once`, each body is sent once: its token was never presented before."""

    name: str
    action: str
    make: str
    needs: tuple = ()
    once: bool = False
    signed: bool = False
    path: str = ""
    """Of a GET request whose "body" is the Authorization header. Only Cognate has it, and only its instructions are counted."""

    def headers(self, url, body):
        headers = {"Content-Type": JSON, "X-Amz-Target": "AWSCognitoIdentityService." + self.action}
        if self.signed:
            request = AWSRequest("POST", url + "/", headers, body)
            SigV4Auth(Credentials(*KEYS), "cognito-identity", REGION).add_auth(request)
            headers = dict(request.headers)
        return headers


OPERATIONS = [
    Operation("GetId, guest", "GetId", "of_pool"),
    Operation("GetId, new user", "GetId", "new_users", ("verify",), once=True),
    Operation("GetId, fresh token", "GetId", "fresh_tokens", ("verify",), once=True),
    Operation("GetId, same token again", "GetId", "known_ids"),
    Operation("GetOpenIdToken, guest", "GetOpenIdToken", "guest", ("sign",)),
    Operation("GetOpenIdToken, login", "GetOpenIdToken", "user", ("sign",)),
    Operation("GetCredentialsForIdentity, guest", "GetCredentialsForIdentity", "guest"),
    Operation("GetCredentialsForIdentity, fresh token", "GetCredentialsForIdentity", "fresh_user", ("verify",), once=True),
    Operation("GetCredentialsForIdentity, same token again", "GetCredentialsForIdentity", "user"),
    Operation("DescribeIdentityPool, signed", "DescribeIdentityPool", "of_pool", signed=True),
    Operation("ListIdentities, signed, 60 of them", "ListIdentities", "list", signed=True),
]


CONTAINER_CREDENTIALS = Operation(
    "Container credentials, same token again", "", "token", path="/credentials/{pool}"
)
"""A warm session: compare it with GetCredentialsForIdentity with the same token again."""


class Requests:
    """The bodies of requests to one server: makes a pool with guests and a login provider, unless there is one, a guest and a
    user."""

    def __init__(self, server, provider, name="bench", pool=None):
        self._provider = provider
        iam, cognito = (client(service, server.url) for service in ("iam", "cognito-identity"))
        registered = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        arn = registered[0]["Arn"] if registered else iam.create_open_id_connect_provider(
            Url=provider.url, ClientIDList=[issuer.CLIENT], ThumbprintList=["0" * 40]
        )["OpenIDConnectProviderArn"]
        self.pool = pool or cognito.create_identity_pool(
            IdentityPoolName=name,
            AllowUnauthenticatedIdentities=True,
            OpenIdConnectProviderARNs=[arn],
        )["IdentityPoolId"]
        if not server.is_emulator and not pool:
            roles = {"authenticated": ROLE + "User", "unauthenticated": ROLE + "Guest"}
            cognito.set_identity_pool_roles(IdentityPoolId=self.pool, Roles=roles)
        self._logins = self._login(provider.user(), 0)
        get_id = lambda **more: cognito.get_id(IdentityPoolId=self.pool, **more)["IdentityId"]
        self._guest, self._user = get_id(), get_id(Logins=self._logins)
        for _ in range(60):
            get_id()

    def _login(self, subject, number):
        return {self._provider.name: self._provider.token(subject, number)}

    def of_pool(self, count, batch):
        return [write(IdentityPoolId=self.pool)]

    def new_users(self, count, batch):
        logins = (self._login(f"user-{batch}-{number}", 0) for number in range(count))
        return [write(IdentityPoolId=self.pool, Logins=login) for login in logins]

    def fresh_tokens(self, count, batch):
        return [write(IdentityPoolId=self.pool, Logins=login) for login in self._fresh_logins(count, f"id-{batch}")]

    def _fresh_logins(self, count, batch):
        """The known user's logins with tokens that were never presented before."""
        return (self._login(self._provider.user(), f"{batch}-{number}") for number in range(count))

    def known_ids(self, count, batch):
        return [write(IdentityPoolId=self.pool, Logins=self._logins)]

    def guest(self, count, batch):
        return [write(IdentityId=self._guest)]

    def user(self, count, batch):
        return [write(IdentityId=self._user, Logins=self._logins)]

    def token(self, count, batch):
        return list(self._logins.values())

    def fresh_user(self, count, batch):
        return [write(IdentityId=self._user, Logins=login) for login in self._fresh_logins(count, batch)]

    def list(self, count, batch):
        return [write(IdentityPoolId=self.pool, MaxResults=60)]


def client(service, url):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        config=Config(retries={"total_max_attempts": 1}),
    )


def write(**members):
    return json.dumps(members, separators=(",", ":"))
