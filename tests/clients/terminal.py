"""A terminal in which a person types commands: tmux, with a server of its own."""

import re
import time

from programs import run


class Terminal:
    """A shell in a terminal that is wide enough for a URL."""

    def __init__(self, folder, env):
        folder.mkdir()
        self._env = env
        self._tmux = ["tmux", "-S", folder / "socket", "-f", "/dev/null"]
        self._do("new-session", "-d", "-x", "1000", "-y", "60", "/bin/sh")

    def _do(self, *words):
        done = run([*self._tmux, *words], self._env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def type(self, line):
        """Types a command."""
        self._do("send-keys", "-l", line)
        self._do("send-keys", "Enter")

    def text(self):
        """What the terminal shows, without the ends of lines that have only spaces."""
        return "\n".join(line.rstrip() for line in self._do("capture-pane", "-p", "-J").split("\n"))

    def wait_for(self, pattern, seconds=30):
        """The first match of `pattern` in what it shows."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = re.search(pattern, self.text(), re.MULTILINE)
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"the terminal doesn't show {pattern!r}:\n{self.text()}")

    def stop(self):
        """Ends the terminal with the programs in it."""
        self._do("kill-server")
