"""Measures what a request costs: in Cognate, in a bare axum handler with the same answer, and in emulators.

Started by `run`. The runs are interleaved, so that other load of the machine affects all servers alike.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

import instructions
import issuer
import sampling
import servers
from operations import CONTAINER_CREDENTIALS, OPERATIONS
from servers import BARE, DIST, ROOT
from tables import table


def cryptography(name):
    """Microseconds of one signature (`sign`) or verification (`verify`)."""
    output = subprocess.run([DIST / "floor", name], capture_output=True, text=True, check=True).stdout
    return float(output)


def measure(running, operations, connections, rounds, seconds, count, with_half):
    """Everything in turn, round by round: a list of figures by operation, number of connections and server."""
    found = {}
    crypto = {"verify": [], "sign": []}
    for number in range(rounds):
        for name, figures in crypto.items():
            figures.append(cryptography(name))
        for operation in operations:
            for clients in connections:
                for server in running:
                    batch = f"{number}-{clients}"
                    # A second, and few requests, show how slow an emulator is.
                    amount, duration = (200, 1) if server.is_emulator else (count, seconds)
                    figures = server.load(operation, amount, batch, clients, duration)
                    if server.name == BARE and operation.needs:
                        path = "/" + "/".join(operation.needs)
                        inside = server.load(operation, count, batch, clients, seconds, path)
                        figures["inside"] = inside["cpu"]
                    if with_half and not server.is_emulator:
                        # So many milliseconds from one request of a connection to the next.
                        interval = 2e3 * clients / figures["rate"]
                        half = server.load(operation, count, batch + "-half", clients, seconds, pause=interval)
                        figures["half"], figures["half p99"] = half["rate"], half["p99"]
                    found.setdefault((operation.name, clients, server.name), []).append(figures)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return found, crypto


def figure(values, digits):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def floors(found, crypto, operation, clients):
    """The least that a request can cost, round by round: the bare handler, and the cryptography that the call needs."""
    bare = [figures["cpu"] for figures in found[operation.name, clients, BARE]]
    return [
        cost + sum(crypto[name][number] for name in operation.needs) for number, cost in enumerate(bare)
    ]


def report(found, crypto, operations, connections, running, with_half):
    """Two tables in Markdown: how far each server is from the floor, and what was measured."""
    ratios, every = [], []
    names = [server.name for server in running if server.name != BARE]
    for operation in operations:
        for clients in connections:
            floor = floors(found, crypto, operation, clients)
            row = [operation.name, clients, " + ".join(["bare", *operation.needs]), figure(floor, 1)]
            inside = [figures.get("inside") for figures in found[operation.name, clients, BARE]]
            row.append(figure([cost / least for cost, least in zip(inside, floor)], 2) if operation.needs else "")
            for name in names:
                costs = [figures["cpu"] for figures in found[operation.name, clients, name]]
                # Round by round, because the machine's pace changes between rounds.
                row.append(figure([cost / least for cost, least in zip(costs, floor)], 2))
            ratios.append(row)
            for server in running:
                runs = found[operation.name, clients, server.name]
                column = lambda name, digits: figure([run[name] for run in runs], digits)
                measured = [column("cpu", 1), column("rate", 0), *(column(name, 2) for name in ("p50", "p99", "p99.9"))]
                if with_half:
                    measured += [column("half", 0), column("half p99", 2)] if "half" in runs[0] else ["", ""]
                every.append([operation.name, clients, server.name, *measured])
    memory = ", ".join("{} {} MiB, at most {} MiB".format(server.name, *server.memory()) for server in running)
    notes = [
        f"One verification (RS256) is {figure(crypto['verify'], 1)} µs, one signature (RS512) {figure(crypto['sign'], 1)} µs.",
        f"Memory after the run: {memory}.",
    ]
    heads = ["operation", "connections"]
    half = ["at half: requests/s", "at half: p99, ms"] if with_half else []
    return "\n\n".join([
        table([*heads, "floor", "floor, µs", "bare handler with it inside : floor", *(f"{name} : floor" for name in names)], ratios),
        table([*heads, "server", "µs of processor", "requests/s", "p50, ms", "p99, ms", "p99.9, ms", *half], every),
        *notes,
    ])


def plot(found, crypto, operations, clients):
    """An SVG of what a request costs above the floor: a bar for each operation."""
    rows = []
    for operation in operations:
        floor = statistics.median(floors(found, crypto, operation, clients))
        ours = statistics.median(figures["cpu"] for figures in found[operation.name, clients, "Cognate"])
        rows.append((operation.name, floor, ours))
    scale = 380 / max(ours for _, _, ours in rows)
    height = 34 * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" font-family="sans-serif" font-size="13">',
        f'<text x="10" y="20">Processor time of a request at {clients} connections: the floor (grey) and Cognate</text>',
    ]
    for number, (name, floor, ours) in enumerate(rows):
        y = 34 + 34 * number
        parts += [
            f'<text x="10" y="{y + 17}">{name}</text>',
            f'<rect x="330" y="{y + 2}" width="{ours * scale:.1f}" height="20" fill="#4878a8"/>',
            f'<rect x="330" y="{y + 2}" width="{floor * scale:.1f}" height="20" fill="#b0b0b0"/>',
            f'<text x="{338 + ours * scale:.1f}" y="{y + 17}">{ours / floor:.2f} x</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def system_calls(running, operations):
    rows = []
    for operation in operations:
        counts = [server.system_calls(operation, "system calls") for server in running]
        rows.append([operation.name, *(f"{count:.1f}" for count in counts)])
    return table(["operation", *(server.name for server in running)], rows)


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} processors ({model[1] if model else platform.machine()}), Linux {platform.release()}"


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds of a second: rough figures")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--seconds", type=int, default=2, help="how long each run is")
    parser.add_argument("--users", type=int, default=2000, help="new users, and fresh tokens, of each run")
    parser.add_argument("--connections", default="16,64,256", help="numbers of connections")
    parser.add_argument("--only", default="", help="operations whose name contains this")
    parser.add_argument("--without-emulators", action="store_true", help="leave moto and ministack out")
    parser.add_argument("--half-rate", action="store_true", help="also measure the latency at half of the highest rate")
    parser.add_argument("--identities", default="", help="numbers of identities, measured beside a server with few")
    parser.add_argument("--postgres", action="store_true", help="measure the PostgreSQL store as well")
    parser.add_argument("--beside", metavar="FILE", help="another build of cognate, measured in the same run")
    parser.add_argument("--instructions", action="store_true", help="count instructions with callgrind")
    parser.add_argument("--save", action="store_true", help="with --instructions: record the counts of Cognate")
    parser.add_argument("--check", action="store_true", help="with --instructions: fail if one is 3 %% above its record")
    parser.add_argument("--profiles", metavar="FOLDER", help="with --instructions: also write which functions cost them")
    parser.add_argument("--system-calls", action="store_true", help="count system calls with strace")
    parser.add_argument("--parts", action="store_true", help="show which parts take the time, with perf")
    parser.add_argument("--json", metavar="FILE", help="also write all figures to a file")
    parser.add_argument("--svg", metavar="FILE", help="also write a plot to a file")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.seconds, asked.connections = 2, 1, "64"
    asked.connections = [int(number) for number in asked.connections.split(",")]
    asked.identities = [int(number) for number in asked.identities.split(",") if number]
    return asked


def main():
    asked = arguments()
    all_of_them = [*OPERATIONS, *([CONTAINER_CREDENTIALS] if asked.instructions else [])]
    operations = [operation for operation in all_of_them if asked.only in operation.name]
    provider = issuer.Issuer()
    with contextlib.ExitStack() as stack:
        if asked.instructions:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            running = servers.start(stack, asked, provider, instructions.prefix(folder))
            counts = instructions.count_all(running, operations, folder, BARE, asked.profiles)
            print(instructions.compare(counts, [server.name for server in running]))
            if asked.save:
                instructions.save(counts)
            if asked.check:
                instructions.check(counts)
            return
        running = servers.start(stack, asked, provider)
        if asked.system_calls:
            print(system_calls(running, operations))
            return
        if asked.parts:
            print(sampling.compare(running, operations, BARE))
            return
        found, crypto = measure(
            running, operations, asked.connections, asked.rounds, asked.seconds, asked.users, asked.half_rate
        )
        tables = report(found, crypto, operations, asked.connections, running, asked.half_rate)
    print(
        f"Medians (least–most) of {asked.rounds} interleaved rounds of {asked.seconds} s, or of {asked.users} fresh tokens; "
        f"wrk with one thread on the loopback interface, {machine()}. Client and server share the processors, so requests/s "
        "and latencies compare the servers with each other, and predict nothing.\n\n" + tables
    )
    if asked.json:
        runs = [
            {"operation": operation, "connections": clients, "server": server, "runs": figures}
            for (operation, clients, server), figures in found.items()
        ]
        text = json.dumps({"machine": machine(), "cryptography": crypto, "runs": runs}, indent=1)
        pathlib.Path(asked.json).write_text(text)
    if asked.svg:
        clients = asked.connections[len(asked.connections) // 2]
        pathlib.Path(asked.svg).write_text(plot(found, crypto, operations, clients))


if __name__ == "__main__":
    main()
