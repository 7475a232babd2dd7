"""`cognate login` at the npm package oidc-provider: with a browser that comes back to this machine, and with a device code."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import pytest
import requests

from client_site import certificate
from javascript import Browser
from programs import Program, run
from providers import Form
from surroundings import BINARY, HERE, NODE, environment
from terminal import Terminal
from world import new_user

CLIENT = "command-line"
ROLE = "arn:aws:iam::123456789012:role/User"


class Person:
    """A server whose pool publishes a client at a provider, and a person with a folder of their own."""

    def __init__(self, folder, server, provider, issuer, authority=None):
        self.folder = folder
        self.server = server
        self.provider = provider
        self.issuer = issuer
        self.administrator = {"COGNATE_CA_FILE": authority} if authority else {}
        iam = server.client("iam")
        arn = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=[CLIENT])["OpenIDConnectProviderArn"]
        identity = server.client("cognito-identity", region="us-east-1")
        self.pool = identity.create_identity_pool(
            IdentityPoolName="People", AllowUnauthenticatedIdentities=False, OpenIdConnectProviderARNs=[arn]
        )["IdentityPoolId"]
        identity.set_identity_pool_roles(IdentityPoolId=self.pool, Roles={"authenticated": ROLE})
        self.publish(CLIENT)

    def publish(self, client, issuer=None):
        value = {"Issuer": issuer or self.issuer, "ClientId": client, "Scopes": ["openid", "offline_access"]}
        words = ["pool", "settings", self.pool, "--set", f"LoginClient={json.dumps(value)}"]
        self.cognate(*words, "--data-dir", self.server.data, **self.administrator)

    def environment(self, **more):
        basis = {
            "COGNATE_ENDPOINT": self.server.url,
            "COGNATE_USER_DIR": self.folder / "user",
            "AWS_CONFIG_FILE": self.folder / "config",
        }
        return environment(self.folder, **basis | more)

    def run(self, *words, **more):
        return run([BINARY, *words], self.environment(**more), cwd=self.folder)

    def cognate(self, *words, **more):
        done = self.run(*words, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, log, *words, **more):
        return Program("login", [BINARY, "login", *words], log, env=self.environment(**more), cwd=self.folder)

    def count(self, word):
        return self.provider.text().split().count(word)


@pytest.fixture
def provider(tmp_path):
    command = [NODE, HERE / "login_provider.mjs", CLIENT]
    provider = Program("login provider", command, tmp_path / "provider.log", env=environment(tmp_path))
    provider.issuer = provider.wait_for(r"^issuer (http://\S+)$")[1]
    yield provider
    provider.process.kill()
    provider.process.wait()


@pytest.fixture
def person(own_server, provider, tmp_path):
    person = Person(tmp_path, own_server("--allow-http-issuers"), provider, provider.issuer)
    person.cognate("profile", "add", "me", "--pool", person.pool)
    return person


def browse(url, user):
    """Signs in with the forms of the provider's pages, up to the page of `cognate login`, as a browser does."""
    browser = requests.Session()
    browser.trust_env = False
    page = browser.get(url, timeout=10)
    for _ in range(4):
        form = Form(page.text) if "<form" in page.text else None
        if form is None or not form.action:
            break
        fields = form.fields | ({"login": user, "password": "any"} if "login" in form.fields else {})
        page = browser.post(urljoin(page.url, form.action), data=fields, timeout=10)
    return page


def test_a_person_signs_in_with_a_browser_and_out_again(person, tmp_path):
    login = person.start(tmp_path / "login.log", "--profile", "me", "--no-browser")
    url = login.wait_for(r"^(http://\S+)$")[1]
    assert "code_challenge_method=S256" in url
    back = re.search(r"redirect_uri=http%3A%2F%2F127.0.0.1%3A(\d+)%2F", url)[1]
    # Another page can't end the login, and neither can another state.
    for path in ("", "callback", "callback?code=x&state=y", "favicon.ico"):
        assert requests.get(f"http://127.0.0.1:{back}/{path}", timeout=10).status_code == 404
    page = browse(url, new_user())
    assert page.text == "You are signed in. You can close this window."
    assert login.process.wait(20) == 0, login.text()
    assert "Signed in" in login.text() and "role/User" in login.text()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{back}/", timeout=10)
    files = list((person.folder / "user").iterdir())
    assert {oct(file.stat().st_mode)[-3:] for file in files} == {"600"}
    assert "arn:aws:iam::123456789012:role/User" in person.cognate("whoami", "--profile", "me")

    # The ID tokens last five seconds. Of ten processes that need new keys, one refreshes the login.
    time.sleep(3.5)
    (person.folder / "user/me.credentials.json").unlink()
    before = person.count("refreshed")
    with ThreadPoolExecutor(10) as pool:
        started = [pool.submit(person.run, "credentials", "--profile", "me") for _ in range(10)]
        printed = {one.result().stdout for one in started}
    assert len(printed) == 1 and json.loads(printed.pop())["Version"] == 1
    assert person.count("refreshed") == before + 1
    time.sleep(3.5)
    (person.folder / "user/me.credentials.json").unlink()
    person.cognate("credentials", "--profile", "me")

    person.cognate("logout", "--profile", "me")
    assert person.count("revoked") == 1
    done = person.run("credentials", "--profile", "me")
    assert done.returncode == 1 and "run cognate login --profile me" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_person_signs_in_on_another_device(person, tmp_path):
    login = person.start(tmp_path / "login.log", "--profile", "me", "--device")
    url = login.wait_for(r"^or open (http://\S+)$")[1]
    browse(url, new_user())
    assert login.process.wait(30) == 0, login.text()
    assert "role/User" in person.cognate("whoami", "--profile", "me")


def test_a_server_that_names_another_client_gets_nothing(person, tmp_path):
    login = person.start(tmp_path / "login.log", "--profile", "me", "--no-browser")
    browse(login.wait_for(r"^(http://\S+)$")[1], new_user())
    assert login.process.wait(20) == 0, login.text()
    (person.folder / "user/me.credentials.json").unlink()
    for change in ({"client": "evil"}, {"client": CLIENT, "issuer": "https://evil.example"}):
        person.publish(**change)
        for words in (["credentials"], ["login", "--no-browser"], ["whoami"]):
            done = person.run(*words, "--profile", "me")
            assert done.returncode == 1 and "names another provider" in done.stderr, done.stderr
    assert person.count("refreshed") == 0
    # What a person accepts begins without the old tokens.
    person.publish("other")
    person.cognate("profile", "add", "me", "--pool", person.pool)
    done = person.run("credentials", "--profile", "me")
    assert done.returncode == 1 and "run cognate login" in done.stderr


def test_a_location_that_cannot_be_written_is_found_before_the_browser_opens(person, tmp_path):
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\ntouch {opened}\n")
    browser.chmod(0o755)
    (person.folder / "user/me.login.json").mkdir()
    done = person.run("login", "--profile", "me", BROWSER=browser)
    assert done.returncode == 1 and "no ordinary file" in done.stderr, done.stderr
    assert not opened.exists()
    (person.folder / "user/me.login.json").rmdir()
    person.folder.joinpath("user").chmod(0o755)
    done = person.run("login", "--profile", "me", BROWSER=browser)
    assert done.returncode == 1 and "chmod go=" in done.stderr, done.stderr
    assert not opened.exists()
    person.folder.joinpath("user").chmod(0o700)
    login = person.start(tmp_path / "login.log", "--profile", "me", BROWSER=browser, SSH_CONNECTION="x", DISPLAY=":1")
    login.wait_for(r"ssh -N -L (\d+):127.0.0.1:\1 ")
    deadline = time.monotonic() + 5
    while not opened.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert opened.exists()
    login.process.kill()
    login.process.wait()


def test_a_token_is_sent_over_https_or_to_this_machine_only(person):
    for endpoint in ("http://id.example.com", "http://127.0.0.1.evil.example", "ftp://127.0.0.1"):
        done = person.run("profile", "add", "bad", "--endpoint", endpoint, "--pool", person.pool)
        assert done.returncode == 1 and "https://" in done.stderr
    (person.folder / "config").write_text("[profile taken]\nregion = x\n")
    done = person.run("profile", "add", "taken", "--pool", person.pool)
    assert done.returncode == 1 and "another program" in done.stderr
    assert (person.folder / "config").read_text() == "[profile taken]\nregion = x\n"


SIGN_IN = [["Enter any login", "ada"], ["and password", "any"], "Sign-in", "Continue"]


@pytest.mark.parametrize("flags", [[], ["--no-browser"], ["--device"]], ids=["browser", "no browser", "device"])
def test_a_person_at_a_terminal_signs_in_with_chromium(person, tmp_path, flags):
    opened = tmp_path / "opened"
    starter = tmp_path / "starter"
    starter.write_text(f"#!/bin/sh\nprintf %s \"$1\" >{opened}.new && mv {opened}.new {opened}\n")
    starter.chmod(0o755)
    env = person.environment(BROWSER=starter, TERM="xterm-256color")
    terminal, browser = Terminal(tmp_path / "terminal", env), Browser(tmp_path / "chromium")
    try:
        terminal.type(f"cognate login --profile me {' '.join(flags)}")
        if flags == ["--device"]:
            url = terminal.wait_for(r"^or open (http://\S+)$")[1]
            browser.press(url, ["Continue", *SIGN_IN], "Sign-in Success|signed in|Continue on your device")
        else:
            url = terminal.wait_for(r"^(http://\S+)$")[1]
            assert opened.exists() == (not flags) and (flags or opened.read_text() == url)
            shown = browser.press(url, SIGN_IN, "signed in")
            assert shown == "You are signed in. You can close this window."
        terminal.wait_for(r"^Signed in\. The profile me has credentials for arn:aws:iam::123456789012:role/User until ")
        terminal.type("cognate whoami --profile me")
        terminal.wait_for(r"^Subject +ada$")
        terminal.type("cognate logout --profile me")
        terminal.wait_for(r"^Signed out\.")
        assert person.count("revoked") == 1
    finally:
        browser.stop()
        terminal.stop()


def test_a_person_signs_in_at_a_server_with_a_private_ca(own_server, provider, tmp_path, monkeypatch):
    authority, tls = certificate(tmp_path)
    config = tmp_path / "cognate.toml"
    config.write_text(tls)
    # For the administrator's boto3. `cognate` has a flag.
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    server = own_server("--allow-http-issuers", "--config", config)
    person = Person(tmp_path, server, provider, provider.issuer, authority)
    refused = person.run("profile", "add", "me", "--pool", person.pool)
    assert refused.returncode == 1 and "--ca-file" in refused.stderr
    # A path that is relative to the folder of the command is found from other folders, too.
    person.cognate("profile", "add", "me", "--pool", person.pool, "--ca-file", authority.name)
    login = person.start(tmp_path / "login.log", "--profile", "me", "--no-browser")
    browse(login.wait_for(r"^(http://\S+)$")[1], new_user())
    assert login.process.wait(20) == 0, login.text()
    (person.folder / "user/me.credentials.json").unlink()
    done = run([BINARY, "credentials", "--profile", "me"], person.environment(), cwd="/")
    assert json.loads(done.stdout)["Version"] == 1, done.stderr
    (person.folder / "user/me.credentials.json").unlink()
    other = tmp_path / "other"
    other.mkdir()
    wrong, _ = certificate(other)
    refused = person.run("credentials", "--profile", "me", "--ca-file", wrong)
    assert refused.returncode == 1 and "no server answers" in refused.stderr
    assert "revoke" not in person.cognate("logout", "--profile", "me")
