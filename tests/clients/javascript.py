"""The AWS SDK for JavaScript and Amplify, in Node and in a page of headless Chromium."""

import functools
import json
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from programs import run
from surroundings import CHROMIUM, HERE, NODE, REGION, environment


class Lines:
    """A program in Node that answers a line of JSON with a line of JSON."""

    def __init__(self, folder, script, *arguments):
        folder.mkdir(exist_ok=True)
        self.log = folder / "stderr.log"
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in (NODE, HERE / script, *arguments)],
                env=environment(folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def ask(self, question):
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"no answer:\n{self.log.read_text()}"
        return json.loads(line)

    def stop(self):
        self._process.stdin.close()
        try:
            self._process.wait(10)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()


class Site:
    """A folder that is served on a port, and so an origin, of its own."""

    def __init__(self, folder):
        handler = functools.partial(QuietHandler, directory=folder)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_):
        pass


class InNode:
    """The SDK in Node."""

    def __init__(self, folder, endpoint):
        self._endpoint = endpoint
        self._lines = Lines(folder, "in_node.mjs", "sdk.mjs")

    def ask(self, what, **rest):
        return self._lines.ask({"ask": what, "endpoint": self._endpoint, "region": REGION, **rest})

    def stop(self):
        self._lines.stop()


class AmplifyInNode:
    """Amplify in Node. It keeps who is signed in while a program runs, so each question has a program of its own."""

    def __init__(self, folder):
        self._folder = folder

    def ask(self, what, **rest):
        lines = Lines(self._folder, "in_node.mjs", "amplify.mjs")
        try:
            return lines.ask({"ask": what, **rest})
        finally:
            lines.stop()


class Browser:
    """Headless Chromium with a profile of its own."""

    def __init__(self, folder):
        self._lines = Lines(folder, "in_chromium.mjs", CHROMIUM, folder / "profile")

    def call(self, page, function, argument):
        """What a function of a page, freshly loaded, answers."""
        return self._lines.ask({"page": page, "call": function, "argument": argument})

    def read(self, page):
        """The text of a page, once it has one."""
        return self._lines.ask({"page": page})

    def press(self, page, buttons, until):
        """The text that follows, once it has `until`, when buttons are pressed, each on the page that the last led to. A pair
        is the placeholder of a field and what to write there."""
        return self._lines.ask({"page": page, "press": buttons, "until": until})

    def wait(self, page, until):
        """The text of a page, once it has `until`."""
        return self._lines.ask({"page": page, "until": until})

    def stop(self):
        self._lines.stop()


class InChromium:
    """The SDK in a page in Chromium. The page's origin is not the server's."""

    def __init__(self, folder, endpoint):
        self._endpoint = endpoint
        self._browser = Browser(folder)
        bundle(HERE / "page.mjs", folder / "site" / "page.js", folder)
        (folder / "site" / "index.html").write_text('<!doctype html><script type="module" src="page.js"></script>')
        self.site = Site(folder / "site")

    def ask(self, what, **rest):
        question = {"ask": what, "endpoint": self._endpoint, "region": REGION, **rest}
        return self._browser.call(self.site.url, "answer", question)

    def ask_amplify(self, what, **rest):
        return self._browser.call(self.site.url, "amplify", {"ask": what, **rest})

    def see(self, url, headers=None, body=None):
        """What a page may see of the answer to a request of its own."""
        return self._browser.call(self.site.url, "see", {"url": url, "headers": headers or {}, "body": body})

    def stop(self):
        self.site.stop()
        self._browser.stop()


def bundle(script, out, home):
    """Makes one file for browsers of a script and the packages that it imports."""
    esbuild = HERE / "node_modules/.bin/esbuild"
    # The package says which of its files is for browsers, in a form that esbuild doesn't understand.
    providers = "@aws-sdk/credential-providers"
    alias = f"--alias:{providers}={HERE}/node_modules/{providers}/dist-es/index.browser.js"
    options = ["--bundle", "--format=esm", "--platform=browser", "--log-level=warning", alias, f"--outfile={out}"]
    done = run([esbuild, script, *options], environment(home))
    assert done.returncode == 0, done.stderr
