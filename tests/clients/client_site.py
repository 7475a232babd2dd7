"""A Ceph cluster, a server on loopback and one with a private CA, and workloads that have a pod's token and nothing else."""

import contextlib
import datetime
import ipaddress
import json
import os
import select
import subprocess
import time

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ceph import Ceph
from clock import Clock
from cognate import Server
from issuer import Cluster
from programs import Program, run
from s3_clients import AGENT, HTTP, HTTPS, PROFILE
from surroundings import BINARY, HERE, NODE, PROJECT, environment
from test_ceph import allow

ACCOUNT = "210987654321"
AUDIENCE = "rgw.example.net"
BUCKET = "homes"
OWN = "${cognito-identity.amazonaws.com:sub}/*"
OWN_FOLDER = {
    "Version": "2012-10-17",
    "Statement": [
        allow("s3:GetObject s3:PutObject", f"arn:aws:s3:::{BUCKET}/{OWN}"),
        # rclone lists the folder that it copies to.
        allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}") | {"Condition": {"StringLike": {"s3:prefix": OWN}}},
    ],
}


def certificate(folder):
    """The file of a CA, and the settings of a server with a certificate of it."""
    now = datetime.datetime.now(datetime.UTC)

    def sign(subject, key, signer, is_ca):
        name = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (subject, "CA")]
        builder = x509.CertificateBuilder().subject_name(name[0]).issuer_name(name[1]).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        constraints = x509.BasicConstraints(ca=is_ca, path_length=None)
        builder = builder.add_extension(addresses, critical=False).add_extension(constraints, critical=True)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (folder / "ca.pem").write_bytes(sign("CA", root, root, True))
    (folder / "server.pem").write_bytes(sign("cognate", key, root, False))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    (folder / "key.pem").chmod(0o600)
    return folder / "ca.pem", f"[tls]\ncertificate_file = '{folder}/server.pem'\nkey_file = '{folder}/key.pem'\n"


class ClientSite:
    """Two servers whose pools give each identity its own folder at Ceph, in sessions of 15 minutes. All of them, and the
    programs, have one clock."""

    def __init__(self, folder, stack, *issuers):
        self.folder, self.clock = folder, Clock(folder)
        self.offset = 0
        self.cluster = Cluster()
        stack.callback(self.cluster.stop)
        self._issuers = [self.cluster, *issuers]
        (folder / "ceph").mkdir()
        self.ceph = Ceph(folder / "ceph", **self.clock.variables)
        stack.callback(self.ceph.stop)
        self.owner = self.ceph.owner(ACCOUNT)
        self.owner.s3.create_bucket(Bucket=BUCKET)
        self.authority, tls = certificate(folder)
        self.servers, self.roles = {}, {}
        for way, settings in ((HTTP, ""), (HTTPS, tls)):
            server = self._server(f"server-{len(self.servers)}", settings)
            # It need not finish what the programs of a test have begun.
            stack.callback(server.program.process.wait)
            stack.callback(server.program.process.kill)
            self.servers[way] = server
            self.roles[way] = self._role(server)
        self.pools = {way: self.pool(way, self.cluster) for way in self.servers}

    def _server(self, name, settings):
        config = self.folder / f"{name}.toml"
        config.write_text(f"""{settings}
[[credentials.route]]
role = "arn:aws:iam::{ACCOUNT}:role/Home*"
endpoint = "{self.ceph.url}"
audience = "{AUDIENCE}"
session_policy = '''{json.dumps(OWN_FOLDER)}'''
literal_escape = "?"
""")
        flags = ["--allow-http-issuers", "--config", config]
        for issuer in self._issuers:
            flags += ["--upstream", issuer.upstream]
        return Server(self.folder / name, *flags, variables=self.clock.variables)

    def _role(self, server):
        """A role at Ceph, which trusts this server only."""
        words = [BINARY, "issuer", "thumbprint", "--endpoint", server.url, "--ca-file", self.authority]
        thumbprints = run(words, environment(self.folder))
        assert thumbprints.returncode == 0, thumbprints.stderr
        self.owner.register(server.url, thumbprints.stdout.split())
        name = f"Home{len(server.url)}"
        trusted = {"StringEquals": {"aud": AUDIENCE}, "ForAnyValue:StringEquals": {"amr": "authenticated"}}
        everything = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
        statements = [allow("s3:PutObject s3:GetObject s3:ListBucket", resource) for resource in everything]
        return self.owner.role(name, server.url, trusted, statements)

    def pool(self, way, issuer):
        """A pool for the workloads of an issuer, whose tokens are for the server's host."""
        server = self.servers[way]
        url = f"https://{issuer.host}"
        provider = self.api(server, "iam").create_open_id_connect_provider(Url=url, ClientIDList=["127.0.0.1"])
        identity = self.api(server)
        pool = identity.create_identity_pool(
            IdentityPoolName="Workloads",
            AllowUnauthenticatedIdentities=False,
            OpenIdConnectProviderARNs=[provider["OpenIDConnectProviderArn"]],
        )["IdentityPoolId"]
        identity.set_identity_pool_roles(IdentityPoolId=pool, Roles={"authenticated": self.roles[way]})
        flags = ["--endpoint", server.url, "--ca-file", self.authority, "--data-dir", server.data]
        done = run([BINARY, "pool", "credentials", pool, "--duration", "15m", *flags], environment(self.folder))
        assert done.returncode == 0, done.stderr
        return pool

    def api(self, server, service="cognito-identity", **settings):
        """A boto3 client of a server, which may have the private CA."""
        session = boto3.Session(server.key_id, server.secret, region_name="us-east-1")
        config = Config(retries={"total_max_attempts": 1}, **settings)
        return session.client(service, endpoint_url=server.url, config=config, verify=str(self.authority))

    def pass_time(self, seconds):
        """Steps the clock of everything here."""
        self.offset += seconds
        self.clock.step(self.offset)

    def identity(self, way, pool, issuer, token):
        """The identity of a token in a pool, which its folder in the bucket is named after."""
        public = self.api(self.servers[way], signature_version=UNSIGNED)
        try:
            return public.get_id(IdentityPoolId=pool, Logins={issuer.host: token})["IdentityId"]
        finally:
            public.close()

    def token(self, name):
        now = time.time() + self.offset
        return self.cluster.pod(name, "127.0.0.1", now=now, life=3600)


def start_agent(profile, folder, env):
    """The agent of a profile, and the URL and the token that it prints."""
    log = folder / "agent.log"
    # The token is written to no file that others may read.
    log.touch(0o600)
    agent = Program("agent", [BINARY, "agent", "--profile", profile, "--as-root"], log, env=env)
    return agent, agent.wait_for(r"export \w+FULL_URI=(\S+)\nexport \w+TOKEN=(\S+)\n")


class Workload:
    """A program on a client, with the token of a pod of its own, which gets its credentials in one of the ways."""

    def __init__(self, site, client, way, folder=None):
        self.site, self.client, self.way = site, client, way
        self.name = "".join(letter for letter in f"{client.name} {way}".lower() if letter.isalnum())
        self.folder = folder or site.folder / self.name
        self.folder.mkdir(exist_ok=True)
        self.variables = {}
        self.token_file = self.folder / "token"
        self._clock = {} if client.has_own_clock else site.clock.all_clocks
        self._server = site.servers[HTTP if way == HTTP else HTTPS]
        self._pool = site.pools[HTTP if way == HTTP else HTTPS]
        self._agent = self._process = None
        self.rotate()
        server = HTTP if way == HTTP else HTTPS
        self.identity = site.identity(server, self._pool, site.cluster, self.token_file.read_text())

    def rotate(self, token=None):
        """Replaces the token by a rename, as a cluster does. It has no newline at its end."""
        new = self.folder / "token.new"
        new.write_text(token or self.site.token(self.name))
        os.rename(new, self.token_file)

    def environment(self):
        """Nothing but the variables of the way, and the store's address."""
        env = environment(
            self.folder,
            STORE=self.site.ceph.url,
            FOLDER=self.identity,
            AWS_ENDPOINT_URL_S3=self.site.ceph.url,
            # This gateway is older than the checksums that SDKs send by default (docs/ceph.md).
            AWS_REQUEST_CHECKSUM_CALCULATION="when_required",
            AWS_RESPONSE_CHECKSUM_VALIDATION="when_required",
            COGNATE_USER_DIR=self.folder / "user",
            AWS_CONFIG_FILE=self.folder / "config",
            **self._clock,
            **self.variables,
        )
        env["PATH"] += f":{PROJECT / '.tools/debian/usr/bin'}"
        url = f"{self._server.url}/credentials/{self._pool}"
        if self.way == HTTPS and self.client.authority:
            env[self.client.authority] = str(self.site.authority)
        if self.way in (HTTP, HTTPS):
            env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url
            env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(self.token_file)
        return env

    def start(self):
        """Starts the program; before it the agent, if it is the way."""
        env = self.environment()
        if self.way in (PROFILE, AGENT):
            words = ["--endpoint", self._server.url, "--pool", self._pool, "--ca-file", self.site.authority]
            words += ["--from", "file", "--token-file", self.token_file]
            done = run([BINARY, "profile", "add", "lake", *words], env)
            assert done.returncode == 0, done.stderr
        if self.way == PROFILE:
            env["AWS_PROFILE"] = "lake"
        if self.way == AGENT:
            self._agent, printed = start_agent("lake", self.folder, env)
            file = self.folder / "agent-token"
            file.write_text(printed[2])
            env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = printed[1]
            env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(file)
        # Node finds packages from the folder that it runs in.
        folder = HERE if NODE in self.client.command else self.folder
        self.log = self.folder / "stderr.log"
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in self.client.command],
                env=env, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip

    def store(self, word, seconds=60):
        """What comes back of a word that the program stores and reads; or its error."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{word}\n".encode())
            self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline().decode().strip() if ready else "no answer"
        return line or self.log.read_text(errors="replace")[-2000:]

    def stop(self):
        """Ends the program, and gives what it wrote as errors."""
        if self._process:
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()
        if self._agent:
            self._agent.stop()
