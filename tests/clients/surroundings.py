"""The environment in which every program of these tests runs, this one included: made here from nothing.

Whatever the caller has set (AWS keys and profiles, certificate bundles, proxies, settings of Cognate) would decide what
the tests show, so none of it is handed on. To import this module is to clean this process.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent

CALLER = dict(os.environ)
"""What the caller has set; conftest reads its own options here."""

BINARY = CALLER.get("COGNATE_BINARY", str(PROJECT / "target/release/cognate"))
NODE = HERE / "node_modules/.bin/node"
PYTHON = sys.executable
CHROMIUM = "/usr/bin/chromium"
RUST_CLIENT = PROJECT / ".tools/rust-client/debug/rust-client"

REGION = "eu-west-1"
"""The region of all pools."""

_AWS = {
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
    # Whoever has no keys is not to look for them in a network.
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_PAGER": "",
}

SETTINGS = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "of-another-account",
    "AWS_REGION": "ap-south-1",
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
    "AWS_DEFAULT_OUTPUT": "table",
    "AWS_CA_BUNDLE": "/nonexistent/bundle.pem",
}
"""What the shell of a developer may have set for the tools of AWS."""


def environment(home, **more):
    """The environment of a program whose home is `home`; `more` is added."""
    path = [Path(PYTHON).parent, NODE.parent, Path(BINARY).parent, "/usr/local/bin", "/usr/bin", "/bin"]
    basis = {"PATH": ":".join(map(str, path)), "HOME": str(home), "LANG": "C.UTF-8", "TZ": "UTC"}
    return basis | _AWS | {name: str(value) for name, value in more.items()}


os.environ.clear()
os.environ.update(environment(CALLER.get("HOME", "/")))
