"""moto as a second STS behind a route. It checks no tokens and ignores session policies; its S3 enforces what a role may."""

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from cognate import session_keys
from programs import Program
from surroundings import PYTHON, REGION, environment
from world import new_user

ROLE = "arn:aws:iam::123456789012:role/Moto{}"


class Moto:
    """moto's server, with its own IAM."""

    def __init__(self, folder):
        command = [PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
        self.program = Program("moto", command, folder / "moto.log", env=environment(folder))
        self.url = self.program.wait_for(r"Running on (http://\S+)")[1]
        self._prepare()

    def enforce(self):
        """From now on every request is authorised. moto then wants a signature of all of them, also where the
        STS takes none, so that no STS behind a route can be asked meanwhile."""
        assert requests.post(f"{self.url}/moto-api/reset-auth", data="0", timeout=10).ok

    def _prepare(self):
        owner = boto3.Session("any", "any", region_name=REGION)
        s3 = self._client(owner, "s3")
        place = {"LocationConstraint": REGION}
        for bucket in ("open", "closed"):
            s3.create_bucket(Bucket=bucket, **({} if REGION == "us-east-1" else {"CreateBucketConfiguration": place}))
        iam = self._client(owner, "iam")
        for name, actions in (("User", '["s3:PutObject","s3:GetObject"]'), ("Guest", '"s3:GetObject"')):
            iam.create_role(RoleName=f"Moto{name}", AssumeRolePolicyDocument="{}")
            statement = f'{{"Effect":"Allow","Action":{actions},"Resource":"arn:aws:s3:::open/*"}}'
            policy = f'{{"Version":"2012-10-17","Statement":[{statement}]}}'
            iam.put_role_policy(RoleName=f"Moto{name}", PolicyName="objects", PolicyDocument=policy)

    def _client(self, session, service):
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return session.client(service, endpoint_url=self.url, config=config)

    def s3(self, credentials):
        return self._client(boto3.Session(*session_keys(credentials), region_name=REGION), "s3")


@pytest.fixture
def moto(tmp_path):
    started = Moto(tmp_path)
    yield started
    started.program.stop()


def test_users_and_guests_may_what_their_roles_at_moto_say(moto, own_server, providers, tmp_path):
    config = tmp_path / "cognate.toml"
    config.write_text(f'[[credentials.route]]\nrole = "{ROLE.format("*")}"\nendpoint = "{moto.url}"\n')
    server = own_server("--allow-http-issuers", "--config", config)
    issuer = providers["RS256"]
    iam, identity = server.client("iam"), server.client("cognito-identity")
    arn = iam.create_open_id_connect_provider(Url=issuer.issuer, ClientIDList=[issuer.CLIENT])
    pool = identity.create_identity_pool(
        IdentityPoolName="Moto",
        AllowUnauthenticatedIdentities=True,
        OpenIdConnectProviderARNs=[arn["OpenIDConnectProviderArn"]],
    )["IdentityPoolId"]
    roles = {"authenticated": ROLE.format("User"), "unauthenticated": ROLE.format("Guest")}
    identity.set_identity_pool_roles(IdentityPoolId=pool, Roles=roles)

    user = sign_in(server, moto, pool, {issuer.key: issuer.token(new_user())})
    guest = sign_in(server, moto, pool, {})
    moto.enforce()
    user.put_object(Bucket="open", Key="note", Body=b"from a user")
    assert refused(user.put_object, Bucket="closed", Key="note", Body=b"") == "AccessDenied"
    assert guest.get_object(Bucket="open", Key="note")["Body"].read() == b"from a user"
    assert refused(guest.put_object, Bucket="open", Key="other", Body=b"") == "AccessDenied"


def sign_in(server, moto, pool, logins):
    """S3 as whoever has these logins, or as a new guest."""
    app = server.public()
    identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
    return moto.s3(app.get_credentials_for_identity(IdentityId=identity, Logins=logins)["Credentials"])


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]
