"""Programs that run beside the tests, each with its log."""

import re
import signal
import subprocess
import time


class Program:
    """A program that was started here. Only its own process is ever stopped."""

    def __init__(self, name, command, log, **options):
        self.name = name
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                **options,
            )

    def text(self):
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, pattern, seconds=30):
        """The first match of `pattern` in what it writes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # Asked before the log is read, so that last words are not missed.
            ended = self.process.poll()
            found = re.search(pattern, self.text(), re.MULTILINE)
            if found:
                return found
            if ended is not None:
                raise AssertionError(f"{self.name} ended with {ended}:\n{self.text()}")
            time.sleep(0.02)
        self.process.kill()
        raise AssertionError(f"{self.name} didn't write {pattern!r} in {seconds} seconds:\n{self.text()}")

    def stop(self, how=signal.SIGTERM, seconds=30):
        """Tells it to stop, and gives its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} didn't stop in {seconds} seconds:\n{self.text()}") from None


def run(command, env, seconds=60, **options):
    """Runs a program to its end; its texts and its status come back, whatever they are."""
    command = [str(word) for word in command]
    options = {"stdin": subprocess.DEVNULL} | options
    return subprocess.run(command, env=env, timeout=seconds, text=True, capture_output=True, **options)
