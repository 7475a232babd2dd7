"""How long it takes from a built binary to credentials: a server is started for each line, and the time includes its start.

    .tools/venv/bin/python tests/clients/first_credentials.py
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from javascript import AmplifyInNode
from surroundings import BINARY, environment

LONGEST = 10
"""The most seconds that a new developer may have to wait."""

POOL = "us-east-1:c09a7e00-0000-4000-8000-000000000001"


def login(url):
    """The issuer's name and an ID token of a user."""
    command = [BINARY, "dev", "token", "--endpoint", url, "--sub", "alice", "--login"]
    made = subprocess.run(command, capture_output=True, text=True, check=True, env=environment("/"))
    return made.stdout.strip().split("=", 1)


def with_boto3(url, folder, user):
    config = Config(signature_version=UNSIGNED)
    cognito = boto3.client("cognito-identity", endpoint_url=url, region_name="us-east-1", config=config)
    logins = {"Logins": dict([login(url)])} if user else {}
    identity = cognito.get_id(IdentityPoolId=POOL, **logins)["IdentityId"]
    return cognito.get_credentials_for_identity(IdentityId=identity, **logins)["Credentials"]["AccessKeyId"]


def with_amplify(url, folder, user):
    pools = {"identityPoolId": POOL, "identityPoolEndpoint": url, "allowGuestAccess": True}
    more = {"token": login(url)[1]} if user else {}
    answer = AmplifyInNode(folder).ask("token" if user else "guest", pools=pools, **more)["answer"]
    session = answer if user else answer[0]
    return session["credentials"]["AccessKeyId"]


def measure(client, user):
    """The seconds from the start of a server to the credentials."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        command = [BINARY, "dev", "--ephemeral", "--listen", "127.0.0.1:0"]
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        server = subprocess.Popen(command, env=environment(folder), cwd=folder, **quiet)
        try:
            line = next(line for line in server.stdout if " serves on " in line)
            key = client(re.search(r"serves on (\S+)", line)[1], Path(folder), user)
            assert key.startswith("ASIA"), key
            return time.monotonic() - began
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()


def main():
    seconds = {
        f"{name}, {who}": measure(client, who == "user")
        for name, client in (("boto3", with_boto3), ("Amplify", with_amplify))
        for who in ("guest", "user")
    }
    for name, took in seconds.items():
        print(f"{name:<16}{took:6.2f} s")
    print(json.dumps({name: round(took, 2) for name, took in seconds.items()}))
    return 0 if max(seconds.values()) < LONGEST else 1


if __name__ == "__main__":
    sys.exit(main())
