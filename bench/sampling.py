"""Which parts of a server take the processor time of a request, by sampling with perf."""

import collections
import re
import shutil
import subprocess
import tempfile

from tables import table

RATE = 4000
CONNECTIONS = 64
SECONDS = 4
FRESH = 20_000

# The parts, by the names of functions and of the file that they are in; the first that matches.
PARTS = {
    "kernel": r"\(\[kernel",
    "RSA": r"bn_|rsaz|rsa_|RSA_|BN_",
    "hashes, AES, random numbers": r"aws_lc|aes|ghash|gcm|zeroize|crc32",
    "SQLite": r"sqlite|[wW]al[A-Z]|[pP]cache|Vdbe|[bB]tree|[pP]ager|balance|[cC]ell|[pP]age[A-Z]|unix[A-Z]|releaseMem|moveTo|seekAnd|"
    r"accessPayload|freeP|freeSpace|columnMem|applyAff|findCompare|robust|posix|vdbe|pread|pwrite",
    "allocator": r"\bmi_|_mi_|alloc|\bfree|raw_vec|drop_slow",
    "copies and comparisons": r"__mem|__str",
    "JSON, base64, UTF-8": r"serde|json|base64|utf8|[sS]erialize",
    "HTTP": r"hyper|http|axum|tower|matchit|bytes::|writev|recv",
    "tokio, locks, clock": r"tokio|mio::|futex|pthread|clock|vdso|arc_swap|crossbeam|jiff|std::time|epoll|syscall",
    "metrics, spans": r"metrics|tracing|prometheus|opentelemetry",
    "maps, formats, searches": r"hashbrown|hash|sip::|fmt|indexmap|memchr|regex|pattern|uuid",
    "Cognate": r"cognate",
    "others": r"",
}


def parts(server, operation):
    """Microseconds of processor of a request, by part."""
    if not shutil.which("perf"):
        raise SystemExit("perf is missing: apt-get install linux-perf")
    # They take longer to make than to send.
    server.bodies(operation, FRESH, "sampling")
    with tempfile.NamedTemporaryFile(suffix=".perf") as file:
        command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(RATE), "-o", file.name, "-p", str(server.pid())]
        recorder = subprocess.Popen([*command, "--", "sleep", str(SECONDS)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cost = server.load(operation, FRESH, "sampling", CONNECTIONS, SECONDS)["cpu"]
        recorder.wait()
        command = ["perf", "script", "-i", file.name, "-F", "ip,sym,dso"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    counts = collections.Counter(part(line) for line in lines if line.strip())
    if not counts:
        raise SystemExit("perf recorded nothing: see kernel.perf_event_paranoid")
    if counts["others"] > counts.total() / 2:
        raise SystemExit(f"{server.name} has no names of functions: build with CARGO_PROFILE_DIST_STRIP=none")
    return {name: cost * counts[name] / counts.total() for name in PARTS}


def part(line):
    """The part of a sample: its line has an address, a function, and the program in parentheses."""
    function, _, program = line.strip().partition(" ")[2].rpartition(" (")
    # Only in brackets, because the path of a build has its name.
    name = f"{function} ({program if program.startswith('[') else ''}"
    return next(name_of for name_of, pattern in PARTS.items() if re.search(pattern, name))


def compare(running, operations, bare):
    """A table in Markdown: the time of each part, divided by the whole time of the bare handler."""
    columns, rows = [], collections.defaultdict(list)
    for operation in operations:
        found = {server.name: parts(server, operation) for server in running}
        floor = sum(found[bare].values())
        for name, figures in found.items():
            columns.append(f"{operation.name}, {name}")
            for which in PARTS:
                rows[which].append(figures[which] / floor)
            rows["all"].append(sum(figures.values()) / floor)
    return table(["", *columns], [[which, *(f"{figure:.2f}" for figure in figures)] for which, figures in rows.items()])
