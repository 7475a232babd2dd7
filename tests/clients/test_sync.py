"""No answer leaves before its change is on the disk.

A killed process loses nothing that it gave to the kernel, so killing shows nothing about a power cut. Here strace
writes down the system calls of a server that makes guests for many clients, and each answer is held against them: the
pages of the write-ahead log that hold the new identity were written after the request was read, the commit that they
belong to was written, and after that a sync of the log began and ended before the first byte of the answer was sent.
"""

import dataclasses
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("COGNATE_BINARY", ROOT / "target/release/cognate"))

CLIENTS = 16
GUESTS_A_CLIENT = 20

CALLS = "fsync,fdatasync,write,writev,sendto,sendmsg,pwrite64,read,recvfrom"
SYNCS = ("fsync", "fdatasync")
READS = ("read", "recvfrom")
SENDS = ("write", "writev", "sendto", "sendmsg")


@dataclasses.dataclass(frozen=True)
class Call:
    """A system call: when it began and ended, as places in the order in which strace saw everything."""

    began: float
    ended: float
    name: str
    file: str
    data: bytes
    offset: int | None


def calls(trace):
    """The calls of a trace that succeeded. Each is a line, or two where another thread's came between."""
    begun, found = {}, []
    for place, line in enumerate(trace):
        thread, _, text = line.split(None, 2)
        if text.endswith("<unfinished ...>"):
            begun[thread] = (place, text.removesuffix("<unfinished ...>").rstrip())
            continue
        began = place
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
            if thread not in begun:
                continue
            began, before = begun.pop(thread)
            text = before + resumed[1]
        call = re.match(r"(\w+)\(\d+<(.*?)>[,)].* = (\d+)", text)
        if not call:
            continue
        name, file, result = call[1], plain(call[2]).decode(), int(call[3])
        # A peer's address may stand behind the data.
        data = b"".join(plain(piece) for piece in re.findall(r'"([^"]*)"', text))[:result]
        offset = int(re.search(r", (\d+)\)", text)[1]) if name == "pwrite64" else None
        found.append(Call(began, place, name, file, data, offset))
    return found


def plain(text):
    """Bytes as strace writes them, each as \\x and two digits; the names of sockets and devices are text."""
    return re.sub(rb"\\x(..)", lambda digits: bytes.fromhex(digits[1].decode()), text.encode())


def commits(log_writes):
    """The transactions in the write-ahead log: what was written, and when its last frame was.

    A frame is a header of 24 bytes, then a page. A header whose second word isn't 0 begins the last frame of a
    transaction. https://www.sqlite.org/fileformat2.html#walformat
    """
    written, last = [], False
    for call in log_writes:
        if call.offset < 32:  # the log's own header
            continue
        written.append(call)
        if len(call.data) == 24:
            last = call.data[4:8] != bytes(4)
        elif last:
            yield written, call.ended
            written, last = [], False


def is_log(call):
    return call.file.endswith("/cognate.sqlite-wal")


def is_sync(call):
    return call.name in SYNCS and is_log(call)


def told_identity(call):
    """The UUID of the identity that an answer tells."""
    found = re.search(rb'\{"IdentityId":"[^:]+:([0-9a-f-]{36})"', call.data)
    is_answer = found and call.name in SENDS and call.file.startswith("TCP")
    return uuid.UUID(found[1].decode()).bytes if is_answer else None


def is_request(call):
    return call.name in READS and call.file.startswith("TCP") and call.data.startswith(b"POST ")


def check(made):
    """How many answers with an identity there are, and what is wrong with which of them."""
    made = sorted(made, key=lambda call: call.began)
    syncs = [call for call in made if is_sync(call)]
    transactions = list(commits(call for call in made if is_log(call) and call.name == "pwrite64"))
    requests, answers, wrong = {}, 0, []
    for call in made:
        if is_request(call):
            requests[call.file] = call.ended
        if identity := told_identity(call):
            answers += 1
            if reason := unsynced(identity, requests[call.file], call.began, transactions, syncs):
                wrong.append(reason)
    return answers, wrong


def unsynced(identity, read, answered, transactions, syncs):
    """Why an identity was told too early; nothing if it wasn't."""
    for written, committed in transactions:
        holding = [call for call in written if identity in call.data]
        if not holding:
            continue
        if holding[0].began < read:
            return "written before it was asked for: this is another identity"
        if any(sync.began > committed and sync.ended < answered for sync in syncs):
            return None
        return "answered before a sync that began after its commit had ended"
    return "answered, and in no commit"


def ask(address, pool, failures):
    try:
        connection = http.client.HTTPConnection(address, timeout=60)
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "AWSCognitoIdentityService.GetId",
        }
        for _ in range(GUESTS_A_CLIENT):
            connection.request("POST", "/", json.dumps({"IdentityPoolId": pool}), headers)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
    except Exception as error:  # told by the thread that waits
        failures.append(error)


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """The system calls of a server that makes guests for many clients at once."""
    strace = shutil.which("strace")
    assert strace, "strace is needed: apt-get install strace"
    assert BINARY.exists(), f"{BINARY} is not there: cargo build --release, or set COGNATE_BINARY"
    folder = tmp_path_factory.mktemp("sync")
    recorded, said = folder / "trace", folder / "said"
    command = [strace, "-f", "-ttt", "-yy", "-xx", "-s", "16384", "-e", f"trace={CALLS}", "-o", str(recorded)]
    command += [str(BINARY), "dev", "--listen", "127.0.0.1:0", "--data-dir", str(folder / "data")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COGNATE_")}
    with said.open("w") as out:
        server = subprocess.Popen(command, stdout=out, env=environment)
    try:
        address, pool = told(server, said)
        failures = []
        clients = [threading.Thread(target=ask, args=(address, pool, failures)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert not failures, failures
    finally:
        # strace passes no signal on; its child is the server.
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)
        server.wait(60)
    return calls(recorded.read_text().splitlines())


def told(server, said):
    """Where the server listens, and its demo pool."""
    for _ in range(600):
        text = said.read_text()
        address = re.search(r"serves on http://(\S+)\n", text)
        pool = re.search(r"Demo pool (\S+)\n", text)
        if address and pool:
            return address[1], pool[1]
        assert server.poll() is None, "the server ended"
        time.sleep(0.1)
    raise AssertionError(f"the server doesn't come up: {text}")


def test_no_answer_leaves_before_its_change_is_synced(trace):
    answers, wrong = check(trace)
    assert answers == CLIENTS * GUESTS_A_CLIENT
    assert not wrong, wrong[:3]


def test_the_check_notices_a_log_that_is_not_synced(trace):
    answers, wrong = check([call for call in trace if not is_sync(call)])
    assert len(wrong) == answers > 0


def test_the_check_notices_a_sync_of_another_file(trace):
    def elsewhere(call):
        return dataclasses.replace(call, file=call.file.removesuffix("-wal")) if is_sync(call) else call

    answers, wrong = check([elsewhere(call) for call in trace])
    assert len(wrong) == answers > 0


def test_the_check_notices_a_sync_that_is_not_waited_for(trace):
    """Each sync ends behind the answers that it is for."""
    late = [dataclasses.replace(call, ended=call.ended + len(trace)) if is_sync(call) else call for call in trace]
    answers, wrong = check(late)
    assert len(wrong) == answers > 0


def test_the_check_notices_an_answer_before_its_commit(trace):
    """Each answer is sent as soon as its request was read, as by a server that writes later."""
    lie, read = [], {}
    for call in sorted(trace, key=lambda call: call.began):
        if is_request(call):
            read[call.file] = call.ended
        if told_identity(call):
            call = dataclasses.replace(call, began=read[call.file] + 0.5)
        lie.append(call)
    answers, wrong = check(lie)
    assert len(wrong) == answers > 0
