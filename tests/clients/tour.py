"""Takes the tour of a document: its fenced blocks whose info string has the word `tour`.

    ```sh tour        for the shell in which the whole tour is taken
    ```python tour    for Python, started in that shell
    ```js tour        for Node as a module, started in that shell

They run in one folder and in their order, up to the first that fails.
"""

import re

from programs import run
from surroundings import HERE, environment

WRITTEN = "127.0.0.1:2646"
"""The address that documents name. The server of the tests has another, which is put in its place."""

_FENCE = re.compile(r"^```(\w+) ([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_START = {"python": ("py", "python3"), "js": ("mjs", "node")}

# In the place of npm: the packages that a tour installs are those that are pinned here.
_NPM = f"""#!/bin/sh
[ "$1" = install ] && shift || exit 1
for package; do
    case $package in -*) continue ;; esac
    [ -e "{HERE}/node_modules/$package" ] || {{ echo "$package is not among the pinned packages" >&2; exit 1; }}
done
ln -sfn "{HERE}/node_modules" node_modules
"""


def blocks(document):
    """Language and text of the blocks of a tour, in their order."""
    found = [(language, text) for language, words, text in _FENCE.findall(document) if "tour" in words.split()]
    unknown = {language for language, _ in found} - {"sh", *_START}
    assert not unknown, f"nothing is known of how to run {unknown}"
    return found


def take(document, server, **variables):
    """Runs the tour of `document` in the folder of `server`, with `variables` in the environment; gives what each block
    has printed."""
    tools = server.folder / ".tools"
    tools.mkdir(exist_ok=True)
    (tools / "npm").write_text(_NPM)
    (tools / "npm").chmod(0o755)
    env = environment(server.folder, **variables)
    env["PATH"] = f"{tools}:{env['PATH']}"
    # Where the tools look for keys and regions is the tour's to say.
    for name in ("AWS_DEFAULT_REGION", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        del env[name]
    script = ["exec 2>&1"]
    for number, (language, text) in enumerate(blocks(document)):
        text = text.replace(WRITTEN, server.url.removeprefix("http://"))
        if language != "sh":
            ending, program = _START[language]
            (server.folder / f"block-{number}.{ending}").write_text(text)
            text = f"{program} block-{number}.{ending}\n"
        script.append(f"printf '\\n== block {number} ==\\n'\n{text}")
    done = run(["bash", "-eo", "pipefail", "-c", "\n".join(script)], env, seconds=300, cwd=server.folder)
    assert done.returncode == 0, f"the tour ended with {done.returncode}:\n{done.stdout}"
    return re.split(r"\n== block \d+ ==\n", done.stdout)[1:]
