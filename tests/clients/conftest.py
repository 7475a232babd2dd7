"""Fixtures: the server, the providers, and pools that trust them.

`--base-url URL` (or COGNATE_BASE_URL) tests a server that runs already; see README.md.
"""

# First, since it cleans this process of what the caller has set.
from surroundings import CALLER  # isort: skip

import contextlib
import itertools

import pytest

from ceph import Ceph
from cognate import Endpoint, Server
from providers import OpenIdProvider, UserPools
from world import Pools


def pytest_addoption(parser):
    options = parser.getgroup("cognate")
    options.addoption("--base-url", default=CALLER.get("COGNATE_BASE_URL"), help="test this server; start none")
    options.addoption("--user-pool-port", type=int, default=0, help="the port of the user pools")


@pytest.fixture(scope="session")
def providers(request, tmp_path_factory):
    """Two OpenID Connect providers and a user pool, by what their tokens are signed with."""
    folder = tmp_path_factory.mktemp("providers")
    started = {}
    try:
        for algorithm in ("RS256", "ES256"):
            started[algorithm] = OpenIdProvider(folder, algorithm)
        started["user pool"] = UserPools(folder, request.config.getoption("--user-pool-port"))
        yield started
    finally:
        for provider in started.values():
            provider.stop()


@pytest.fixture(scope="session")
def user_pools(providers):
    return providers["user pool"]


@pytest.fixture(scope="session")
def server(request, providers, tmp_path_factory):
    """The server under test."""
    base_url = request.config.getoption("--base-url")
    if base_url:
        key = [CALLER.get(f"COGNATE_ROOT_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
        assert all(key), "--base-url needs COGNATE_ROOT_ACCESS_KEY_ID and COGNATE_ROOT_SECRET_ACCESS_KEY"
        started = Endpoint(base_url.rstrip("/"), *key)
    else:
        upstream = f"{UserPools.HOST}={providers['user pool'].url}"
        folder = tmp_path_factory.mktemp("server")
        started = Server(folder, "--allow-http-issuers", "--upstream", upstream)
    request.config.servers.append(started)
    yield started
    started.stop()


@pytest.fixture
def own_server(request, tmp_path):
    """Starts further servers, for tests that change what all others rely on: `own_server("--flag", command="dev")`.

    In the `folder` of one that was stopped it goes on where that one ended.
    """
    started = itertools.count()
    with contextlib.ExitStack() as stack:

        def start(*flags, folder=None, **options):
            server = Server(folder or tmp_path / f"server-{next(started)}", *flags, **options)
            stack.callback(server.stop)
            request.config.servers.append(server)
            stack.callback(request.config.servers.remove, server)
            return server

        yield start


@pytest.fixture
def checking_server(own_server, user_pools, tmp_path):
    """A server of its own that may ask the user pools about their users."""
    config = tmp_path / "cognate.toml"
    key = 'access_key_id = "AKIAIOSFODNN7EXAMPLE"\nsecret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"'
    config.write_text(f"[user_pools]\n{key}\n")
    config.chmod(0o600)
    return own_server("--config", config, "--upstream", f"{UserPools.HOST}={user_pools.url}")


@pytest.fixture(scope="session")
def pools(server, providers):
    """Makes pools that trust the providers."""
    made = Pools(server, providers)
    yield made
    made.remove()


@pytest.fixture(scope="session")
def pool(pools):
    """A pool with roles that takes guests and the users of all providers."""
    return pools.make()


@pytest.fixture(scope="session")
def ceph(tmp_path_factory):
    """A Ceph cluster whose gateway has an STS."""
    cluster = Ceph(tmp_path_factory.mktemp("ceph"))
    yield cluster
    cluster.stop()


@pytest.fixture(params=["RS256", "ES256", "user pool"])
def provider(request, providers):
    """Each of the providers."""
    return providers[request.param]


def pytest_configure(config):
    config.servers = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Remembers where the logs stood when the test began."""
    item.logs_began = {server: len(server.log()) for server in item.config.servers}
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows with a failure what the servers have logged meanwhile."""
    report = yield
    if report.failed:
        for server in item.config.servers:
            lines = server.log()[item.logs_began.get(server, 0) :].splitlines()
            report.sections.append((f"log of {server.url}", "\n".join(lines[-200:])))
    return report
