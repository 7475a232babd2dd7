"""From each package to credentials, in a root that has nothing of the toolchain. Started by `test`.

A root is a folder in which the package was unpacked, entered with chroot as another user. It has no shell, and no libraries
except those that the package needs.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = PROJECT / "target/packages"
POOL = "us-east-1:c09a7e00-0000-4000-8000-000000000001"
LONGEST = 60
"""The most seconds from a package to credentials."""
USER = 54321
"""A user that no package knows."""


def one(pattern):
    found = sorted(PACKAGES.glob(pattern))
    assert found, f"there is no {pattern} in {PACKAGES}: run packaging/build"
    return found[-1]


def binary_of(name, root):
    """Unpacks a package into `root`; the path of the binary in it."""
    if name == "binary":
        with tarfile.open(one("cognate-*-gnu.tar.gz")) as tar:
            tar.extractall(root, filter="data")
        return "/cognate"
    if name == "deb":
        subprocess.run(["dpkg-deb", "--extract", one("*.deb"), root], check=True)
        return "/usr/bin/cognate"
    if name == "rpm":
        cpio = subprocess.run(["rpm2cpio", one("*.rpm")], check=True, capture_output=True).stdout
        subprocess.run(["cpio", "--extract", "--make-directories", "--quiet"], input=cpio, cwd=root, check=True)
        return "/usr/bin/cognate"
    if name == "image":
        return unpack_image(PACKAGES / "image", root)
    if name == "wheel":
        with zipfile.ZipFile(one("*.whl")) as wheel:
            [member] = [name for name in wheel.namelist() if name.endswith("/scripts/cognate")]
            (root / "cognate").write_bytes(wheel.read(member))
        (root / "cognate").chmod(0o755)
        return "/cognate"
    if name == "npm":
        with tarfile.open(one("cognate-server-*.tgz")) as tar:
            tar.extractall(root, filter="data")
        (root / "package/cognate").chmod(0o755)
        return "/package/cognate"
    raise SystemExit(f"there is no package {name}")


def unpack_image(layout, root):
    """Follows the layout from its index to the layers, and checks each digest."""

    def blob(description):
        content = (layout / "blobs/sha256" / description["digest"].removeprefix("sha256:")).read_bytes()
        assert len(content) == description["size"]
        assert "sha256:" + hashlib.sha256(content).hexdigest() == description["digest"]
        return content

    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads(blob(index["manifests"][0]))
    config = json.loads(blob(manifest["config"]))
    for description in manifest["layers"]:
        packed = tempfile.TemporaryFile()
        packed.write(blob(description))
        packed.seek(0)
        with tarfile.open(fileobj=packed, mode="r:gz") as tar:
            tar.extractall(root, filter="tar")
    assert config["config"]["User"] == "65532:65532"
    assert not (root / "bin").exists(), "the image has no shell"
    return config["config"]["Entrypoint"][0]


def enter(root, *words):
    """A command in the root, as a user of its own, who can write in /data and /tmp only."""
    return ["/usr/sbin/chroot", f"--userspec={USER}:{USER}", str(root), *words]


def credentials(name):
    """The seconds from the package to credentials."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        root = Path(folder) / "root"
        root.mkdir(mode=0o755)
        binary = binary_of(name, root)
        for writable in ("data", "tmp"):
            (root / writable).mkdir(exist_ok=True)
            (root / writable).chmod(0o1777)
        env = {"COGNATE_DATA_DIR": "/data/cognate", "TMPDIR": "/tmp"}
        command = enter(root, binary, "dev", "--listen", "127.0.0.1:0")
        server = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            lines = []
            for line in server.stdout:
                lines.append(line)
                if found := re.search(r"serves on (http\S+)", line):
                    break
            else:
                raise AssertionError("".join(lines))
            url = found[1]
            health = subprocess.run(enter(root, binary, "health", "--endpoint", url), env=env)
            assert health.returncode == 0
            made = subprocess.run(
                enter(root, binary, "dev", "token", "--endpoint", url, "--sub", "alice", "--login"),
                env=env, capture_output=True, text=True, check=True,
            )
            config = Config(signature_version=UNSIGNED)
            cognito = boto3.client("cognito-identity", endpoint_url=url, region_name="us-east-1", config=config)
            identities = set()
            for logins in ({}, {"Logins": dict([made.stdout.strip().split("=", 1)])}):
                identity = cognito.get_id(IdentityPoolId=POOL, **logins)["IdentityId"]
                answer = cognito.get_credentials_for_identity(IdentityId=identity, **logins)
                assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
                identities.add(identity)
            assert len(identities) == 2
            return time.monotonic() - began
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()


def contents():
    """Sizes, and that no path of the build machine is in the binary."""
    binary = PACKAGES / "image-root/cognate"
    text = binary.read_bytes()
    for path in (str(PROJECT), str(Path.home() / ".cargo"), str(Path.home() / ".rustup")):
        assert path.encode() not in text, f"the binary contains {path}"
    size = len(text)
    print(f"{'static binary':<16}{size / 1e6:6.1f} MB")
    assert size < 30e6
    for package in sorted(PACKAGES.iterdir()):
        if package.is_file() and package.name != "SHA256SUMS":
            print(f"{package.name:<60}{package.stat().st_size / 1e6:6.1f} MB")


def main():
    names = sys.argv[1:] or ["binary", "deb", "rpm", "image", "wheel", "npm"]
    if os.geteuid() != 0:
        raise SystemExit("packaging/test: a chroot needs root")
    contents()
    for name in names:
        seconds = credentials(name)
        print(f"{name:<16}{seconds:6.2f} s to credentials of a guest and a user")
        assert seconds < LONGEST


if __name__ == "__main__":
    main()
