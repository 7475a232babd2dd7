"""The test issuer of `cognate dev` in a browser: a page of another origin signs a user in, and nothing signs in silently."""

import json
import re
from urllib.parse import urlencode

import pytest
import requests

from javascript import Browser, Site, bundle
from surroundings import HERE

POOL = "us-east-1:c09a7e00-0000-4000-8000-000000000001"


@pytest.fixture
def dev(own_server):
    return own_server(command="dev")


@pytest.fixture
def site(dev, tmp_path):
    """The app, on an origin of its own."""
    other = dev.client("cognito-identity", region="us-east-1").create_identity_pool(
        IdentityPoolName="other", AllowUnauthenticatedIdentities=True, DeveloperProviderName="login.dev"
    )
    folder = tmp_path / "site"
    bundle(HERE / "sign_in.mjs", folder / "app.js", tmp_path)
    (folder / "index.html").write_text(
        '<!doctype html><title>App</title><body><button>Start</button><pre></pre>'
        '<script type="module" src="app.js"></script>'
    )
    settings = {
        "issuer": f"{dev.url}/dev/issuer", "endpoint": dev.url, "pool": POOL, "otherPool": other["IdentityPoolId"],
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    served = Site(folder)
    yield served
    served.stop()


@pytest.fixture
def browser(tmp_path):
    started = Browser(tmp_path / "browser")
    yield started
    started.stop()


def test_a_page_of_another_origin_signs_in_and_shows_its_identity(site, browser):
    # The app's button leads to the issuer's page, the button there back to the app.
    shown = browser.press(site.url, ["Start", "Sign in"], "done")
    [identity] = re.findall(r"^signed in: (us-east-1:[0-9a-f-]{36})$", shown, re.MULTILINE)
    assert "other pool: Token is not from a supported provider of this identity pool." in shown
    again = browser.press(site.url, ["Start", "Sign in"], "done")
    assert f"signed in: {identity}" in again


def test_nothing_signs_in_silently(site, browser):
    shown = browser.wait(f"{site.url}/?silent", "done")
    found = dict(line.split(": ", 1) for line in shown.splitlines() if ": " in line)
    assert found == {
        "prompt none": "login_required", "frame": "nothing", "form": "nothing", "fetch": "nothing", "made": "nothing",
    }


def test_a_foreign_redirect_gets_nothing(dev, browser):
    query = urlencode({
        "client_id": "demo", "response_type": "code", "scope": "openid", "redirect_uri": "https://evil.example/back",
        "code_challenge": "x" * 43, "code_challenge_method": "S256",
    })
    url = f"{dev.url}/dev/issuer/authorize?{query}"
    shown = browser.read(url)
    assert "The redirect_uri is neither on this machine" in shown
    answer = requests.get(url, allow_redirects=False, timeout=10)
    assert answer.status_code == 400
    assert "location" not in answer.headers
