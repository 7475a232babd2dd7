"""Records as a newer version writes them, in the database of a server that serves: whatever depends on them is refused, the
rest is served, and the records stay as they are until a version that understands them is there."""

import configparser
import contextlib
import json
import time
import uuid

import botocore.exceptions
import pytest
import requests

from cognate import Endpoint, Server
from postgresql import PostgreSql
from programs import run
from saml_provider import Pysaml2
from surroundings import BINARY, environment

REFUSALS = {"InternalErrorException", "InternalFailure", "ServiceFailure"}


class Site:
    """A server with two records of each kind that an administrator makes."""

    def __init__(self, folder, stack):
        self.folder, self.database = folder, PostgreSql()
        stack.callback(self.database.stop)
        self.key = folder / "master.key"
        assert run([BINARY, "master-key", "make", self.key], environment(folder)).returncode == 0
        url = f"postgres://postgres@127.0.0.1:{self.database.port}/cognate"
        self.flags = ["--database-url", url, "--master-key-file", self.key]
        self.server = Server(folder / "server", *self.flags)
        stack.callback(self.server.stop)
        self.identity, self.iam = self.server.client("cognito-identity"), self.server.client("iam")
        self.account = self.server.client("sts").get_caller_identity()["Account"]
        self.pools = [self.new_pool(name) for name in "ab"]
        for name in "ab":
            self.iam.create_open_id_connect_provider(Url=f"https://{name}.example.com", ClientIDList=["app"])
            self.iam.create_saml_provider(Name=name, SAMLMetadataDocument=Pysaml2(folder / name).metadata())
            self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=self.trust())
        self.keys = {name: self.new_key(name) for name in "ab"}

    def new_pool(self, name):
        return self.identity.create_identity_pool(IdentityPoolName=name, AllowUnauthenticatedIdentities=True)["IdentityPoolId"]

    def trust(self):
        statement = {"Effect": "Allow", "Principal": {"AWS": self.account}, "Action": "sts:AssumeRole"}
        return json.dumps({"Version": "2012-10-17", "Statement": statement})

    def new_key(self, name):
        statement = {"Effect": "Allow", "Action": ["cognito-identity:*", "cognate:*"], "Resource": "*"}
        policy = self.folder / "policy.json"
        policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": statement}))
        done = self.command("access-key", "create", "--name", name, "--policy", policy)
        file = configparser.ConfigParser()
        file.read_string(done.stdout)
        return Endpoint(self.server.url, file[name]["aws_access_key_id"], file[name]["aws_secret_access_key"])

    def command(self, *words):
        keys = {"AWS_ACCESS_KEY_ID": self.server.key_id, "AWS_SECRET_ACCESS_KEY": self.server.secret}
        env = environment(self.folder, **keys)
        return run([BINARY, *words, "--endpoint", self.server.url], env, cwd=self.folder)

    def arn(self, kind, name):
        return f"arn:aws:iam::{self.account}:{kind}/{name}"

    def rows(self, where):
        statement = f"SELECT kind, key, version, revision, json FROM record WHERE {where} ORDER BY kind, key"
        return self.database.sql(statement, "cognate")

    def write(self, change):
        """Changes records in one transaction with the revision, as every version does."""
        self.database.sql(
            f"BEGIN; UPDATE revision SET revision = revision + 1; {change}; COMMIT", "cognate"
        )
        # The other servers of a database see a change within a second.
        time.sleep(1.2)

    def update(self, where, document):
        raised = "version = version + 1, revision = (SELECT revision FROM revision)"
        self.write(f"UPDATE record SET json = {document}, {raised} WHERE {where}")

@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        made = Site(tmp_path_factory.mktemp("newer"), stack)
        request.config.servers.append(made.server)
        stack.callback(request.config.servers.remove, made.server)
        yield made


def pool_calls(site, name):
    pool = site.pools["ab".index(name)]
    public = site.server.public()
    settings = {"IdentityPoolId": pool, "IdentityPoolName": "z", "AllowUnauthenticatedIdentities": True}
    return [
        lambda: public.get_id(IdentityPoolId=pool),
        lambda: site.identity.describe_identity_pool(IdentityPoolId=pool),
        lambda: site.identity.list_identities(IdentityPoolId=pool, MaxResults=1),
        lambda: site.identity.update_identity_pool(**settings),
        lambda: site.identity.set_identity_pool_roles(IdentityPoolId=pool, Roles={}),
    ], [lambda: site.identity.delete_identity_pool(IdentityPoolId=pool)]


def oidc_calls(site, name):
    arn = site.arn("oidc-provider", f"{name}.example.com")
    trusting = {"IdentityPoolName": "z", "AllowUnauthenticatedIdentities": False, "OpenIdConnectProviderARNs": [arn]}
    return [
        lambda: site.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn),
        lambda: site.iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="app"),
        lambda: site.iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "a", "Value": "b"}]),
    ], [
        lambda: site.iam.create_open_id_connect_provider(Url=f"https://{name}.example.com"),
        lambda: site.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn),
        lambda: site.identity.create_identity_pool(**trusting),
    ]


def saml_calls(site, name):
    arn = site.arn("saml-provider", name)
    document = Pysaml2(site.folder / uuid.uuid4().hex).metadata()
    return [
        lambda: site.iam.get_saml_provider(SAMLProviderArn=arn),
        lambda: site.iam.update_saml_provider(SAMLProviderArn=arn, SAMLMetadataDocument=document),
    ], [
        lambda: site.iam.create_saml_provider(Name=name, SAMLMetadataDocument=document),
        lambda: site.iam.delete_saml_provider(SAMLProviderArn=arn),
    ]


def role_calls(site, name):
    return [
        lambda: site.iam.get_role(RoleName=name),
        lambda: site.iam.update_assume_role_policy(RoleName=name, PolicyDocument=site.trust()),
        lambda: site.iam.update_role(RoleName=name, Description="z"),
        lambda: site.iam.list_role_policies(RoleName=name),
    ], [
        lambda: site.iam.create_role(RoleName=name, AssumeRolePolicyDocument=site.trust()),
        lambda: site.iam.delete_role(RoleName=name),
        lambda: site.keys["a"].client("sts").assume_role(
            RoleArn=site.arn("role", name), RoleSessionName="me"
        ),
    ]


def key_calls(site, name):
    return [lambda: site.keys[name].client("cognito-identity").list_identity_pools(MaxResults=1)], []


RECORDS = {
    "pool": (lambda site: f"key = '{site.pools[0].split(':')[1]}'", pool_calls),
    "oidc-provider": (lambda site: "key = 'a.example.com'", oidc_calls),
    "saml-provider": (lambda site: "key = 'a'", saml_calls),
    "role": (lambda site: "key = 'a'", role_calls),
    "access-key": (lambda site: "key = 'a'", key_calls),
}

DOCUMENTS = {
    "an unknown member": """(json::jsonb || '{"addedLater": {"deny": ["everyone"]}}')::text""",
    "another shape": """'["a newer version writes an array"]'""",
}


def refused(call):
    """Whether a call is refused because a record isn't understood, and as what it is refused."""
    try:
        call()
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return None


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_of_a_newer_version_is_neither_used_nor_replaced(site, kind, document):
    key, calls = RECORDS[kind]
    where = f"kind = '{kind}' AND {key(site)}"
    dependent, unrepeatable = calls(site, "a")
    for call in dependent:
        assert refused(call) is None
    [before] = site.database.sql(f"SELECT json FROM record WHERE {where}", "cognate")
    logged = len(site.server.log())
    site.update(where, document)
    planted = site.rows("true")
    for call in dependent + unrepeatable:
        code = refused(call)
        # What can't be read is still there; and a key that isn't understood is no key, to strangers.
        expected = {"UnrecognizedClientException"} if kind == "access-key" else {"EntityAlreadyExists"}
        assert code in REFUSALS | expected, code
    assert site.rows("true") == planted
    for call in calls(site, "b")[0]:
        assert refused(call) is None
    assert requests.get(f"{site.server.url}/health", timeout=10).status_code == 200
    log = site.server.log()[logged:]
    assert "a record is neither used nor replaced: run the version of cognate that wrote it" in log
    assert site.rows(where)[0] in planted
    # The newer version writes what this one understands.
    site.update(where, "$json$" + before + "$json$")
    for call in dependent:
        assert refused(call) is None


def test_records_of_an_unknown_kind_stay(site):
    planted = "'quota', 'a', '', 1, (SELECT revision FROM revision), '{\"identities\": 10}', 0, gen_random_uuid()"
    site.write(f"INSERT INTO record VALUES ({planted})")
    rows = site.rows("kind = 'quota'")
    assert len(rows) == 1
    site.new_pool("c")
    for name in RECORDS:
        for call in RECORDS[name][1](site, "b")[0]:
            assert refused(call) is None
    assert site.rows("kind = 'quota'") == rows
    assert "a record of a newer version is not used" in site.server.log()


@pytest.mark.parametrize("purpose", ["signing", "sealing"])
def test_a_key_ring_of_a_newer_version_stops_everything_that_depends_on_keys(site, purpose):
    where = f"kind = 'key-ring' AND key LIKE '%{purpose}%'"
    [before] = site.database.sql(f"SELECT json FROM record WHERE {where}", "cognate")
    pool, public = site.pools[1], site.server.public()
    guest = public.get_id(IdentityPoolId=pool)["IdentityId"]
    site.update(where, DOCUMENTS["an unknown member"])
    planted = site.rows("true")
    assert refused(lambda: public.get_open_id_token(IdentityId=guest)) in REFUSALS
    assert refused(lambda: public.get_id(IdentityPoolId=pool)) in REFUSALS
    assert requests.get(f"{site.server.url}/health", timeout=10).status_code == 503
    other = run([BINARY, "serve", "--listen", "127.0.0.1:0", *site.flags], environment(site.folder), cwd=site.folder)
    assert other.returncode == 1
    assert "newer version" in other.stderr, other.stderr
    assert site.rows("true") == planted
    site.update(where, "$json$" + before + "$json$")
    assert refused(lambda: public.get_open_id_token(IdentityId=guest)) is None
    assert requests.get(f"{site.server.url}/health", timeout=10).status_code == 200


def test_a_root_key_of_a_newer_version_signs_nothing(site):
    where = "kind = 'root-key'"
    [before] = site.database.sql(f"SELECT json FROM record WHERE {where}", "cognate")
    site.update(where, DOCUMENTS["an unknown member"])
    planted = site.rows("true")
    assert refused(lambda: site.identity.list_identity_pools(MaxResults=1)) is not None
    assert refused(lambda: site.server.public().get_id(IdentityPoolId=site.pools[1])) in REFUSALS | {None}
    other = run([BINARY, "serve", "--listen", "127.0.0.1:0", *site.flags], environment(site.folder), cwd=site.folder)
    assert other.returncode == 1
    assert "newer version" in other.stderr, other.stderr
    assert site.rows("true") == planted
    site.update(where, "$json$" + before + "$json$")
    assert refused(lambda: site.identity.list_identity_pools(MaxResults=1)) is None


def test_a_deleted_pool_of_a_newer_version_is_left_to_it(site):
    pool = site.new_pool("doomed")
    time.sleep(1.2)
    guest = site.server.public().get_id(IdentityPoolId=pool)["IdentityId"]
    planted = (
        f"'deleted-pool', '{uuid.uuid4()}/1', '', 1, (SELECT revision FROM revision), "
        f"'{{\"id\": \"{pool.split(':')[1]}\", \"incarnation\": 0, \"keepGuests\": true}}', 0, gen_random_uuid()"
    )
    site.write(f"INSERT INTO record VALUES ({planted})")
    rows = site.rows("kind = 'deleted-pool'")
    time.sleep(1.5)
    assert site.rows("kind = 'deleted-pool'") == rows
    assert site.identity.describe_identity(IdentityId=guest)["IdentityId"] == guest


def test_a_server_that_starts_leaves_the_records_of_a_newer_version_as_they_are(site):
    site.update("kind IN ('pool', 'role', 'access-key') AND key IN ('a', 'b')", DOCUMENTS["an unknown member"])
    planted = site.rows("kind <> 'key-ring' AND kind <> 'root-key'")
    started = Server(site.folder / "another", *site.flags)
    try:
        assert requests.get(f"{started.url}/health", timeout=10).status_code == 200
        assert started.public().get_id(IdentityPoolId=site.pools[1])["IdentityId"]
        time.sleep(1)
        assert site.rows("kind <> 'key-ring' AND kind <> 'root-key'") == planted
    finally:
        started.stop()
