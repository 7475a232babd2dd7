"""The AWS CLI as a person runs it: one command, its answer, its exit status and its words."""

import json
import shlex

from programs import run
from surroundings import environment


class AwsCli:
    """The AWS CLI, pointed at a server by AWS_ENDPOINT_URL alone."""

    def __init__(self, server, home):
        self._env = environment(home, AWS_ENDPOINT_URL=server.url)
        self._administrator = {"AWS_ACCESS_KEY_ID": server.key_id, "AWS_SECRET_ACCESS_KEY": server.secret}

    def run(self, command, keys=None):
        """Runs `aws COMMAND`, unsigned unless there are `keys`."""
        words = ["aws", *shlex.split(command)]
        if keys is None:
            words.append("--no-sign-request")
        return run(words, self._env | (keys or {}))

    def ask(self, command, keys=None):
        """The answer of a command that must succeed."""
        done = self.run(command, keys)
        assert done.returncode == 0, f"aws {command}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout else None

    def ask_as_administrator(self, command):
        return self.ask(command, self._administrator)

    def refused(self, command, keys=None):
        """The words of a command that the server must refuse."""
        done = self.run(command, keys)
        # The first version's status for what a service refuses; 252 would be the CLI's own refusal.
        assert done.returncode == 255, f"aws {command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stderr.strip()

    def refused_as_administrator(self, command):
        return self.refused(command, self._administrator)
