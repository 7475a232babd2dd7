"""The metrics, read by Prometheus's own parser."""

import re

import pytest
import requests
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families

from surroundings import PROJECT
from world import Pools, new_user

LABELS = {"code", "commit", "le", "limit", "operation", "outcome", "purpose", "quantile", "version"}


def scraped(server):
    answer = requests.get(server.url + "/metrics", timeout=10)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(families, name, **labels):
    """The sum of a family's samples with these labels."""
    samples = [sample for family in families.values() for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


@pytest.fixture
def server(own_server):
    return own_server("--allow-http-issuers")


def test_prometheus_reads_every_metric_with_its_help_and_no_name_of_a_user(server, providers):
    pools = Pools(server, providers)
    pool, provider = pools.make(), providers["RS256"]
    user = new_user()
    login = {provider.key: provider.token(user)}
    app = server.public()
    identity = app.get_id(IdentityPoolId=pool, Logins=login)["IdentityId"]
    app.get_credentials_for_identity(IdentityId=identity, Logins=login)
    guest = app.get_id(IdentityPoolId=pool)["IdentityId"]
    with pytest.raises(ClientError):
        app.get_id(IdentityPoolId=pool, Logins={provider.key: "opaque"})
    families = scraped(server)
    pools.remove()

    known = set(re.findall(r'"(cognate_\w+)"', (PROJECT / "src/cli/metrics.rs").read_text()))
    for name, family in families.items():
        assert family.documentation, name
        assert name.startswith("process_") or {name, f"{name}_total"} & known, name
        for sample in family.samples:
            assert sample.labels.keys() <= LABELS, sample
            texts = " ".join(sample.labels.values())
            assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|127\.0\.0\.1", texts), sample
            assert user not in texts and guest not in texts, sample
    assert value(families, "cognate_guests_total") == 1
    assert value(families, "cognate_requests_total", operation="GetId", code="OK") == 2
    assert value(families, "cognate_requests_total", operation="GetId", code="NotAuthorizedException") == 1
    assert value(families, "cognate_issuers") == 1
    assert 0 <= value(families, "cognate_issuer_oldest_keys_seconds") < 60
    assert value(families, "cognate_issuer_fetches_total") >= 1
    assert value(families, "cognate_outgoing_seconds_count") >= 2
    assert value(families, "cognate_build_info") == 1
    in_use = {sample.labels["limit"]: sample.value for sample in families["cognate_permits_in_use"].samples}
    # The scrape itself has a permit.
    assert in_use.pop("calls without a signature") == 1
    assert in_use == {f"calls of {of}": 0 for of in ("identities", "sessions", "access keys", "the root key")}
    assert value(families, "cognate_store_queue") == 0
    assert value(families, "cognate_store_commits_total") > 3
