"""Attacks on `cognate agent`: by a process without its token, by another user's process, and by a web page."""

import socket
import time

import pytest
import requests

from client_site import start_agent
from javascript import Browser, Site
from programs import run
from surroundings import BINARY, PYTHON, environment
from test_container_credentials import POOL

NOBODY = 65534

PAGE = """<!doctype html><pre></pre><script type="module">
const show = (text) => { document.querySelector("pre").textContent += `${text}\\n`; };
const url = "URL";
const text = (answer) => answer.text().then((body) => body || answer.type);
for (const [name, options] of Object.entries({
  plain: {}, token: { headers: { Authorization: "TOKEN" } }, opaque: { mode: "no-cors" }, cookies: { credentials: "include" },
})) show(`${name}: ${await fetch(url, options).then(text, () => "nothing")}`);
const loaded = (tag) => new Promise((resolve) => {
  const element = Object.assign(document.createElement(tag), { src: url, onload: () => resolve("loaded"), onerror: () => resolve("nothing") });
  document.body.append(element);
});
show(`script: ${await loaded("script")}`);
show(`image: ${await loaded("img")}`);
show("done");
</script>"""


class Owner:
    """The user of an agent, with a profile of the demo pool."""

    def __init__(self, folder, server):
        self.folder = folder
        token = run([BINARY, "dev", "token", "--sub", "runner", "--endpoint", server.url], environment(folder))
        (folder / "token").write_text(token.stdout.strip())
        self.env = environment(folder, COGNATE_USER_DIR=folder / "user", COGNATE_ENDPOINT=server.url)
        words = ["--pool", POOL, "--from", "file", "--token-file", folder / "token", "--no-aws-config"]
        done = run([BINARY, "profile", "add", "me", *words], self.env)
        assert done.returncode == 0, done.stderr
        self.agent, printed = start_agent("me", folder, self.env)
        self.url, self.token = printed[1], printed[2]

    def get(self, **headers):
        return requests.get(self.url, headers=headers, timeout=10)

    def keys(self):
        answer = self.get(Authorization=self.token)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def owner(own_server, tmp_path):
    owner = Owner(tmp_path, own_server(command="dev"))
    yield owner
    owner.agent.stop()


def test_a_process_without_the_token_gets_nothing(owner):
    assert owner.keys()["SecretAccessKey"]
    for headers in ({}, {"Authorization": "x"}, {"Authorization": f"Bearer {owner.token}"}):
        refused = owner.get(**headers)
        assert refused.status_code == 403
        assert refused.json()["Message"].startswith("The token isn't the agent's")
    assert owner.get(Authorization=owner.token, Host="evil.example").status_code == 400
    assert owner.get(Authorization=owner.token, Origin="http://evil.example").status_code == 400
    assert requests.get(f"{owner.url}/other", headers={"Authorization": owner.token}, timeout=10).status_code == 404


def test_another_users_process_finds_no_token(owner):
    """It can connect, and sees the command line. It reads neither the agent's environment nor the files of the user."""
    process = f"/proc/{owner.agent.process.pid}"
    script = f"""
import pathlib, urllib.request, urllib.error
for path in ("{process}/environ", "{process}/mem", "{owner.agent.log}", "{owner.folder}/user/me.credentials.json"):
    try:
        pathlib.Path(path).read_bytes()
        print("read", path)
    except PermissionError:
        print("denied")
print("token" if "{owner.token}" in pathlib.Path("{process}/cmdline").read_text() else "command line")
try:
    print(urllib.request.urlopen("{owner.url}").read())
except urllib.error.HTTPError as error:
    print(error.code)
"""
    # The folders above the user's own are open, so that only the modes of the files are in the way.
    for folder in (owner.folder, *owner.folder.parents[:3]):
        folder.chmod(0o755)
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "/usr/bin/python3", "-c", script]
    done = run(command, {"PATH": "/usr/bin:/bin"})
    assert done.stdout.split("\n")[:-1] == ["denied"] * 4 + ["command line", "403"], done


def test_connections_that_send_nothing_do_not_stop_the_agent(owner):
    host, port = owner.url.split("/")[2].split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(300)]
    try:
        began = time.monotonic()
        assert owner.keys()
        assert time.monotonic() - began < 9
    finally:
        for connection in idle:
            connection.close()


def test_a_web_page_gets_nothing(owner, tmp_path):
    """Not even a page that knows the token."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE.replace("URL", owner.url).replace("TOKEN", owner.token))
    site, browser = Site(folder), Browser(tmp_path / "chromium")
    try:
        shown = browser.wait(site.url, "done")
    finally:
        browser.stop()
        site.stop()
    nothing = ["plain: nothing", "token: nothing", "opaque: opaque", "cookies: nothing", "script: nothing", "image: nothing"]
    assert shown.split("\n")[:6] == nothing
    assert owner.keys()


def test_the_token_is_not_written_to_a_file_that_others_may_read(owner):
    script = f"umask 022; {BINARY} agent --profile me --as-root >exports"
    done = run(["bash", "-c", script], owner.env, cwd=owner.folder)
    assert done.returncode == 1 and "run umask 077 first" in done.stderr
    assert (owner.folder / "exports").read_text() == ""


def test_the_agent_is_not_started_as_root_unless_it_must(owner):
    done = run([BINARY, "agent", "--profile", "me"], owner.env)
    is_root = run(["id", "-u"], owner.env).stdout == "0\n"
    assert not is_root or (done.returncode == 1 and "isn't started as root" in done.stderr)


def test_the_agent_stops_with_its_parent(owner):
    script = f"""
import subprocess, sys
agent = subprocess.Popen([{BINARY!r}, "agent", "--profile", "me", "--as-root", "--with-parent"], stdout=subprocess.PIPE, text=True)
print(agent.pid, agent.stdout.readline(), end="")
"""
    done = run([PYTHON, "-c", script], owner.env)
    url = done.stdout.split("=", 1)[1].strip()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            requests.get(url, timeout=2)
        except requests.ConnectionError:
            return
        time.sleep(0.2)
    raise AssertionError("the agent goes on")
