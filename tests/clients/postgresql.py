"""A PostgreSQL server that the tests break in many ways: its data is on a small disk of its own, clients reach it through
a proxy, it has TLS, and its role `cognate` has a password."""

import contextlib
import datetime
import ipaddress
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from surroundings import PROJECT

SCRIPT = PROJECT / "scripts" / "postgres"
CLEAN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
ADDRESS = "127.0.0.1"
RESERVED = 3
"""How many connections are for administrators only."""
ACCESS = """
local all postgres trust
host all postgres 127.0.0.1/32 trust
hostssl all cognate 127.0.0.1/32 scram-sha-256
"""


class Disk:
    """A small disk: a file system in memory, in a mount namespace of its own, where programs run as another user."""

    def __init__(self, folder, size):
        self.mounted = folder
        mount = f"mount -t tmpfs -o size={size},mode=0700 none {folder}"
        user = "exec unshare --user --map-user=1000 --map-group=1000 sh -c 'echo ready; exec sleep infinity'"
        words = ["unshare", "--map-root-user", "--mount", "sh", "-c", f"{mount} && {user}"]
        self.holder = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=CLEAN)
        assert self.holder.stdout.readline() == "ready\n", "a file system can't be mounted in a new namespace"

    def run(self, *words, env=None):
        inside = ["nsenter", "--user", "--mount", "--preserve-credentials", f"--target={self.holder.pid}"]
        return subprocess.run([*inside, *words], stdout=subprocess.PIPE, text=True, check=True, env=CLEAN | (env or {}))

    def path(self, name):
        """A file on this disk, as this process sees it."""
        return pathlib.Path(f"/proc/{self.holder.pid}/root{self.mounted}/{name}")

    def fill(self):
        self.run("sh", "-c", f"cat /dev/zero > {self.mounted}/ballast 2> /dev/null || true")

    def free(self):
        self.run("rm", "-f", f"{self.mounted}/ballast")

    def remove(self):
        self.holder.kill()
        self.holder.wait()


class PostgreSql:
    """The server. `url` leads through the proxy and verifies the certificate; `sql` goes around it, as an administrator."""

    def __init__(self, max_connections=24):
        # Not below the folder of the tests, which another user may not enter.
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.folder.chmod(0o755)
        self.server, self.max_connections = self.folder / "server", max_connections
        (self.server / "data").mkdir(parents=True)
        self.disk = Disk(self.server / "data", "256m")
        options = (
            f"-c max_connections={max_connections} -c superuser_reserved_connections={RESERVED} -c shared_buffers=16MB "
            "-c max_wal_size=64MB -c min_wal_size=32MB -c wal_keep_size=0 -c autovacuum=off -c log_statement=ddl"
        )
        env = {"COGNATE_TEST_POSTGRES_OPTIONS": options, "COGNATE_TEST_POSTGRES_FSYNC": "on"}
        started = self.disk.run(SCRIPT, "start", self.server, env=env)
        self.port = int(started.stdout.strip().rsplit(":", 1)[1].split("/")[0])
        self.authority, self.other_authority = Authority("database"), Authority("another")
        self.authority_file = self.folder / "authority.pem"
        self.authority_file.write_bytes(self.authority.pem)
        self.show(self.authority.issue(ADDRESS))
        self.write("pg_hba.conf", ACCESS)
        self.sql("ALTER SYSTEM SET ssl = on")
        self.sql("CREATE ROLE cognate LOGIN PASSWORD 'first-password'")
        self.sql("CREATE DATABASE cognate OWNER cognate")
        self.reload()
        self.proxy = Proxy(self.port)
        self.url = f"postgres://cognate@{ADDRESS}:{self.proxy.port}/cognate?sslmode=verify-full"

    def write(self, name, text):
        path = self.disk.path(name)
        path.write_text(text)
        if os.getuid() == 0:
            shutil.chown(path, *self.owner())

    def owner(self):
        found = self.disk.path("PG_VERSION").stat()
        return found.st_uid, found.st_gid

    def show(self, certificate):
        """Shows another certificate from now on."""
        chain, key = certificate
        self.write("server.crt", chain)
        self.disk.run("sh", "-c", f"umask 077; cat > {self.server}/data/server.key <<'END'\n{key}END\n")

    def reload(self):
        self.sql("SELECT pg_reload_conf()")
        time.sleep(0.2)

    def sql(self, text, database="postgres"):
        """Runs statements as the administrator, and gives the rows."""
        library = next((self.server / "usr/lib").glob("*-linux-gnu"))
        words = [self.server / "usr/lib/postgresql/15/bin/psql", "-XqAt", "-v", "ON_ERROR_STOP=1"]
        url = f"postgres://postgres@{ADDRESS}:{self.port}/{database}"
        env = CLEAN | {"LD_LIBRARY_PATH": str(library), "PGCONNECT_TIMEOUT": "5"}
        done = subprocess.run([*words, url], input=text, capture_output=True, text=True, env=env, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def end_connections(self):
        """Ends the connections of the role, as an administrator does after a change that new connections should see."""
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cognate'")

    def processes(self):
        pid = int(self.disk.path("postmaster.pid").read_text().splitlines()[0])
        # The number in the file is that of the same process here: the namespaces have the same process ids.
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def signal(self, number):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def halt(self):
        self.disk.run(SCRIPT, "halt", self.server)

    def resume(self):
        self.disk.run(SCRIPT, "resume", self.server)

    def log(self):
        return (self.server / "server.log").read_text(errors="replace")

    def stop(self):
        self.proxy.stop()
        # A test that failed may leave it in any state.
        with contextlib.suppress(OSError, ValueError, IndexError):
            self.disk.free()
        with contextlib.suppress(OSError, ValueError, IndexError):
            self.signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.CalledProcessError):
            self.halt()
        self.disk.remove()
        shutil.rmtree(self.folder)


class Connection:
    """A connection of another client to the database: an open session that does nothing."""

    def __init__(self, port):
        self.socket = socket.create_connection((ADDRESS, port), timeout=5)
        words = b"user\0postgres\0database\0postgres\0\0"
        self.socket.sendall(struct.pack("!II", 8 + len(words), 196608) + words)
        self.is_open = self.socket.recv(1) == b"R"

    def close(self):
        self.socket.close()


class Proxy:
    """A proxy of the database: it delays what the database sends, or passes nothing on."""

    def __init__(self, behind):
        self.behind, self.delay, self.is_cut = behind, 0, False
        self.listener = socket.create_server((ADDRESS, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, contextlib.suppress(OSError), socket.create_connection((ADDRESS, self.behind)) as database:
            for one in (client, database):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self.copy, args=(database, client, True), daemon=True)
            back.start()
            self.copy(client, database, False)
            back.join()

    def copy(self, source, target, is_delayed):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_delayed and self.delay:
                    time.sleep(self.delay)
                while self.is_cut:
                    time.sleep(0.05)
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.listener.close()
        self.delay, self.is_cut = 0, False


class Authority:
    """A certificate authority."""

    def __init__(self, name):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority of the {name}")])
        limits = x509.BasicConstraints(ca=True, path_length=0)
        self.certificate = self.signed(self.name, self.key, [(limits, True)])
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)

    def signed(self, name, key, extensions, days=30):
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key.public_key())
        begin, end = sorted((now - datetime.timedelta(days=1), now + datetime.timedelta(days=days)))
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, host, days=30):
        """A certificate for a host or an address, and its private key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        try:
            names = [x509.IPAddress(ipaddress.ip_address(host))]
        except ValueError:
            names = [x509.DNSName(host)]
        certificate = self.signed(name, key, [(x509.SubjectAlternativeName(names), False)], days)
        coded = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), coded.decode()
