"""Traces over OTLP, read by OpenTelemetry's own messages (opentelemetry-proto)."""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_server

import pytest
import requests
from botocore.exceptions import ClientError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from issuer import Issuer
from test_deployment import free_port
from test_metrics import scraped, value
from test_proxies import From
from world import new_user

DELAY = 0.4
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FAILS = "the collector doesn't take traces"


class Collector:
    """Takes traces, and keeps the bytes; or answers with another status."""

    def __init__(self, port=0, status=200, location=None):
        self.requests = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.requests.append((self.path, self.headers["content-type"], body))
                self.send_response(status)
                if location:
                    self.send_header("location", location)
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def spans(self):
        """Every span that it has."""
        found = []
        for path, content_type, body in self.requests:
            assert (path, content_type) == ("/v1/traces", "application/x-protobuf")
            for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                assert values(of_resource.resource)["service.name"] == "cognate"
                for of_scope in of_resource.scope_spans:
                    found += of_scope.spans
        return found


class SlowIssuer(Issuer):
    def answer(self, path, query, headers):
        time.sleep(DELAY)
        return super().answer(path, query, headers)


def values(has_attributes):
    """The attributes, by name."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in has_attributes.attributes}


def seconds(span):
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def is_below(span, ancestor, spans):
    by_id = {one.span_id: one for one in spans}
    while span and span.span_id != ancestor.span_id:
        span = by_id.get(span.parent_span_id)
    return span is not None


def wait_until(holds):
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def collector():
    started = Collector()
    yield started
    started.stop()


def tracing(own_server, endpoint, *flags, **variables):
    return own_server(*flags, variables={"COGNATE_TRACES_OTLP_ENDPOINT": endpoint} | variables)


def test_a_sign_in_across_a_slow_provider_is_one_trace(own_server, collector, tmp_path):
    issuer = SlowIssuer("login.example.com")
    audit = {"COGNATE_AUDIT_FILE": tmp_path / "audit.jsonl"}
    server = tracing(own_server, collector.url, "--upstream", issuer.upstream, "--allow-http-issuers", **audit)
    arn = server.client("iam").create_open_id_connect_provider(Url=f"https://{issuer.host}", ClientIDList=["app"])
    identity = server.client("cognito-identity")
    pool = identity.create_identity_pool(
        IdentityPoolName="Traced",
        AllowUnauthenticatedIdentities=True,
        OpenIdConnectProviderARNs=[arn["OpenIDConnectProviderArn"]],
    )["IdentityPoolId"]
    role = server.client("iam").create_role(RoleName="User", AssumeRolePolicyDocument=trust(pool))["Role"]["Arn"]
    identity.set_identity_pool_roles(IdentityPoolId=pool, Roles={"authenticated": role})
    app, user = server.public(), new_user()
    token = issuer.token("app", {"sub": user, "email": f"{user}@example.com"})
    logins = {issuer.host: token}
    signed_in = app.get_id(IdentityPoolId=pool, Logins=logins)
    identity_id = signed_in["IdentityId"]
    credentials = app.get_credentials_for_identity(IdentityId=identity_id, Logins=logins)["Credentials"]
    own_token = app.get_open_id_token(IdentityId=identity_id, Logins=logins)["Token"]
    session = server.client("sts", credentials).get_caller_identity()
    guest = app.get_id(IdentityPoolId=pool)["IdentityId"]
    with pytest.raises(ClientError):
        app.get_id(IdentityPoolId=pool, Logins={issuer.host: token[:-8] + "AAAAAAAA"})
    server.stop()
    issuer.stop()

    spans = collector.spans()
    named = {}
    for span in spans:
        named.setdefault(span.name, []).append(span)
    [first, of_guest, refused] = sorted(named["GetId"], key=lambda span: span.start_time_unix_nano)
    assert first.kind == Span.SPAN_KIND_SERVER and not first.parent_span_id
    assert values(first) == {
        "rpc.system": "aws-api",
        "rpc.method": "GetId",
        "aws.request_id": signed_in["ResponseMetadata"]["RequestId"],
        "cognate.identity_pool_id": pool,
        "http.response.status_code": 200,
    }
    trace = [span for span in spans if span.trace_id == first.trace_id]
    fetches = [span for span in trace if span.kind == Span.SPAN_KIND_CLIENT]
    # The discovery document, and then the key set.
    assert [span.name for span in fetches] == ["GET", "GET"]
    for fetch in fetches:
        assert is_below(fetch, first, trace)
        assert seconds(fetch) >= DELAY
        port = int(issuer.url.rsplit(":", 1)[1])
        assert values(fetch) == {
            "http.request.method": "GET",
            "server.address": "127.0.0.1",
            "server.port": port,
            "http.response.status_code": 200,
        }
    rest = seconds(first) - sum(map(seconds, fetches))
    assert 0 <= rest < DELAY, f"the fetches take the time, and all else took {rest} s"
    assert {"store change", "audit line"} <= {span.name for span in trace}
    assert all(is_below(span, first, trace) for span in trace)

    [signed] = named["GetOpenIdToken"]
    [signature] = named["signatures"]
    assert signature.trace_id == signed.trace_id
    [later] = named["GetCredentialsForIdentity"]
    assert later.trace_id != first.trace_id
    assert [span.trace_id for span in spans if span.kind == Span.SPAN_KIND_CLIENT] == [first.trace_id] * 2
    assert values(refused)["error.type"] == "NotAuthorizedException"
    assert values(refused)["http.response.status_code"] == 400
    # The server didn't fail.
    assert {span.status.code for span in spans} == {Status.STATUS_CODE_UNSET}
    assert {"sts:GetCallerIdentity", "iam:CreateRole", "CreateIdentityPool"} <= named.keys()
    assert not any(span.events or span.links for span in spans)

    exported = b"".join(body for _, _, body in collector.requests)
    assert pool.encode() in exported
    secrets = [
        *token.split("."), *own_token.split("."), user, identity_id, identity_id.split(":")[1], guest, guest.split(":")[1], server.key_id,
        server.secret, *(credentials[name] for name in ("AccessKeyId", "SecretKey", "SessionToken")), session["Arn"],
        role, issuer.host, "Boto", "openid-configuration", "jwks", "Logins", "Traced", "Signature",
    ]
    for secret in secrets:
        assert secret.encode() not in exported, secret
    assert values(of_guest).keys() == values(first).keys()


def trust(pool):
    return f"""{{"Version": "2012-10-17", "Statement": [{{
        "Effect": "Allow", "Principal": {{"Federated": "cognito-identity.amazonaws.com"}},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {{"StringEquals": {{"cognito-identity.amazonaws.com:aud": "{pool}"}}}}
    }}]}}"""


@pytest.mark.parametrize("ratio", [0, 1])
def test_only_a_trusted_proxy_names_the_trace_of_a_request(own_server, collector, ratio):
    trusted = {"COGNATE_TRUSTED_PROXIES": "127.0.0.2/32", "COGNATE_TRACES_SAMPLE_RATIO": ratio}
    server = tracing(own_server, collector.url, **trusted)

    def call(address, traceparent):
        with requests.Session() as session:
            session.mount("http://", From(address))
            headers = {
                "content-type": "application/x-amz-json-1.1",
                "x-amz-target": "AWSCognitoIdentityService.GetId",
                "traceparent": traceparent,
            }
            return session.post(server.url, json={}, headers=headers, timeout=10).headers["x-amzn-requestid"]

    sampled = f"00-{TRACE}-{PARENT}-01"
    by_proxy, unsampled = call("127.0.0.2", sampled), call("127.0.0.2", f"00-{TRACE}-{PARENT}-00")
    invalid = ["", "00", sampled.upper(), f"{sampled}, {sampled}", f"ff{sampled[2:]}", f"00-{'0' * 32}-{PARENT}-01", "01" * 9000]
    others = [call("127.0.0.1", sampled), call("127.0.0.3", f"00-{TRACE}-{PARENT}-00")]
    others += [call("127.0.0.2", header) for header in invalid]
    server.stop()
    spans = {values(span)["aws.request_id"]: span for span in collector.spans()}
    assert spans.keys() == {by_proxy, *(others if ratio else [])}
    joined = spans.pop(by_proxy)
    assert (joined.trace_id.hex(), joined.parent_span_id.hex()) == (TRACE, PARENT)
    assert unsampled not in spans
    for span in spans.values():
        assert span.trace_id.hex() != TRACE and not span.parent_span_id


def test_a_collector_that_is_away_is_logged_once_and_its_spans_are_counted(own_server):
    port = free_port()
    server = tracing(own_server, f"http://127.0.0.1:{port}")
    for batch in range(2):
        guest(server)
        wait_until(lambda: value(scraped(server), "cognate_trace_spans_dropped_total") > batch)
    assert server.log().count(FAILS) == 1
    assert value(scraped(server), "cognate_trace_spans_exported_total") == 0
    collector = Collector(port)
    guest(server)
    wait_until(lambda: collector.requests and "takes traces again" in server.log())
    assert value(scraped(server), "cognate_trace_spans_exported_total") == len(collector.spans())
    collector.stop()
    server.stop()


def test_a_redirect_of_the_collector_is_not_followed(own_server, collector):
    redirecting = Collector(status=307, location=f"{collector.url}/v1/traces")
    server = tracing(own_server, redirecting.url)
    guest(server)
    server.stop()
    redirecting.stop()
    assert redirecting.spans() and not collector.requests
    assert re.search(f"{FAILS}.*it answered 307", server.log())


def test_a_collector_that_never_answers_delays_no_request_and_no_stop(own_server):
    with create_server(("127.0.0.1", 0)) as silent:
        server = tracing(own_server, f"http://127.0.0.1:{silent.getsockname()[1]}")
        slowest, ends = 0, time.monotonic() + 1.3
        while time.monotonic() < ends:
            began = time.monotonic()
            guest(server)
            slowest = max(slowest, time.monotonic() - began)
        began = time.monotonic()
        server.stop()
        took = time.monotonic() - began
    assert slowest < 1
    assert took < 5, "three seconds for the traces, and what a stop takes anyway"
    assert "stopping without the last traces" in server.log()


def guest(server):
    """A call of a stranger that is refused."""
    with pytest.raises(ClientError):
        server.public().get_id(IdentityPoolId="eu-west-1:00000000-0000-4000-8000-000000000000")
