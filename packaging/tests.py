"""From each package to credentials, in a root that has nothing of the toolchain. Started by `test`.

A root is a folder in which the package was unpacked, entered with chroot as another user, or for the image with bwrap, which
makes it read-only. It has no shell, and no libraries except those that the package needs.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from functools import partial
from pathlib import Path

import boto3
from botocore import UNSIGNED
from botocore.config import Config

import book
from service import life

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
        # Its status is 1 even after the last byte, of any payload. cpio notices what is missing.
        cpio = subprocess.run(["rpm2cpio", one("*.rpm")], capture_output=True).stdout
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


def enter(name, root, *words):
    """A command in the root, as a user of its own, who can write in /data and /tmp only."""
    if name == "image":
        return read_only(root, *words)
    return ["/usr/sbin/chroot", f"--userspec={USER}:{USER}", str(root), *words]


def read_only(root, *words):
    """A command in a container without capabilities: its root is read-only, with a volume and a temporary file system."""
    user = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--no-new-privs"]
    mounts = ["--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
    volume = ["--bind", str(root / "data"), "/data"]
    return [*user, "bwrap", *mounts, *volume, "--unshare-all", "--share-net", "--die-with-parent", *words]


def check_container(root, bwrap):
    """The server's root is mounted read-only, the server has no capabilities, and there is no shell to run."""
    found = [Path("/proc") / pid for pid in descendants(bwrap)]
    [process] = [process for process in found if (process / "comm").read_text().strip() == "cognate"]
    [options] = [line.split()[5] for line in (process / "mountinfo").read_text().splitlines() if line.split()[4] == "/"]
    assert "ro" in options.split(",")
    assert re.search(r"^CapEff:\t0+$", (process / "status").read_text(), re.MULTILINE)
    shell = subprocess.run(read_only(root, "/bin/sh", "-c", "true"), capture_output=True, text=True)
    assert shell.returncode != 0 and "No such file" in shell.stderr


def descendants(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in children for each in (child, *descendants(child))]


def credentials(name):
    """The seconds from the package to credentials."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        root = Path(folder) / "root"
        root.mkdir(mode=0o755)
        Path(folder).chmod(0o755)
        binary = binary_of(name, root)
        for writable in ("data", "tmp"):
            (root / writable).mkdir(exist_ok=True)
            (root / writable).chmod(0o1777)
        if name == "image":
            # As engines do, for the mounts that every container has.
            for mounted in ("proc", "dev"):
                (root / mounted).mkdir()
        env = {"COGNATE_DATA_DIR": "/data/cognate", "TMPDIR": "/tmp"}
        command = enter(name, root, binary, "dev", "--listen", "127.0.0.1:0")
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
            health = subprocess.run(enter(name, root, binary, "health", "--endpoint", url), env=env)
            assert health.returncode == 0
            if name == "image":
                check_container(root, server.pid)
            made = subprocess.run(
                enter(name, root, binary, "dev", "token", "--endpoint", url, "--sub", "alice", "--login"),
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
    target = os.environ.get("CARGO_TARGET_DIR", PROJECT / "target")
    for path in (PROJECT, target, Path.home() / ".cargo", Path.home() / ".rustup"):
        assert str(path).encode() not in text, f"the binary contains {path}"
    paths = re.findall(rb"/(?:root|home|tmp|build)/[\w./-]+\.(?:rs|c|h)\b", text)
    assert not paths, f"the binary contains source paths: {paths[:3]}"
    size = len(text)
    print(f"{'static binary':<60}{size / 1e6:6.1f} MB, without source paths")
    assert size < 30e6
    for package in sorted(PACKAGES.iterdir()):
        if package.is_file() and package.name != "SHA256SUMS":
            print(f"{package.name:<60}{package.stat().st_size / 1e6:6.1f} MB")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=PACKAGES, check=True)


def components():
    """The list of contents has all that is linked or runs when the binary is built, and nothing that isn't in Cargo.lock."""
    listed = json.loads(one("*.cdx.json").read_text())["components"]
    listed = {(part["name"], part["version"]) for part in listed}
    host = re.search(r"^host: (.*)$", subprocess.check_output(["rustc", "-vV"], text=True), re.MULTILINE)[1]
    tree = ["cargo", "tree", "--locked", "--target", host, "--features", "otel", "--edges", "normal,build", "--prefix", "none"]
    lines = subprocess.check_output(tree, cwd=PROJECT, text=True).splitlines()
    needed = {tuple(line.split()[:2]) for line in lines if line}
    needed = {(name, version.removeprefix("v")) for name, version in needed if name != "cognate"}
    assert needed <= listed, sorted(needed - listed)
    locked = tomllib.loads((PROJECT / "Cargo.lock").read_text())["package"]
    locked = {(part["name"], part["version"]) for part in locked if part["name"] != "cognate"}
    assert listed <= locked, sorted(listed - locked)
    # cargo-cyclonedx resolves with the features that only tests need, so that it lists a few packages more.
    print(f"list of contents: {len(listed)} of the {len(locked)} packages in Cargo.lock; the binary needs {len(needed)}")


def licences():
    """The rules of deny.toml that need no database of vulnerabilities."""
    deny = [PROJECT / ".tools/packaging/bin/cargo-deny", "--all-features", "--offline", "check", "licenses", "bans", "sources"]
    done = subprocess.run(deny, cwd=PROJECT, capture_output=True, text=True)
    print(done.stdout.strip() or done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr


def workflow():
    """The workflow of releases is well-formed, and has none of the known weaknesses."""
    file = PROJECT / ".github/workflows/release.yaml"
    command = [PROJECT / ".tools/packaging/bin/zizmor", "--offline", "--no-progress", "--quiet", file]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"release workflow: {done.stdout.strip().splitlines()[-1]}")


def installed(name):
    """The package, installed by the tool of its users, runs."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "wheel":
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            tool = [f"{folder}/bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", one("*.whl")]
            program = f"{folder}/bin/cognate"
        else:
            tool = ["npm", "install", "--silent", "--offline", "--prefix", folder, one("cognate-server-*.tgz")]
            program = f"{folder}/node_modules/.bin/cognate"
        subprocess.run(tool, check=True)
        version = subprocess.check_output([program, "--version"], text=True)
        assert version.startswith("cognate "), version


def packaged(name):
    """From one package to credentials."""
    if name in ("wheel", "npm"):
        installed(name)
    seconds = credentials(name)
    print(f"{name:<16}{seconds:6.2f} s to credentials of a guest and a user")
    assert seconds < LONGEST


def service(family):
    """The life of a service on a machine that boots."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        print(f"the service of the {family} package:", flush=True)
        life(one(f"*.{family}"), Path(folder))
        print(f"    {time.monotonic() - began:.0f} s")


CHECKS = {name: partial(packaged, name) for name in ("binary", "deb", "rpm", "image", "wheel", "npm")} | {
    "contents": contents,
    "sbom": components,
    "licences": licences,
    "workflow": workflow,
    "book": lambda: book.check(PROJECT / "target/book/html"),
    "service": lambda: [service(family) for family in ("deb", "rpm")],
}


def main():
    names = sys.argv[1:] or list(CHECKS)
    if unknown := set(names) - set(CHECKS):
        raise SystemExit(f"packaging/test: there is no {' '.join(unknown)}. Use some of: {' '.join(CHECKS)}")
    if os.geteuid() != 0:
        raise SystemExit("packaging/test: a chroot needs root")
    for name in names:
        CHECKS[name]()


if __name__ == "__main__":
    main()
