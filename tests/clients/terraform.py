"""Terraform with the provider hashicorp/aws, unmodified. No package registry has them: both are looked for on this
machine. `python terraform.py` says what is missing, or nothing.
"""

import json
import shutil
from pathlib import Path

from programs import run
from surroundings import CALLER, HERE, environment

FOLDERS = [
    "~/.terraform.d/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/tf-plugins",
]
"""Where plugins are customarily kept. TERRAFORM_PLUGINS names another folder."""

CONFIGURATION = HERE / "terraform"


def plugins():
    """The first folder that has the provider for this machine, laid out as Terraform's `filesystem_mirror`; or None."""
    named = CALLER.get("TERRAFORM_PLUGINS")
    for folder in [named] if named else FOLDERS:
        folder = Path(folder).expanduser()
        provider = folder / "registry.terraform.io/hashicorp/aws"
        # A folder for each version and platform, or a zip.
        if any(provider.glob("*/linux_*/*")) or any(provider.glob("*.zip")):
            return folder
    return None


def program():
    return shutil.which("terraform", path=CALLER.get("PATH"))


def missing():
    """What these tests can't do without and isn't there, in words; or None."""
    if not program():
        return "there is no terraform on the PATH"
    if not plugins():
        return f"hashicorp/aws is in none of {CALLER.get('TERRAFORM_PLUGINS') or ', '.join(FOLDERS)}"
    return None


class Terraform:
    """A working folder with files of CONFIGURATION, applied to a server by its administrator."""

    def __init__(self, folder, server, file="main.tf", **variables):
        self._folder = folder
        self.add(file, endpoint=server.url, **variables)
        settings = folder / "terraformrc"
        mirror = f'filesystem_mirror {{\n    path = "{plugins()}"\n  }}'
        settings.write_text(f"provider_installation {{\n  {mirror}\n}}\n")
        self._env = environment(
            folder,
            TF_CLI_CONFIG_FILE=settings,
            CHECKPOINT_DISABLE=1,
            AWS_ACCESS_KEY_ID=server.key_id,
            AWS_SECRET_ACCESS_KEY=server.secret,
        )
        self.run("init")

    def add(self, file, **variables):
        """Adds a file of CONFIGURATION, and variables that it has."""
        shutil.copy(CONFIGURATION / file, self._folder)
        self.set(**variables)

    def set(self, **variables):
        """Sets variables of the configuration, beside those that were set before."""
        file = self._folder / "terraform.tfvars.json"
        before = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(before | variables))

    def run(self, command, *flags, status=0):
        """What `terraform COMMAND` has printed, if it ended as it should."""
        words = [program(), command, "-no-color", "-input=false", *flags]
        done = run(words, self._env, seconds=300, cwd=self._folder)
        assert done.returncode == status, f"terraform {command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def apply(self):
        """Applies the configuration; what was done, counted in Terraform's words."""
        return counted(self.run("apply", "-auto-approve"), "Apply complete! Resources: ")

    def plans_nothing(self):
        """Whether a plan finds no difference between the configuration, the state and the server."""
        # With this flag it ends with 2 where it finds one.
        return "No changes." in self.run("plan", "-detailed-exitcode")

    def outputs(self):
        state = json.loads(self._state().read_text())
        return {name: found["value"] for name, found in state["outputs"].items()}

    def forget(self):
        """Makes it forget all that it has made."""
        self._state().unlink()

    def _state(self):
        return self._folder / "terraform.tfstate"

    def destroy(self):
        return counted(self.run("destroy", "-auto-approve"), "Destroy complete! Resources: ")


def counted(printed, before):
    """The counts in the line that starts with `before`."""
    lines = [line for line in printed.splitlines() if line.startswith(before)]
    assert lines, printed
    return lines[-1].removeprefix(before).removesuffix(".")


if __name__ == "__main__":
    print(missing() or "", end="")
