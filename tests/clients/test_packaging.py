"""The files of packages: what doesn't need a built package. `packaging/test` tests the packages themselves."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from postgresql import Authority
from programs import Program, run
from surroundings import BINARY, PROJECT, environment

PACKAGING = PROJECT / "packaging"


@pytest.mark.parametrize("name", ["one", "three"])
def test_manifests_are_valid(name):
    validate = Path(sys.executable).parent / "kubernetes-validate"
    done = run([validate, "--strict", PACKAGING / f"kubernetes/{name}/cognate.yaml"], environment(PROJECT))
    assert done.returncode == 0, done.stdout + done.stderr
    kustomization = yaml.safe_load((PACKAGING / f"kubernetes/{name}/kustomization.yaml").read_text())
    assert kustomization["resources"] == ["cognate.yaml"]


@pytest.mark.parametrize("name", ["one", "three"])
def test_the_configuration_of_the_manifests_is_valid(name, tmp_path):
    documents = yaml.safe_load_all((PACKAGING / f"kubernetes/{name}/cognate.yaml").read_text())
    [text] = [one["data"]["cognate.toml"] for one in documents if one["kind"] == "ConfigMap"]
    made = run([BINARY, "master-key", "make", tmp_path / "master.key"], environment(tmp_path))
    assert made.returncode == 0, made.stderr
    (tmp_path / "url").write_text("postgres://cognate@db.example.com/cognate")
    (tmp_path / "url").chmod(0o600)
    certificate, key = Authority("pods").issue("id.example.com")
    (tmp_path / "tls.crt").write_text(certificate)
    (tmp_path / "tls.key").write_text(key)
    (tmp_path / "tls.key").chmod(0o600)
    for folder in ("/database/", "/tls/"):
        text = text.replace(folder, f"{tmp_path}/")
    (tmp_path / "cognate.toml").write_text(text.replace('"/data/cognate"', f'"{tmp_path}/data"'))
    env = environment(tmp_path, COGNATE_MASTER_KEY=(tmp_path / "master.key").read_text().strip())
    done = run([BINARY, "check-config", "--config", tmp_path / "cognate.toml"], env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "https://id.example.com" in done.stdout


def test_each_setting_of_the_packages_configuration_can_be_used(tmp_path):
    text = (PACKAGING / "cognate.toml").read_text()
    commented = re.sub(r"^#(?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    used = {line.split(" = ")[0] for line in commented.splitlines() if re.match(r"[a-z_]+ = ", line)}
    assert {"listen", "public_url", "account_id", "data_dir", "trusted_proxies", "seeds"} <= used
    # Unknown keys are mistakes, and files that aren't there: those are the only ones.
    (tmp_path / "cognate.toml").write_text(commented.replace("/var/lib/cognate", str(tmp_path)))
    done = run([BINARY, "check-config", "--config", tmp_path / "cognate.toml"], environment(tmp_path))
    assert "unknown" not in done.stderr.lower(), done.stderr
    (tmp_path / "cognate.toml").write_text(text.replace("/var/lib/cognate", str(tmp_path)))
    done = run([BINARY, "check-config", "--config", tmp_path / "cognate.toml"], environment(tmp_path))
    assert done.returncode == 0, done.stderr


def test_the_image_is_what_the_dockerfile_makes(tmp_path):
    root, layout = tmp_path / "root", tmp_path / "layout"
    root.mkdir()
    (root / "cognate").write_bytes(b"a binary")
    (root / "ca-certificates.crt").write_bytes(b"authorities")
    for _ in range(2):
        subprocess.run([sys.executable, PACKAGING / "image.py", root, layout, "1.2.3"], check=True)
    assert len(list((layout / "blobs/sha256").iterdir())) == 3, "the same input gives the same bytes"
    index = json.loads((layout / "index.json").read_text())

    def blob(description):
        return json.loads((layout / "blobs/sha256" / description["digest"].removeprefix("sha256:")).read_text())

    config = blob(blob(index["manifests"][0])["config"])["config"]
    dockerfile = dict(
        line.split(" ", 1) for line in (PACKAGING / "docker/Dockerfile").read_text().splitlines() if re.match("[A-Z]+ ", line)
    )
    assert config["User"] == dockerfile["USER"]
    assert config["Env"] == dockerfile["ENV"].split(" ")
    assert config["Entrypoint"] == json.loads(dockerfile["ENTRYPOINT"])
    assert config["Cmd"] == json.loads(dockerfile["CMD"])
    assert list(config["Volumes"]) == [dockerfile["VOLUME"]]
    assert list(config["ExposedPorts"]) == [f"{dockerfile['EXPOSE']}/tcp"]


def test_completions_and_man_pages_have_the_commands(tmp_path):
    for shell in ("bash", "zsh", "fish"):
        done = run([BINARY, "completions", shell], environment(tmp_path))
        assert done.returncode == 0 and "check-config" in done.stdout
    done = run([BINARY, "man-pages", tmp_path], environment(tmp_path))
    assert done.returncode == 0, done.stderr
    pages = {page.name for page in tmp_path.glob("*.1")}
    assert {"cognate.1", "cognate-serve.1", "cognate-backup.1"} <= pages


def test_systemd_is_notified_when_the_server_is_ready_and_when_it_stops(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        env = environment(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"))
        server = Program(
            "cognate", [BINARY, "serve", "--listen", "127.0.0.1:0"], tmp_path / "log", cwd=tmp_path,
            env=env | {"COGNATE_DRAIN_DELAY": "0"},
        )
        try:
            assert systemd.recv(100).split(b"\n")[0] == b"READY=1"
            assert "serves on" in server.text()
        finally:
            assert server.stop() == 0
        assert systemd.recv(100).split(b"\n")[0] == b"STOPPING=1"


def test_the_release_workflow_pins_what_it_uses_and_runs_the_tests():
    job = yaml.safe_load((PROJECT / ".github/workflows/release.yaml").read_text())["jobs"]["packages"]
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name) for name in used), used
    run = "\n".join(step.get("run", "") for step in job["steps"])
    assert re.search(r"^packaging/build$.*packaging/test$.*gh release create .* --draft", run, re.MULTILINE | re.DOTALL)
    # What is signed is what the file of checksums lists, and what is attached.
    [signed] = [step["with"] for step in job["steps"] if "attest" in step.get("uses", "")]
    assert signed == {"subject-checksums": "target/packages/SHA256SUMS"}


def test_no_page_installs_a_package_that_is_not_published():
    """Registries have other packages by this name. A command may install a file only."""
    installing = re.compile(r"(?:pip3? install|uvx(?: --from)?|npx|npm (?:install|i)|apt(?:-get)? install|dnf install|docker (?:pull|run)|"
                            r"podman pull|cargo install)\s+(?:-\S+\s+)*(\S*cognate\S*)")
    pages = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
    named = [(page.name, name.strip("`")) for page in pages for name in installing.findall(page.read_text())]
    assert named, "the page of packages has such commands"
    assert [(page, name) for page, name in named if not name.startswith("./")] == []
