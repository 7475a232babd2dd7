"""Identities that are written straight into the tables of a stopped server, in the order of their ids. Half are guests, half
have one login. The ids are spread over all UUIDs of version 4."""

import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATCH = 1_000_000

IDENTITIES = """
INSERT INTO identity (id, pool, state, authed, epoch, version, merged_into, logins, created_ms, modified_ms, incarnation,
  revoked, only_this_pool)
WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n < :count - 1)
SELECT unhex(printf('%012x', n * (281474976710656 / :count)) || '4' || substr(hex(randomblob(2)), 1, 3) || '8' ||
    substr(hex(randomblob(8)), 1, 15)),
  :pool, 1, n % 2, 1, 1, NULL,
  CASE n % 2 WHEN 0 THEN '[]' ELSE json_array(json_object('kind', 'public', 'provider', 'accounts.example.com/realms/users', 'subject',
    lower(hex(randomblob(16))))) END,
  1800000000000 + n, 1800000000000 + n, :incarnation, 0, 0
FROM counted
"""

LOGINS = """
INSERT INTO login (pool, login_key, identity, incarnation)
SELECT pool, unhex(printf('%012x', row_number() OVER (ORDER BY id) * (281474976710656 / :count)) || hex(randomblob(26))),
  id, incarnation FROM identity WHERE authed = 1 AND pool = :pool
"""

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
        # SQLite has it since 3.41.
        db.create_function("unhex", 1, bytes.fromhex, deterministic=True)
        uuid = pool.partition(":")[2]
        (record,) = db.execute("SELECT json FROM record WHERE kind = 'pool' AND key = ?", [uuid]).fetchone()
        values = {
            "count": count, "pool": bytes.fromhex(uuid.replace("-", "")), "incarnation": json.loads(record)["incarnation"],
        }
        db.execute(IDENTITIES, values)
        db.execute(LOGINS, values)


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
