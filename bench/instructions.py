"""Counts the instructions that a request costs, by callgrind: repeatable where times are not.

Started by `run --instructions`. One connection sends a request some hundred times, after as many that warm the caches up.
"""

import http.client
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

HEADERS = {"Content-Type": "application/x-amz-json-1.1"}
WARM = 300
COUNTED = 300


def prefix(folder):
    """The words before a command that run it under callgrind."""
    out = pathlib.Path(folder) / "callgrind.%p"
    return ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={out}"]


def count(server, folder, operation, body, path="/"):
    """The instructions of one request, in thousands: of all threads, by the difference between two dumps."""
    host = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=120)
    connection.connect()

    def send(times):
        for _ in range(times):
            headers = {**HEADERS, "X-Amz-Target": "AWSCognitoIdentityService." + operation}
            connection.request("POST", path, body.encode(), headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise SystemExit(f"{server.name} refuses {operation}: {text[:500]}")

    send(WARM)
    control(server, "--zero")
    send(COUNTED)
    control(server, f"--dump={operation}")
    connection.close()
    return total(server, folder) / COUNTED / 1000


def control(server, what):
    command = ["callgrind_control", what, str(server.pid())]
    subprocess.run(command, capture_output=True, check=True)


def total(server, folder):
    """The total of the newest dump."""
    dumps = pathlib.Path(folder).glob(f"callgrind.{server.pid()}.*")
    newest = max(dumps, key=lambda dump: int(dump.suffix[1:]))
    found = re.search(r"^(?:totals|summary): (\d+)", newest.read_text(), re.MULTILINE)
    return int(found[1])


def table(servers, operations, folder, floors):
    """A table in Markdown: thousands of instructions a request, and their ratio to those of Cognate."""
    heads = ["operation", *(server.name for server in servers)]
    rows = []
    for name, operation, body, needs in operations:
        row = [name]
        for server in servers:
            path = "/" + "/".join(needs if server.name == floors else [])
            row.append(count(server, folder, operation, server.bodies[body], path))
            print(f"{name}, {server.name}: {row[-1]:.1f}", file=sys.stderr)
        rows.append([row[0], *(f"{figure:.1f} ({figure / row[1]:.3f})" for figure in row[1:])])
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
