"""The life of the Debian package on a machine that boots: install, serve, reload, fail, upgrade, back up, remove and purge.
Started by `test`, as the package `service`.
"""

import re
import shutil
import subprocess
from pathlib import Path

from machine import PROJECT, Machine, wait

UNIT = "cognate.service"
CONFIG = "/etc/cognate/cognate.toml"
DATA = "/var/lib/cognate"
BACKUPS = "/var/backups/cognate"
STORED = PROJECT / "tests/it/stored"
OF_AN_ADMINISTRATOR = """
import configparser, sys
import boto3
from botocore import UNSIGNED
from botocore.config import Config
file = configparser.ConfigParser()
file.read(sys.argv[1])
place = {"region_name": "eu-west-1", "endpoint_url": "http://127.0.0.1:2646"}
admin = boto3.client("cognito-identity", **place, **{name: file["default"][name] for name in ("aws_access_key_id", "aws_secret_access_key")})
public = boto3.client("cognito-identity", **place, config=Config(signature_version=UNSIGNED))
"""
MAKES_A_GUEST = OF_AN_ADMINISTRATOR + """
pool = admin.create_identity_pool(IdentityPoolName="App", AllowUnauthenticatedIdentities=True)["IdentityPoolId"]
admin.set_identity_pool_roles(IdentityPoolId=pool, Roles={"unauthenticated": "arn:aws:iam::123456789012:role/Guest"})
print(public.get_id(IdentityPoolId=pool)["IdentityId"])
"""
USES_A_GUEST = OF_AN_ADMINISTRATOR + """
print(public.get_credentials_for_identity(IdentityId=sys.argv[2])["Credentials"]["AccessKeyId"])
"""
LISTS_POOLS = OF_AN_ADMINISTRATOR + """
print(",".join(pool["IdentityPoolName"] for pool in admin.list_identity_pools(MaxResults=60)["IdentityPools"]))
"""


class Service:
    """The service on a machine."""

    def __init__(self, machine):
        self.machine = machine

    def property(self, name):
        return self.machine.run("systemctl", "show", "--value", "--property", name, UNIT).strip()

    def is_active(self):
        return self.property("ActiveState") == "active" and self.property("SubState") == "running"

    def wait(self):
        """Waits until the service is active; its main process."""
        wait(self.is_active, UNIT)
        return self.property("MainPID")

    def install(self, package):
        """Installs a package; the output."""
        shutil.copy(package, self.machine.root / "root/cognate.deb")
        return self.machine.run("dpkg", "--install", "/root/cognate.deb")

    def python(self, script, *words):
        return self.machine.python(script, f"{self.machine.root}{DATA}/root-credentials", *words)


def with_version(package, version, folder):
    """The same package with another version."""
    tree = folder / "package"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    made = folder / f"cognate_{version}.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, made], check=True, capture_output=True)
    return made


def installed(service):
    """A fresh machine has a service with little exposure, and a guest."""
    machine = service.machine
    first = service.wait()
    assert service.property("Type") == "notify"
    assert service.property("UnitFileState") == "enabled"
    assert machine.run("stat", "--format=%U", f"/proc/{first}").strip() == "cognate"
    assert machine.run("stat", "--format=%U %a", DATA).strip() == "cognate 700"
    assert machine.run("stat", "--format=%U:%G %a", CONFIG).strip() == "root:cognate 640"
    exposure = machine.run("systemd-analyze", "security", "--no-pager", UNIT).strip().splitlines()[-1]
    print(f"    {exposure.removeprefix('→ ')}")
    assert float(re.search(r": ([\d.]+)", exposure)[1]) < 2
    assert machine.call("systemctl", "is-enabled", "cognate-backup.timer").stdout.strip() == "disabled"
    machine.run("cognate", "health")
    return service.python(MAKES_A_GUEST)


def restarts(service, guest):
    """A killed server is started again, and knows its identities; a reload keeps the process."""
    before = service.wait()
    service.machine.run("systemctl", "reload", UNIT)
    assert service.wait() == before
    service.machine.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", UNIT)
    wait(lambda: service.property("NRestarts") == "1" and service.is_active(), "the restarted service")
    assert service.wait() != before
    assert service.python(USES_A_GUEST, guest).startswith("ASIA")


def upgrades(service, guest, package):
    """A newer package restarts the running service on its data, and keeps a configuration that was edited."""
    before = service.wait()
    config = service.machine.root / CONFIG[1:]
    edited = config.read_text() + "\n# of the administrator\n"
    config.write_text(edited)
    service.install(package)
    assert service.wait() != before
    assert config.read_text() == edited
    assert service.python(USES_A_GUEST, guest).startswith("ASIA")


def opens(service, stored):
    """Data of an earlier version are migrated and used."""
    machine = service.machine
    machine.run("systemctl", "stop", UNIT)
    machine.run("mv", DATA, f"{DATA}.own")
    shutil.copytree(stored, machine.root / DATA[1:])
    machine.run("chown", "--recursive", "cognate:cognate", DATA)
    machine.run("chmod", "--recursive", "u=rwX,go=", DATA)
    machine.run("systemctl", "start", UNIT)
    service.wait()
    assert service.python(LISTS_POOLS) == "Stored"
    machine.run("systemctl", "stop", UNIT)
    machine.run("rm", "--recursive", DATA)
    machine.run("mv", f"{DATA}.own", DATA)
    machine.run("systemctl", "start", UNIT)
    service.wait()


def backs_up(service):
    """The unit of the timer writes a backup."""
    service.machine.run("systemctl", "start", "cognate-backup.service")
    assert service.machine.run("ls", BACKUPS).strip()


def goes(service):
    """Removing keeps the data and the configuration; purging deletes them and the user, but not the backups."""
    machine = service.machine
    machine.run("dpkg", "--remove", "cognate")
    assert machine.call("systemctl", "is-active", UNIT).stdout.strip() == "inactive"
    machine.run("test", "-f", f"{DATA}/cognate.sqlite")
    machine.run("test", "-f", CONFIG)
    machine.run("dpkg", "--purge", "cognate")
    for path in (DATA, "/etc/cognate", "/usr/bin/cognate", "/usr/lib/systemd/system/cognate.service"):
        assert not (machine.root / path[1:]).exists(), path
    assert machine.call("getent", "passwd", "cognate").returncode != 0
    assert machine.run("ls", BACKUPS).strip()
    assert machine.call("systemctl", "list-unit-files", "cognate*", "--no-legend").stdout.strip() == ""


def life(package, folder):
    """Runs the steps in their order, and prints each."""
    machine = Machine(folder)
    try:
        service = Service(machine)
        (life_of_deb if package.suffix == ".deb" else life_of_rpm)(service, package, folder)
    except BaseException:
        print(machine.call("journalctl", "--no-pager", "--unit", UNIT, "--lines", "30").stdout)
        raise
    finally:
        machine.stop()


def step(name, run, *arguments):
    result = run(*arguments)
    print(f"    {name}", flush=True)
    return result


def life_of_deb(service, package, folder):
    service.install(package)
    guest = step("installed and active, a guest has credentials", installed, service)
    step("reloaded; killed and restarted", restarts, service, guest)
    newer = with_version(package, "999.0.0-1", folder)
    step("upgraded while it ran, with an edited configuration", upgrades, service, guest, newer)
    for stored in sorted(STORED.iterdir()):
        step(f"opened the data of {stored.name}", opens, service, stored)
    step("backed up", backs_up, service)
    step("removed and purged", goes, service)


def life_of_rpm(service, package, folder):
    """On Debian, so without its dependencies. The administrator enables the unit."""
    machine = service.machine
    shutil.copy(package, machine.root / "root/cognate.rpm")
    machine.run("rpm", "--install", "--nodeps", "/root/cognate.rpm")
    machine.run("systemctl", "enable", "--now", UNIT)
    guest = step("installed, enabled and active, a guest has credentials", installed, service)
    before = service.wait()
    machine.run("rpm", "--upgrade", "--force", "--nodeps", "/root/cognate.rpm")
    wait(lambda: service.property("MainPID") != before and service.is_active(), "the upgraded service")
    assert service.python(USES_A_GUEST, guest).startswith("ASIA")
    step("installed again while it ran", machine.run, "rpm", "--verify", "--nodeps", "--nogroup", "--nouser", "cognate")
    machine.run("rpm", "--erase", "cognate")
    assert machine.call("systemctl", "is-active", UNIT).stdout.strip() == "inactive"
    machine.run("test", "-f", f"{DATA}/cognate.sqlite")
    assert not (machine.root / "usr/bin/cognate").exists()
    step("removed, with its data kept", service.machine.run, "true")
