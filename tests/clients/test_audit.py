"""The audit log, read by a public parser of CloudTrail, and under OCSF's schema."""

import datetime
import gzip
import json

import jsonschema
import pytest
from botocore.exceptions import ClientError
from ocsf_json_schema.embedded import OcsfJsonSchemaEmbedded
from ocsf_json_schema.loader import get_ocsf_schema
from trailscraper.policy_generator import generate_policy
from trailscraper.record_sources.local_directory_record_source import LocalDirectoryRecordSource

from providers import OpenIdProvider
from world import Pools, new_user

ACCOUNT = "123456789012"


@pytest.fixture
def session(own_server, providers, tmp_path):
    """The lines of a session: changes, sign-ins, credentials and refusals; and what must not be in them."""
    log = tmp_path / "audit.jsonl"
    config = tmp_path / "cognate.toml"
    config.write_text(f'[audit]\nfile = "{log}"\n')
    server = own_server("--config", config, "--allow-http-issuers")
    provider = providers["RS256"]
    assert isinstance(provider, OpenIdProvider)
    pools = Pools(server, providers)
    pool = pools.make()
    app, secrets = server.public(), []
    for logins in ({}, {provider.key: provider.token(new_user())}):
        identity = app.get_id(IdentityPoolId=pool, Logins=logins)["IdentityId"]
        answer = app.get_credentials_for_identity(IdentityId=identity, Logins=logins)["Credentials"]
        secrets += [answer["SecretKey"], answer["SessionToken"], *logins.values()]
        token = app.get_open_id_token(IdentityId=identity, Logins=logins)["Token"]
        role = pools.role("User" if logins else "Guest")
        server.public("sts").assume_role_with_web_identity(RoleArn=role, RoleSessionName="phone", WebIdentityToken=token)
        secrets.append(token)
        if not logins:
            secrets.append(identity.split(":")[1])
        with pytest.raises(ClientError):
            server.client("cognito-identity", answer).list_identity_pools(MaxResults=1)
    pools.remove()
    return log.read_text(), secrets


def parsed(lines, tmp_path):
    """The records that trailscraper reads from a file with these lines, as CloudTrail has them."""
    now = datetime.datetime.now(datetime.timezone.utc)
    folder = tmp_path / f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/{now:%Y/%m/%d}"
    folder.mkdir(parents=True)
    name = f"{ACCOUNT}_CloudTrail_eu-west-1_{now:%Y%m%dT%H%MZ}_abcdefgh12345678.json.gz"
    with gzip.open(folder / name, "wt") as file:
        json.dump({"Records": lines}, file)
    day = datetime.timedelta(days=1)
    return list(LocalDirectoryRecordSource(str(tmp_path / "AWSLogs")).load_from_dir(now - day, now + day))


def test_trailscraper_parses_every_line(session, tmp_path):
    text, secrets = session
    assert not [secret for secret in secrets if secret in text]
    lines = [json.loads(line) for line in text.splitlines()]
    records = parsed(lines, tmp_path)
    assert sorted(record.event_name for record in records) == sorted(line["eventName"] for line in lines)
    policy = json.loads(generate_policy(records).to_json())
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert {"cognito-identity:CreateIdentityPool", "cognito-identity:GetId", "iam:CreateOpenIDConnectProvider"} <= actions


def mapped(line, version):
    """A line as OCSF's class API Activity, as docs/audit.md maps it."""
    who, failed = line["userIdentity"], "errorCode" in line
    user = {"type": who["type"], "uid": who.get("arn"), "uid_alt": who.get("principalId"), "name": who.get("userName")}
    user["credential_uid"] = who.get("accessKeyId")
    actor = {"user": {name: value for name, value in user.items() if value}}
    if "uid" not in actor["user"] and "name" not in actor["user"]:
        actor["user"]["name"] = who.get("invokedBy", who["type"])
    if "invokedBy" in who:
        actor["invoked_by"] = who["invokedBy"]
    if "identityProvider" in who:
        actor["idp"] = {"name": who["identityProvider"]}
    response = {"error": line["errorCode"], "error_message": line.get("errorMessage", "")} if failed else {}
    event = {
        "activity_id": 2 if line["readOnly"] else 99,
        "actor": actor,
        "api": {
            "operation": line["eventName"],
            "request": {"uid": line["requestID"]},
            "service": {"name": line["eventSource"]},
        },
        "category_uid": 6,
        "class_uid": 6003,
        "cloud": {"provider": "AWS", "region": line["awsRegion"], "account": {"uid": line["recipientAccountId"]}},
        "metadata": {
            "uid": line["eventID"],
            "version": version,
            "profiles": ["cloud"],
            "product": {"name": "Cognate", "vendor_name": "Cognate", "version": line["eventVersion"]},
        },
        "resources": [{"uid": one["ARN"], "type": one["type"]} for one in line.get("resources", [])],
        "severity_id": 1,
        "src_endpoint": {"ip": line["sourceIPAddress"]},
        "status_id": 2 if failed else 1,
        "time": int(datetime.datetime.fromisoformat(line["eventTime"].replace("Z", "+00:00")).timestamp() * 1000),
        "type_uid": 600302 if line["readOnly"] else 600399,
        "unmapped": {"requestParameters": line["requestParameters"], "responseElements": line["responseElements"]},
    }
    if "." not in line["sourceIPAddress"] or line["sourceIPAddress"].endswith(".local"):
        event["src_endpoint"] = {"svc_name": line["sourceIPAddress"]}
    if response:
        event["api"]["response"] = response
    if "userAgent" in line:
        event["http_request"] = {"user_agent": line["userAgent"]}
    return event


@pytest.mark.parametrize("version", ["1.4.0", "1.8.0"])
def test_every_line_is_valid_under_ocsfs_schema(session, version):
    text, _ = session
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version)).get_class_schema("api_activity", ["cloud"])
    validator = jsonschema.Draft202012Validator(schema)
    for line in map(json.loads, text.splitlines()):
        event = mapped(line, version)
        errors = [f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in validator.iter_errors(event)]
        assert not errors, (line["eventName"], errors)
