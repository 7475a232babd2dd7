"""A Ceph cluster on loopback whose object gateway serves S3, and beside it an STS and IAM that nobody of this project
wrote: Debian's packages, one monitor, and one object store that keeps everything in memory. It is up in a few seconds.
"""

import contextlib
import json
import secrets
import signal
import socket
import uuid

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from cognate import session_keys
from programs import Program, run
from surroundings import REGION, environment

# The daemons believe whoever reaches them, since only the gateway is what the tests talk to.
_CONFIGURATION = """[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{monitor}
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
run dir = {folder}
crash dir = {folder}
admin socket =
pid file =
log file =
log to stderr = true
mon cluster log file =
mon data = {folder}/mon
mon data avail warn = 1
mon data avail crit = 1
paxos propose interval = 0.05
mon allow pool size one = true
osd data = {folder}/osd
osd objectstore = memstore
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
rgw data = {folder}/gateway
rgw frontends = beast endpoint=127.0.0.1:{gateway}
rgw s3 auth use sts = true
rgw sts key = {sts_key}
# It fetches the keys of an issuer with a private CA, too.
rgw verify ssl = false
[osd]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
"""


class Ceph:
    """A cluster that was started here, with everything it writes in `folder`; its gateway has `variables`, too."""

    def __init__(self, folder, **variables):
        self._folder = folder
        self._env = environment(folder)
        self._gateway_env = environment(folder, **variables)
        self._programs = []
        monitor, gateway = _free_port(), _free_port()
        self.url = f"http://127.0.0.1:{gateway}"
        fsid = uuid.uuid4()
        # The gateway seals session tokens with AES under these 16 bytes.
        settings = {"fsid": fsid, "monitor": monitor, "gateway": gateway, "sts_key": secrets.token_hex(8)}
        self.configuration = folder / "ceph.conf"
        self.configuration.write_text(_CONFIGURATION.format(folder=folder, **settings))
        for part in ("osd", "gateway"):
            (folder / part).mkdir()
        try:
            self._start(fsid, monitor)
        except BaseException:
            self.stop()
            raise

    def _start(self, fsid, monitor):
        monitors = self._folder / "monitors"
        address = f"[v2:127.0.0.1:{monitor}]"
        self._do("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monitors)
        self._do("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors)
        self._go_on("ceph-mon", "-i", "a")
        store = uuid.uuid4()
        self._do("ceph", "--connect-timeout", "30", "osd", "new", store)
        self._do("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", store)
        self._go_on("ceph-osd", "-i", "0")
        gateway = self._go_on("radosgw", "-n", "client.radosgw", env=self._gateway_env)
        gateway.wait_for("starting handler: beast")

    @contextlib.contextmanager
    def gateway_stopped(self):
        """Meanwhile the gateway takes connections, and answers nobody."""
        gateway = self._programs[-1].process
        gateway.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            gateway.send_signal(signal.SIGCONT)

    def _do(self, program, *words):
        done = run([program, "--conf", self.configuration, *words], self._env)
        assert done.returncode == 0, f"{program}:\n{done.stdout}{done.stderr}{self.log()}"
        return done.stdout

    def _go_on(self, program, *words, env=None):
        command = [program, "-f", "--conf", self.configuration, *words]
        self._programs.append(Program(program, command, self._folder / f"{program}.log", env=env or self._env))
        return self._programs[-1]

    def log(self):
        """The last words of all daemons."""
        return "\n".join(f"== {it.name}\n{it.text()[-4000:]}" for it in self._programs)

    def stop(self):
        # What is only in memory need not be closed.
        for program in reversed(self._programs):
            program.process.kill()
            program.process.wait()

    def owner(self, tenant=""):
        """A new user who may do everything under `tenant`, which stands where ARNs have the account."""
        words = ["user", "create", "--uid", "owner", "--display-name", "Owner"]
        capabilities = ["--caps", "roles=*;oidc-provider=*"]
        account = ["--tenant", tenant] if tenant else []
        made = json.loads(self._do("radosgw-admin", *words, *capabilities, *account))
        return Owner(self, tenant, made["keys"][0])

    def client(self, service, credentials):
        """A boto3 client of the gateway that signs with `credentials`."""
        return self._client(service, *session_keys(credentials))

    def public(self, service="sts"):
        """A boto3 client of the gateway that doesn't sign."""
        return self._client(service, signature_version=UNSIGNED)

    def _client(self, service, *keys, **settings):
        session = boto3.Session(*keys, region_name=REGION)
        config = Config(retries={"total_max_attempts": 1}, **settings)
        return session.client(service, endpoint_url=self.url, config=config)


class Owner:
    """Who owns the buckets, roles and issuers of a tenant."""

    def __init__(self, ceph, tenant, key):
        credentials = {"AccessKeyId": key["access_key"], "SecretKey": key["secret_key"], "SessionToken": None}
        self.tenant = tenant
        self.s3 = ceph.client("s3", credentials)
        self.iam = ceph.client("iam", credentials)

    def register(self, issuer, thumbprints):
        """Trusts an issuer of tokens, whatever audience they are for: each role says which one it takes."""
        self.iam.create_open_id_connect_provider(Url=issuer, ThumbprintList=thumbprints)

    def role(self, name, issuer, conditions, statements):
        """Makes a role for an issuer's tokens; `conditions` go by operator, then by the name of a claim."""
        host = issuer.split("://")[1]
        trust = {
            "Effect": "Allow",
            "Principal": {"Federated": [f"arn:aws:iam::{self.tenant}:oidc-provider/{host}"]},
            "Action": ["sts:AssumeRoleWithWebIdentity"],
            "Condition": {
                operator: {f"{host}:{claim}": value for claim, value in claims.items()}
                for operator, claims in conditions.items()
            },
        }
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))
        self.iam.put_role_policy(RoleName=name, PolicyName="objects", PolicyDocument=_policy(*statements))
        return f"arn:aws:iam::{self.tenant}:role/{name}"


def _policy(*statements):
    # Without spaces: boto3 writes them as `+`, which this gateway takes for what it is.
    document = {"Version": "2012-10-17", "Statement": statements}
    return json.dumps(document, separators=(",", ":"))


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
