"""The AWS SDK for JavaScript v3, unmodified, in Node and in headless Chromium: the same questions in both."""

import re

import pytest

from javascript import InChromium, InNode
from surroundings import REGION
from world import new_user

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def node(server, tmp_path_factory):
    sdk = InNode(tmp_path_factory.mktemp("node"), server.url)
    yield sdk
    sdk.stop()


@pytest.fixture(scope="module")
def chromium(server, tmp_path_factory):
    sdk = InChromium(tmp_path_factory.mktemp("chromium"), server.url)
    yield sdk
    sdk.stop()


@pytest.fixture(params=["node", "chromium"])
def sdk(request):
    return request.getfixturevalue(request.param)


def good(answer):
    assert "error" not in answer, answer["error"]
    return answer["answer"]


def caller(server, made):
    """Who signs with credentials that the SDK had made."""
    return server.client("sts", made["credentials"]).get_caller_identity()["Arn"]


def refused(answer, name, message):
    """That the SDK threw an instance of the service's own exception class, with these words."""
    error = answer["error"]
    assert (error["name"], error["message"]) == (name, message)
    assert name in error["instanceOf"]
    assert error["status"] == 400
    assert UUID.fullmatch(error["requestId"])


def test_a_guest_gets_credentials_from_a_pool(server, sdk, pool):
    guest = good(sdk.ask("fromPool", pool=pool))
    assert guest["identity"].startswith(f"{REGION}:")
    assert guest["credentials"]["AccessKeyId"].startswith("ASIA")
    assert 3540 < guest["seconds"] <= 3600
    assert caller(server, guest).endswith(":assumed-role/Guest/CognitoIdentityCredentials")


def test_a_guest_who_comes_back_has_the_same_identity(sdk, pools):
    # The SDK keeps a guest's identity: in memory, in a browser in its database.
    pool = pools.make()
    first, second = (good(sdk.ask("fromPool", pool=pool)) for _ in range(2))
    assert first["identity"] == second["identity"]
    assert first["credentials"] != second["credentials"]


def test_a_signed_in_user_gets_credentials_from_a_pool(server, sdk, pool, provider):
    ada = new_user()
    first, second = (good(sdk.ask("fromPool", pool=pool, logins={provider.key: provider.token(ada)})) for _ in range(2))
    assert first["identity"] == second["identity"]
    assert first["credentials"]["AccessKeyId"].startswith("ASIA")
    assert caller(server, first).endswith(":assumed-role/User/CognitoIdentityCredentials")


def test_credentials_are_had_for_a_known_identity(server, sdk, pool, provider):
    guest = good(sdk.ask("getId", pool=pool))["identity"]
    assert good(sdk.ask("fromIdentity", identity=guest))["identity"] == guest
    logins = {provider.key: provider.token(new_user())}
    upgraded = good(sdk.ask("fromIdentity", identity=guest, logins=logins))
    assert upgraded["identity"] == guest
    assert caller(server, upgraded).endswith(":assumed-role/User/CognitoIdentityCredentials")


def test_the_request_id_can_be_read(sdk, pool):
    assert UUID.fullmatch(good(sdk.ask("getId", pool=pool))["requestId"])


def test_a_guest_is_refused_where_there_are_none(sdk, pools):
    closed = pools.make(AllowUnauthenticatedIdentities=False)
    text = "Unauthenticated access is not supported for this identity pool."
    refused(sdk.ask("getId", pool=closed), "NotAuthorizedException", text)
    refused(sdk.ask("fromPool", pool=closed), "NotAuthorizedException", text)


def test_a_changed_token_is_refused(sdk, pool, provider):
    head, claims, _ = provider.token(new_user()).split(".")
    _, _, signature = provider.token(new_user("mallory")).split(".")
    logins = {provider.key: f"{head}.{claims}.{signature}"}
    text = "Invalid login token. Couldn't verify signed token."
    refused(sdk.ask("fromPool", pool=pool, logins=logins), "NotAuthorizedException", text)


def test_an_unknown_pool_is_not_found(sdk):
    unknown = f"{REGION}:00000000-0000-4000-8000-000000000000"
    refused(sdk.ask("fromPool", pool=unknown), "ResourceNotFoundException", f"IdentityPool '{unknown}' not found.")


def test_the_classic_flow_is_refused_where_it_is_switched_off(sdk, pools):
    identity = good(sdk.ask("getId", pool=pools.make(AllowClassicFlow=False)))["identity"]
    text = "Basic (classic) flow is not enabled, please use enhanced flow."
    refused(sdk.ask("getOpenIdToken", identity=identity), "InvalidParameterException", text)


def test_a_page_of_another_origin_reads_answers_and_errors(chromium, server, pool):
    assert chromium.site.url != server.url
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSCognitoIdentityService.GetId"}
    good = chromium.see(server.url, headers, f'{{"IdentityPoolId":"{pool}"}}')
    assert good["status"] == 200
    assert UUID.fullmatch(good["headers"]["x-amzn-requestid"])
    bad = chromium.see(server.url, headers, '{"IdentityPoolId":""}')
    assert bad["status"] == 400
    assert UUID.fullmatch(bad["headers"]["x-amzn-requestid"])
    assert bad["headers"]["x-amzn-errortype"] == "ValidationException:"
    assert bad["headers"]["x-amzn-errormessage"].startswith("2 validation errors detected: ")
    assert "date" in bad["headers"]


def test_this_chromium_hides_what_other_origins_do_not_allow(chromium):
    # Without this the test before says nothing.
    assert "hidden" in chromium.see(f"http://localhost:{chromium.site.port}/index.html")


def test_the_classic_flow_works_in_the_sdk(sdk, pool):
    identity = good(sdk.ask("getId", pool=pool))["identity"]
    token = good(sdk.ask("getOpenIdToken", identity=identity))["token"]
    role = "arn:aws:iam::123456789012:role/Guest"
    made = good(sdk.ask("classicFlow", token=token, role=role))
    assert made["arn"].endswith(":assumed-role/Guest/page")
    assert made["subject"] == identity
    assert UUID.fullmatch(made["requestId"])


def test_the_sdk_reads_why_the_sts_refuses(sdk, pool):
    for token in ("opaque", "a.b.c", "e30.e30.e30"):
        answer = sdk.ask("classicFlow", token=token, role="arn:aws:iam::123456789012:role/Guest")
        assert answer["error"]["name"] == "InvalidIdentityToken" or answer["error"]["status"] == 400, answer


def test_a_page_reads_what_the_sts_answers_and_not_what_iam_answers(chromium, server):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = "Action=GetCallerIdentity&Version=2011-06-15"
    answer = chromium.see(server.url, headers, body)
    assert answer["status"] == 403
    assert "MissingAuthenticationToken" in answer["body"]
    in_url = chromium.see(f"{server.url}/?{body}")
    assert in_url["status"] == 403
    for action in ("ListRoles", "ListOpenIDConnectProviders", "CreateRole"):
        assert "hidden" in chromium.see(server.url, headers, f"Action={action}&Version=2010-05-08")
        assert "hidden" in chromium.see(f"{server.url}/?Action={action}&Version=2010-05-08")
