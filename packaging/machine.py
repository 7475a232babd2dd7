"""A Debian machine that boots: systemd as PID 1 in a container of systemd-nspawn, with a network of its own that only has
loopback. It needs root, systemd-container and mmdebstrap.
"""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SYSTEM = PROJECT / ".tools/debian-machine.tar"
"""The installed system, which is made once."""
PACKAGES = "systemd,systemd-sysv,dbus,adduser,ca-certificates,rpm"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Machine:
    """A machine in `folder`, with a fresh system."""

    def __init__(self, folder):
        for tool in ("systemd-nspawn", "mmdebstrap"):
            if not shutil.which(tool):
                raise SystemExit(f"packaging/test: {tool} is missing: apt install systemd-container mmdebstrap")
        if not SYSTEM.exists():
            SYSTEM.parent.mkdir(exist_ok=True)
            made = SYSTEM.with_suffix(".new.tar")
            command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm", made]
            subprocess.run(command, check=True)
            made.rename(SYSTEM)
        self.root = folder / "machine"
        self.root.mkdir()
        # Device nodes are systemd-nspawn's to make.
        subprocess.run(["tar", "-C", self.root, "--exclude=./dev/*", "-xf", SYSTEM], check=True)
        self.log = folder / "machine.log"
        self._boot()

    def _boot(self):
        command = [
            "systemd-nspawn", "--quiet", "--directory", self.root, "--boot", "--private-network", "--register=no", "--keep-unit",
            "--console=pipe",
        ]
        with self.log.open("wb") as out:
            self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        self._leader = wait(self._child, "a process of the machine")
        wait(lambda: self.call("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), "the machine")

    def _child(self):
        """The machine's PID 1, by its number on this machine."""
        if self._nspawn.poll() is not None:
            raise SystemExit(f"systemd-nspawn ended with {self._nspawn.returncode}:\n{self.log.read_text(errors='replace')}")
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        init = [pid for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"]
        return init[0] if init else None

    def call(self, *words):
        """Runs a command on the machine; its result comes back, whatever it is."""
        command = ["nsenter", "--target", self._leader, "--all", "--", "env", "-i", f"PATH={PATH}", "LANG=C.UTF-8", *words]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def run(self, *words):
        """Runs a command that must succeed; its output."""
        done = self.call(*words)
        assert done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def python(self, script, *words):
        """Runs a script of this machine's Python, with its packages, in the network of the other machine."""
        command = ["nsenter", "--target", self._leader, "--net", "--", sys.executable, "-c", script, *words]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def stop(self):
        if self._nspawn.poll() is None:
            self.call("systemctl", "poweroff")
            try:
                self._nspawn.wait(30)
            except subprocess.TimeoutExpired:
                self._nspawn.send_signal(signal.SIGTERM)
                self._nspawn.wait(30)


def wait(condition, name, seconds=60):
    """What `condition` gives, once it isn't empty."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{name} wasn't ready in {seconds} seconds")
