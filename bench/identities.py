"""Identities that are written straight into the tables of a stopped server, in the order of their ids. Half are guests, half
have one login. The ids are spread over all UUIDs of version 4."""

import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATCH = 1_000_000
# In the order in which src/store/sqlite/tables.rs sums them.
IDENTITY = (
    "id, pool, incarnation, state, authed, epoch, version, merged_into, logins, created_ms, modified_ms, revoked, "
    "only_this_pool, checksum"
)
LOGIN = "pool, login_key, identity, incarnation, checksum"
LOGINS = '[{"kind":"public","provider":"accounts.example.com/realms/users","subject":"%s"}]'

POSTGRES = """
INSERT INTO identity (id, pool, state, authed, epoch, version, merged_into, logins, created_ms, modified_ms, incarnation,
  revoked, only_this_pool)
SELECT (lpad(to_hex(n * (281474976710656 / {count})), 12, '0') || '4' || substr(md5(random()::text), 1, 3) || '8' ||
    substr(md5(random()::text), 1, 15))::uuid,
  '{pool}', 1, n % 2 = 1, 1, 1, NULL,
  CASE n % 2 WHEN 0 THEN '[]' ELSE '[{{"kind":"public","provider":"accounts.example.com/realms/users","subject":"' ||
    md5(random()::text) || '"}}]' END,
  1800000000000 + n, 1800000000000 + n, {incarnation}, false, false
FROM generate_series({first}::bigint, {last}::bigint) AS n;
INSERT INTO login (pool, login_key, identity, incarnation)
SELECT pool, decode(replace(id::text, '-', ''), 'hex') || decode(md5(random()::text), 'hex'), id, incarnation
FROM identity WHERE authed AND pool = '{pool}' AND created_ms BETWEEN 1800000000000 + {first} AND 1800000000000 + {last};
"""


def fill_embedded(folder, pool, count):
    """Writes `count` identities of a pool, which has none yet, into the data directory of a stopped server."""
    with contextlib.closing(sqlite3.connect(folder / "cognate.sqlite")) as db, db:
        db.execute("PRAGMA cache_size = -500000")
        uuid = pool.partition(":")[2]
        (record,) = db.execute("SELECT json FROM record WHERE kind = 'pool' AND key = ?", [uuid]).fetchone()
        pool, incarnation = bytes.fromhex(uuid.replace("-", "")), json.loads(record)["incarnation"]
        insert(db, "identity", IDENTITY, (identity(pool, incarnation, number, count) for number in range(count)))
        # In an order of their own, as hashes have.
        logins = db.execute("SELECT id FROM identity WHERE authed = 1 AND pool = ?", [pool])
        keys = (spread(number, count // 2) + os.urandom(26) for number in range(count // 2))
        insert(db, "login", LOGIN, ((pool, key, id, incarnation) for key, (id,) in zip(keys, logins)))


def identity(pool, incarnation, number, count):
    """The row of an identity, without its checksum."""
    rest = bytearray(os.urandom(10))
    rest[0], rest[2] = rest[0] & 0x0F | 0x40, rest[2] & 0x3F | 0x80
    is_login, at = number % 2, 1_800_000_000_000 + number
    logins = LOGINS % os.urandom(16).hex() if is_login else "[]"
    return bytes(spread(number, count) + rest), pool, incarnation, 1, is_login, 1, 1, None, logins, at, at, 0, 0


def spread(number, count):
    """The first six bytes of a key, so that the keys of all numbers are spread evenly, in their order."""
    return (number * ((1 << 48) // count)).to_bytes(6)


def insert(db, table, columns, rows):
    marks = ", ".join("?" for _ in columns.split(","))
    db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", (row + (checksum(table, row),) for row in rows))


def checksum(table, row):
    """The checksum of a row, as src/store/sqlite/checksum.rs makes it."""
    return zlib.crc32(table.encode() + b"".join(map(encoded, row))).to_bytes(4)


def encoded(value):
    if value is None:
        return b"\0"
    if isinstance(value, int):
        return b"\1" + value.to_bytes(8, "little", signed=True)
    tag, data = (b"\3", value.encode()) if isinstance(value, str) else (b"\4", value)
    return tag + len(data).to_bytes(8, "little") + data


def fill_postgres(url, pool, count):
    """Writes `count` identities of a pool, which has none yet, into the database of a stopped server."""
    uuid = pool.partition(":")[2]
    record = json.loads(psql(url, f"SELECT json FROM record WHERE kind = 'pool' AND key = '{uuid}'"))
    for first in range(0, count, BATCH):
        last = min(first + BATCH, count) - 1
        values = {"count": count, "pool": uuid, "incarnation": record["incarnation"], "first": first, "last": last}
        psql(url, POSTGRES.format(**values))
    psql(url, "VACUUM ANALYZE; CHECKPOINT")


def psql(url, statements):
    """What some statements answer."""
    tools = ROOT / ".tools" / "postgresql" / "usr" / "lib"
    command = [tools / "postgresql" / "15" / "bin" / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url]
    libraries = tools / f"{os.uname().machine}-linux-gnu"
    environment = os.environ | {"LD_LIBRARY_PATH": str(libraries), "LC_ALL": "C"}
    for statement in statements.split(";"):
        if statement.strip():
            run = subprocess.run([*command, "-c", statement], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout.strip()
