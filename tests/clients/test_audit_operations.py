"""A session of every operation: each has its lines in the audit log, trailscraper parses them, and none has a secret."""

import json
import re

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cognate import session_keys
from saml_provider import RECIPIENT, Pysaml2
from surroundings import HERE, REGION
from test_audit import parsed
from world import new_user

SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def every_operation():
    """The names of the operations in the table of the server."""
    table = (HERE.parents[1] / "src/operations/table.rs").read_text()
    return set(re.findall(r"entry::<[\w:]+::(\w+)>", re.sub(r">\(\s*\)", ">", table.replace("\n", ""))))


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class Session:
    """Calls operations, each first with a key that may do nothing, and notes every secret that it sees."""

    def __init__(self, server):
        self.server, self.secrets, self.called = server, [server.secret], set()
        self._clients = {}
        self.refused = None
        nothing = policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
        key = self.cognate("CreateAccessKey", Name="nothing", Policy=nothing)
        self.secrets.append(key["SecretAccessKey"])
        self.refused = key | {"SessionToken": None}

    def call(self, service, name, **parameters):
        """Calls an operation that needs a signature: refused, and then as the administrator."""
        self.called.add(name)
        method = SNAKE.sub("_", name).lower()
        if name != "GetCallerIdentity":
            with pytest.raises(ClientError, match="is not authorized|not authorized to perform"):
                getattr(self._client(service, self.refused), method)(**parameters)
        return getattr(self._client(service), method)(**parameters)

    def _client(self, service, key=None):
        made = self._clients.get((service, key is None)) or self.server.client(service, key)
        return self._clients.setdefault((service, key is None), made)

    def pools(self, name, **parameters):
        return self.call("cognito-identity", name, **parameters)

    def iam(self, name, **parameters):
        return self.call("iam", name, **parameters)

    def public(self, name, service="cognito-identity", **parameters):
        self.called.add(name)
        return getattr(self.server.public(service), SNAKE.sub("_", name).lower())(**parameters)

    def cognate(self, name, **parameters):
        self.called.add(name)
        if self.refused:
            assert self._sent(name, parameters, session_keys(self.refused)).status_code == 400, name
        answer = self._sent(name, parameters, (self.server.key_id, self.server.secret, None))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _sent(self, name, parameters, keys):
        headers = {"X-Amz-Target": f"Cognate.{name}", "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", self.server.url + "/", headers, json.dumps(parameters))
        SigV4Auth(Credentials(*keys), "cognito-identity", REGION).add_auth(request)
        return requests.post(request.url, request.body, headers=dict(request.headers), timeout=30)

    def hide(self, *secrets):
        self.secrets += secrets
        return secrets[0]


def identities(session, provider):
    """Pools, identities, tokens and credentials."""
    iam, pools, cognate = session.iam, session.pools, session.cognate
    arn = iam("CreateOpenIDConnectProvider", Url=provider.issuer, ClientIDList=[provider.CLIENT])
    arn = arn["OpenIDConnectProviderArn"]
    consumer = session.hide("consumer-secret-of-twitter")
    pool = pools(
        "CreateIdentityPool",
        IdentityPoolName="Audit",
        AllowUnauthenticatedIdentities=True,
        OpenIdConnectProviderARNs=[arn],
        DeveloperProviderName="login.my-app",
        SupportedLoginProviders={"api.twitter.com": f"key;{consumer}"},
    )
    of_pool = {"IdentityPoolId": pool["IdentityPoolId"]}
    roles = {name: f"arn:aws:iam::123456789012:role/{name}" for name in ("authenticated", "unauthenticated")}
    pools("SetIdentityPoolRoles", Roles=roles, **of_pool)
    pools("GetIdentityPoolRoles", **of_pool)
    pools("DescribeIdentityPool", **of_pool)
    pools("ListIdentityPools", MaxResults=10)
    changed = {name: value for name, value in pool.items() if name != "ResponseMetadata"}
    pools("UpdateIdentityPool", **changed | {"IdentityPoolName": "Audited"})
    tag = {"ResourceArn": f"arn:aws:cognito-identity:{REGION}:123456789012:identitypool/{of_pool['IdentityPoolId']}"}
    pools("TagResource", Tags={"team": "blue"}, **tag)
    pools("ListTagsForResource", **tag)
    pools("UntagResource", TagKeys=["team"], **tag)
    map_of = {"IdentityProviderName": arn, **of_pool}
    pools("SetPrincipalTagAttributeMap", UseDefaults=True, **map_of)
    pools("GetPrincipalTagAttributeMap", **map_of)

    login = {provider.key: session.hide(provider.token(new_user()))}
    user = session.public("GetId", Logins=login, **of_pool)["IdentityId"]
    guest = session.public("GetId", **of_pool)["IdentityId"]
    session.hide(guest.split(":")[1])
    keys = session.public("GetCredentialsForIdentity", IdentityId=user, Logins=login)["Credentials"]
    session.hide(keys["SecretKey"], keys["SessionToken"])
    session.hide(session.public("GetOpenIdToken", IdentityId=user, Logins=login)["Token"])
    token = session.hide(session.public("GetOpenIdToken", IdentityId=guest)["Token"])
    of_user = {"IdentityId": user}
    pools("DescribeIdentity", **of_user)
    pools("ListIdentities", MaxResults=10, **of_pool)
    cognate("ListIdentityStatuses", MaxResults=10, **of_pool)
    for name in ("RevokeIdentity", "GetIdentityStatus", "GetIdentityHandle", "RestoreIdentity"):
        cognate(name, **of_user)
    for name in ("one", "two"):
        answer = pools("GetOpenIdTokenForDeveloperIdentity", Logins={"login.my-app": name}, **of_pool)
        session.hide(answer["Token"])
    developer = {"DeveloperProviderName": "login.my-app", **of_pool}
    merge = {"SourceUserIdentifier": "one", "DestinationUserIdentifier": "two"}
    merged = pools("MergeDeveloperIdentities", **merge, **developer)["IdentityId"]
    pools("LookupDeveloperIdentity", DeveloperUserIdentifier="two", **of_pool)
    pools("UnlinkDeveloperIdentity", IdentityId=merged, DeveloperUserIdentifier="one", **developer)
    cognate("ExplainLogin", Logins=login, **of_pool)
    session.public("UnlinkIdentity", IdentityId=user, Logins=login, LoginsToRemove=list(login))
    pools("DeleteIdentities", IdentityIdsToDelete=[user])
    cognate("SetCredentialsDuration", DurationSeconds=7200, **of_pool)
    cognate("GetCredentialsDuration", **of_pool)
    settings = cognate("GetPoolSettings", **of_pool)
    cognate("SetPoolSettings", **settings | of_pool)
    return of_pool, arn, token


def roles(session, of_pool, token):
    """Roles, their policies and their sessions."""
    iam, of_role = session.iam, {"RoleName": "Audited"}
    web = {
        "Effect": "Allow",
        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"cognito-identity.amazonaws.com:aud": of_pool["IdentityPoolId"]}},
    }
    own = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}
    arn = iam("CreateRole", AssumeRolePolicyDocument=policy(own), **of_role)["Role"]["Arn"]
    iam("UpdateAssumeRolePolicy", PolicyDocument=policy(own, web), **of_role)
    iam("UpdateRole", Description="audited", **of_role)
    iam("TagRole", Tags=[{"Key": "team", "Value": "blue"}], **of_role)
    iam("ListRoleTags", **of_role)
    iam("UntagRole", TagKeys=["team"], **of_role)
    allow = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    iam("PutRolePolicy", PolicyName="all", PolicyDocument=allow, **of_role)
    iam("GetRolePolicy", PolicyName="all", **of_role)
    reads = ("GetRole", "ListRolePolicies", "ListAttachedRolePolicies", "ListInstanceProfilesForRole")
    for name in reads:
        iam(name, **of_role)
    iam("ListRoles")
    iam("SimulatePrincipalPolicy", PolicySourceArn=arn, ActionNames=["s3:GetObject"])
    session.cognate("SimulatePolicy", Actions=["s3:GetObject"], **of_role)
    session.cognate("ExplainWebIdentity", RoleArn=arn, WebIdentityToken=token)
    assume = {"RoleArn": arn, "RoleSessionName": "phone"}
    answer = session.call("sts", "AssumeRole", **assume)["Credentials"]
    session.hide(answer["SecretAccessKey"], answer["SessionToken"])
    answer = session.public("AssumeRoleWithWebIdentity", "sts", WebIdentityToken=token, **assume)["Credentials"]
    session.hide(answer["SecretAccessKey"], answer["SessionToken"])
    session.call("sts", "GetCallerIdentity")
    iam("DeleteRolePolicy", PolicyName="all", **of_role)
    iam("DeleteRole", **of_role)


def managed_policies(session):
    """Managed policies, and a role that they are attached to and that is bounded by one."""
    iam, of_role = session.iam, {"RoleName": "Bounded"}
    allow = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    of_policy = {"PolicyArn": iam("CreatePolicy", PolicyName="Read", PolicyDocument=allow)["Policy"]["Arn"]}
    iam("TagPolicy", Tags=[{"Key": "team", "Value": "blue"}], **of_policy)
    iam("ListPolicyTags", **of_policy)
    iam("UntagPolicy", TagKeys=["team"], **of_policy)
    own = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}
    iam("CreateRole", AssumeRolePolicyDocument=policy(own), **of_role)
    iam("AttachRolePolicy", **of_policy, **of_role)
    iam("PutRolePermissionsBoundary", PermissionsBoundary=of_policy["PolicyArn"], **of_role)
    for name in ("GetPolicy", "ListEntitiesForPolicy", "ListPolicyVersions"):
        iam(name, **of_policy)
    iam("ListPolicies")
    iam("DeleteRolePermissionsBoundary", **of_role)
    iam("DetachRolePolicy", **of_policy, **of_role)
    iam("UpdateRoleDescription", Description="bounded", **of_role)
    iam("DeleteRole", **of_role)
    iam("CreatePolicyVersion", PolicyDocument=allow, **of_policy)
    iam("SetDefaultPolicyVersion", VersionId="v2", **of_policy)
    iam("GetPolicyVersion", VersionId="v2", **of_policy)
    iam("DeletePolicyVersion", VersionId="v1", **of_policy)
    iam("DeletePolicy", **of_policy)


def providers_of_roles(session, arn, idp):
    """OpenID Connect and SAML providers."""
    iam, of_provider = session.iam, {"OpenIDConnectProviderArn": arn}
    iam("AddClientIDToOpenIDConnectProvider", ClientID="other", **of_provider)
    iam("RemoveClientIDFromOpenIDConnectProvider", ClientID="other", **of_provider)
    iam("UpdateOpenIDConnectProviderThumbprint", ThumbprintList=["a" * 40], **of_provider)
    iam("GetOpenIDConnectProvider", **of_provider)
    iam("ListOpenIDConnectProviders")
    document = idp.metadata().ljust(1000)
    saml = iam("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=document)["SAMLProviderArn"]
    of_saml = {"SAMLProviderArn": saml}
    iam("UpdateSAMLProvider", SAMLMetadataDocument=document, **of_saml)
    iam("GetSAMLProvider", **of_saml)
    iam("ListSAMLProviders")
    for kind, of in (("OpenIDConnectProvider", of_provider), ("SAMLProvider", of_saml)):
        iam(f"Tag{kind}", Tags=[{"Key": "team", "Value": "blue"}], **of)
        iam(f"List{kind}Tags", **of)
        iam(f"Untag{kind}", TagKeys=["team"], **of)
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": saml},
        "Action": "sts:AssumeRoleWithSAML",
        "Condition": {"StringEquals": {"SAML:aud": RECIPIENT}},
    }
    role = iam("CreateRole", RoleName="Staff", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    names = "https://aws.amazon.com/SAML/Attributes"
    response = idp.login("ada", **{f"{names}/Role": f"{role},{saml}", f"{names}/RoleSessionName": "ada"})
    session.hide(response)
    opened = {"RoleArn": role, "PrincipalArn": saml, "SAMLAssertion": response}
    answer = session.public("AssumeRoleWithSAML", "sts", **opened)["Credentials"]
    session.hide(answer["SecretAccessKey"], answer["SessionToken"])
    iam("DeleteRole", RoleName="Staff")
    iam("DeleteSAMLProvider", **of_saml)


def keys(session):
    """Access keys, key rings, seeds."""
    cognate = session.cognate
    allow = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    key = cognate("CreateAccessKey", Name="ci", Policy=allow)
    session.hide(key["SecretAccessKey"])
    of_key = {"AccessKeyId": key["AccessKeyId"]}
    cognate("ListAccessKeys")
    cognate("UpdateAccessKey", Status="Inactive", **of_key)
    cognate("DeleteAccessKey", **of_key)
    document = cognate("ExportConfiguration")["Document"]
    cognate("ApplyConfiguration", Document=document)
    cognate("CheckPolicies")
    cognate("ListKeys", Purpose="Signing")
    cognate("RotateKeys", Purpose="Sealing")
    cognate("RotateMasterKey")
    cognate("RotateRootKey")


def test_every_operation_has_its_lines_and_no_line_has_a_secret(own_server, providers, tmp_path):
    log, config = tmp_path / "audit.jsonl", tmp_path / "cognate.toml"
    config.write_text(f'[audit]\nfile = "{log}"\n')
    server = own_server("--config", config, "--allow-http-issuers")
    session = Session(server)
    of_pool, arn, token = identities(session, providers["RS256"])
    roles(session, of_pool, token)
    managed_policies(session)
    providers_of_roles(session, arn, Pysaml2(tmp_path / "saml"))
    session.pools("DeleteIdentityPool", **of_pool)
    session.iam("DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=arn)
    keys(session)
    assert session.called == every_operation()

    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    # GetCallerIdentity needs no permission and hands out nothing.
    assert {line["eventName"] for line in lines} >= session.called - {"GetCallerIdentity"}
    records = parsed(lines, tmp_path)
    assert sorted(record.event_name for record in records) == sorted(line["eventName"] for line in lines)
    # The data directory has the new root key, and the master key.
    stored = [(server.data / name).read_text() for name in ("root-credentials", "master.key")]
    session.hide(*re.findall(r"secret_access_key = (\S+)", stored[0]), stored[1].strip())
    assert len(session.secrets) > 18
    assert not [secret for secret in session.secrets if secret in text]
