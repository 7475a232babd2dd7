"""The server under test, and the clients that are pointed at it. Nothing of a client is changed but its endpoint."""

import configparser
import re
import signal

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from programs import Program
from surroundings import BINARY, REGION, environment

NO_RATES = {
    f"COGNATE_LIMITS_{rate}": 0
    for rate in (
        "REQUESTS_PER_ADDRESS_PER_SECOND",
        "GUESTS_PER_ADDRESS_PER_MINUTE",
        "EXPENSIVE_PER_ADDRESS_PER_SECOND",
        "PER_POOL_PER_SECOND",
    )
}
"""The limits on rates are off: every client of these tests has the same address, and some call as fast as they can."""

_CONFIG = {"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 30}


class Endpoint:
    """A server's URL and the access key of its administrator."""

    def __init__(self, url, key_id, secret):
        self.url = url
        self.key_id = key_id
        self.secret = secret

    def log(self):
        """What the server has logged so far, where that can be seen."""
        return ""

    def stop(self):
        """Leaves somebody else's server alone."""

    def client(self, service, credentials=None, region=REGION):
        """A boto3 client that signs with `credentials`, as the administrator where there are none."""
        keys = session_keys(credentials) if credentials else (self.key_id, self.secret, None)
        session = boto3.Session(*keys, region_name=region)
        return session.client(service, endpoint_url=self.url, config=Config(**_CONFIG))

    def public(self, service="cognito-identity", region=REGION):
        """A boto3 client that doesn't sign, as an app that nobody has signed in to."""
        config = Config(signature_version=UNSIGNED, **_CONFIG)
        return boto3.Session(region_name=region).client(service, endpoint_url=self.url, config=config)


class Server(Endpoint):
    """A server that was started here, in `folder`: what it keeps is there, too."""

    def __init__(self, folder, *flags, command="serve", listen="127.0.0.1:0", data="cognate-data", variables=None, has_rates=False):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data = folder / data
        words = [BINARY, command, "--listen", listen, *flags]
        settings = {"COGNATE_LOG_FILTER": "info,cognate=debug", "COGNATE_DRAIN_DELAY": "0"}
        settings |= {} if has_rates else NO_RATES
        settings |= variables or {}
        env = environment(folder, TMPDIR=folder, **settings)
        log = folder.parent / f"{folder.name}.log"
        self.program = Program("cognate", words, log, cwd=folder, env=env)
        url = self.program.wait_for(r"serves on (https?://\S+)")[1]
        super().__init__(url, *self._root_key())

    def _root_key(self):
        file = configparser.ConfigParser()
        if not file.read(self.data / "root-credentials"):
            return None, None
        return file["default"]["aws_access_key_id"], file["default"]["aws_secret_access_key"]

    def log(self):
        return self.program.text()

    def printed(self):
        """What it has written for people, without the log."""
        return "".join(line for line in self.log().splitlines(True) if not re.match(r"\d{4}-\d\d-\d\dT", line))

    def stop(self, how=signal.SIGTERM):
        status = self.program.stop(how)
        assert status == 0, f"cognate ended with {status}:\n{self.log()}"


def session_keys(credentials):
    """Key id, secret and session token, from an answer of Cognito Identity or of the STS."""
    secret = credentials.get("SecretKey") or credentials["SecretAccessKey"]
    return credentials["AccessKeyId"], secret, credentials["SessionToken"]


def key_variables(credentials):
    """The same as environment variables for the AWS CLI."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    return dict(zip(names, session_keys(credentials), strict=True))
