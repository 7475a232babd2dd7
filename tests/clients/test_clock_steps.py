"""A server of a shared database whose wall clock steps: it refuses until its view is fresh, and as long as its clock and the
database's are more than five minutes apart. What it signs meanwhile is never of the wrong time."""

import base64
import contextlib
import json
import time

import botocore.exceptions
import pytest
import requests

import cognate
from clock import Clock
from postgresql import PostgreSql
from programs import run
from surroundings import BINARY, environment

BETWEEN = 0.02
"""How many seconds lie between two calls."""


class Site:
    """A server with a clock of its own, and another one with the machine's."""

    def __init__(self, folder, stack):
        self.folder, self.database, self.clock = folder, PostgreSql(), Clock(folder)
        stack.callback(self.database.stop)
        key = folder / "master.key"
        assert run([BINARY, "master-key", "make", key], environment(folder)).returncode == 0
        url = f"postgres://postgres@127.0.0.1:{self.database.port}/cognate"
        self.flags = ["--database-url", url, "--master-key-file", key]
        self.right = cognate.Server(folder / "right", *self.flags)
        stack.callback(self.right.stop)
        self.stepping = self.start_stepping()
        stack.callback(self.stepping.stop)
        made = self.right.client("cognito-identity").create_identity_pool(
            IdentityPoolName="Clocks", AllowUnauthenticatedIdentities=True
        )
        self.pool = made["IdentityPoolId"]
        time.sleep(1.2)
        self.guest = self.right.public().get_id(IdentityPoolId=self.pool)["IdentityId"]
        self.client = self.stepping.public()

    def start_stepping(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cognate, "environment", lambda home, **more: environment(home, **more, **self.clock.variables))
            return cognate.Server(self.folder / "stepping", *self.flags)

    def ask(self):
        """Asks the server with the stepping clock for a token; gives its claims, or `None` where it refuses."""
        try:
            token = self.client.get_open_id_token(IdentityId=self.guest)["Token"]
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "InternalErrorException"
            return None
        part = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))

    def answers(self, seconds):
        """What it answers without a pause for so many seconds: each with the time since the beginning."""
        began, answers = time.monotonic(), []
        while time.monotonic() - began < seconds:
            at = time.monotonic() - began
            answers.append((at, self.ask()))
            time.sleep(BETWEEN)
        return answers

    def health(self):
        return requests.get(f"{self.stepping.url}/health", timeout=10).status_code

@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        made = Site(tmp_path_factory.mktemp("clocks"), stack)
        request.config.servers.append(made.stepping)
        stack.callback(request.config.servers.remove, made.stepping)
        yield made


@pytest.fixture(autouse=True)
def right_again(site):
    yield
    site.clock.step(0)
    # The server notices it at its next look, half a second later at most.
    time.sleep(1)
    deadline = time.monotonic() + 10
    while site.health() != 200 or site.ask() is None:
        assert time.monotonic() < deadline, "the server doesn't serve with the right clock"
        time.sleep(0.1)


def off_by(claims):
    """How many seconds the time of a token is beside the machine's."""
    return claims["iat"] - time.time()


def test_the_clock_of_the_server_is_the_one_that_steps(site):
    site.clock.step(-60)
    time.sleep(1.5)
    assert -62 < off_by(site.ask()) < -58


@pytest.mark.parametrize("seconds", [-2, -60, -240])
def test_after_a_step_back_the_server_answers_from_a_fresh_view(site, seconds):
    assert site.ask()
    site.clock.step(seconds)
    answers = site.answers(2)
    served = [at for at, claims in answers if claims]
    print(f"{seconds} s: refused {sum(claims is None for _, claims in answers)} calls, served from {min(served):.2f} s")
    # A view is at most half a second old, and a refresh takes a moment.
    assert answers[-1][1] and min(served) < 1.5
    first_refused = next((at for at, claims in answers if claims is None), None)
    assert all(claims for at, claims in answers if at > min(served)), "refused again"
    assert first_refused is None or first_refused < 0.2


@pytest.mark.parametrize("seconds", [-360, -3600, -86400 * 365])
def test_far_behind_the_database_nothing_is_served_and_the_log_says_why(site, seconds):
    assert site.ask()
    logged = len(site.stepping.log())
    site.clock.step(seconds)
    assert all(claims is None for _, claims in site.answers(2))
    assert site.health() == 503
    assert "the clock of this server and that of the database are more than five minutes apart" in site.stepping.log()[logged:]


@pytest.mark.parametrize("seconds", [360, 3600])
def test_far_ahead_of_the_database_nothing_is_served_after_five_seconds(site, seconds):
    assert site.ask()
    site.clock.step(seconds)
    answers = site.answers(7)
    last = max((at for at, claims in answers if claims), default=0)
    print(f"{seconds} s: served for the last time after {last:.2f} s")
    assert last < 5.5
    assert site.health() == 503
    # The other server's clock is right.
    assert site.right.public().get_open_id_token(IdentityId=site.guest)["Token"]


def test_a_server_with_a_wrong_clock_does_not_start(site):
    site.clock.step(-3600)
    words = [BINARY, "serve", "--listen", "127.0.0.1:0", *site.flags]
    refused = run(words, environment(site.folder, **site.clock.variables), cwd=site.folder)
    assert refused.returncode == 1
    assert "more than five minutes apart: set both" in " ".join(refused.stderr.split()), refused.stderr
