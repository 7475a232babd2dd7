"""What a request costs in instructions, by callgrind: repeatable where times are not."""

import asyncio
import collections
import json
import pathlib
import re
import subprocess
import sys
import urllib.parse

from tables import table

CONNECTIONS = 64
WARM = 640
COUNTED = 1280
LISTED = 80
RECORDED = pathlib.Path(__file__).parent / "instructions.json"


def prefix(folder):
    """The words before a command that run it under callgrind."""
    out = pathlib.Path(folder) / "callgrind.%p"
    return ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={out}"]


def count(server, folder, operation, path="/"):
    """The dump with the instructions of COUNTED requests, of all threads, after WARM others."""
    bodies = server.bodies(operation, WARM + COUNTED, "instructions")
    requests = [encoded(server, operation, path, bodies[number % len(bodies)]) for number in range(WARM + COUNTED)]
    asyncio.run(send(server, requests[:WARM], operation))
    control(server, "--zero")
    asyncio.run(send(server, requests[WARM:], operation))
    control(server, f"--dump={operation.name}")
    dumps = pathlib.Path(folder).glob(f"callgrind.{server.pid()}.*")
    return max(dumps, key=lambda dump: int(dump.suffix[1:]))


def encoded(server, operation, path, body):
    if operation.path:
        address = urllib.parse.urlsplit(server.url).netloc
        path = operation.path.format(pool=server.requests.pool)
        return f"GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {body}\r\n\r\n".encode()
    headers = {"Host": urllib.parse.urlsplit(server.url).netloc, **operation.headers(server.url, body)}
    headers["Content-Length"] = str(len(body.encode()))
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", body]).encode()


async def send(server, requests, operation):
    """Sends all requests on CONNECTIONS connections, on each the next one after the answer."""
    address = urllib.parse.urlsplit(server.url)

    async def client(mine):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for request in mine:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = re.search(r"content-length: (\d+)", head)
            text = await reader.readexactly(int(length[1]))
            if " 200 " not in head.partition("\r\n")[0]:
                raise SystemExit(f"{server.name} refuses {operation.name}: {text[:500]}")
        writer.close()

    clients = (client(requests[number::CONNECTIONS]) for number in range(CONNECTIONS))
    await asyncio.gather(*clients)


def control(server, what):
    command = ["callgrind_control", what, str(server.pid())]
    subprocess.run(command, capture_output=True, check=True)


def total(dump):
    """Thousands of instructions of one request."""
    found = re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.MULTILINE)
    return int(found[1]) / COUNTED / 1000


def profile(dump):
    """The functions that cost most, by the instructions of a request: those of their own, and with what they call."""
    names, own = {}, collections.Counter()
    function, is_call = None, False
    for line in dump.read_text(errors="replace").splitlines():
        if found := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
            if found[2]:
                names[found[1]] = found[2]
            if line.startswith("fn"):
                function = found[1]
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[\d+*-]", line):
            if not is_call:
                own[function] += int(line.split()[-1])
            is_call = False
    lists = ["instructions of a request, their own:"]
    lists += [f"{cost / COUNTED:10.0f}  {shorten(names[number])}" for number, cost in own.most_common(LISTED)]
    lists += ["instructions of a request, with what they call:"]
    command = ["callgrind_annotate", "--inclusive=yes", "--threshold=99.9", "--show-percs=no", str(dump)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [re.match(r"\s*([\d,]+)\s+(?:\S*:)?(.*?)(?: \[.*\])?$", line) for line in lines]
    rows = [(int(row[1].replace(",", "")) / COUNTED, row[2]) for row in rows if row]
    lists += [f"{cost:10.0f}  {shorten(name)}" for cost, name in rows[: 3 * LISTED]]
    return "\n".join(lists) + "\n"


def shorten(name):
    return re.sub(r"::h[0-9a-f]{16}", "", name)[:160]


def compare(counts, names):
    """A table in Markdown: thousands of instructions of a request, and their ratio to those of Cognate."""
    rows = []
    for operation, figures in counts.items():
        first = figures[names[0]]
        cells = (f"{figures[name]:.1f} ({figures[name] / first:.3f})" if name in figures else "" for name in names)
        rows.append([operation, *cells])
    return table(["operation", *names], rows)


def count_all(servers, operations, folder, floors, profiles=None):
    """Thousands of instructions of a request, by operation and server."""
    found = {}
    for operation in operations:
        for server in servers:
            if operation.path and server.name != "Cognate":
                continue
            path = "/" + "/".join(operation.needs if server.name == floors else [])
            dump = count(server, folder, operation, path)
            figure = found.setdefault(operation.name, {})[server.name] = total(dump)
            print(f"{operation.name}, {server.name}: {figure:.1f}", file=sys.stderr)
            if profiles:
                name = re.sub(r"\W+", "-", f"{operation.name} {server.name}")
                (pathlib.Path(profiles) / f"{name}.txt").write_text(profile(dump))
    return found


def compiler():
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def save(counts):
    """Records the counts of Cognate as those that `check` compares with."""
    figures = {operation: round(figures["Cognate"], 1) for operation, figures in counts.items()}
    RECORDED.write_text(json.dumps({"rustc": compiler(), "thousands": figures}, indent=1) + "\n")


def check(counts):
    """Ends with an error if an operation costs over 3 % more than recorded. Other compilers have other counts."""
    recorded = json.loads(RECORDED.read_text())
    if compiler() != recorded["rustc"]:
        raise SystemExit(f"the counts were recorded with {recorded['rustc']}; this is {compiler()}")
    slower = [
        f"{operation}: {figures['Cognate']:.1f}, recorded {recorded['thousands'][operation]}"
        for operation, figures in counts.items()
        if figures["Cognate"] > recorded["thousands"][operation] * 1.03
    ]
    if slower:
        raise SystemExit("more thousands of instructions than recorded:\n" + "\n".join(slower))
    print("no operation costs over 3 % more instructions than recorded")
    same = ("Container credentials", "GetCredentialsForIdentity")
    container, api = (counts.get(f"{name}, same token again") for name in same)
    if container and api and container["Cognate"] > 1.5 * api["Cognate"]:
        raise SystemExit("container credentials cost over 1.5 times as much as GetCredentialsForIdentity")
