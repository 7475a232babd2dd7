-- The same rows as in the embedded store, in the subset of SQL that PostgreSQL, Citus, YugabyteDB and CockroachDB share:
-- primary keys are the only uniqueness; no foreign keys, sequences, triggers or advisory locks.

CREATE TABLE record (
  kind text NOT NULL,
  key text NOT NULL,
  scope text NOT NULL,
  version bigint NOT NULL,
  revision bigint NOT NULL,
  json text, -- NULL: deleted
  written_ms bigint NOT NULL,
  request_id uuid NOT NULL, -- the request that wrote it
  PRIMARY KEY (kind, key)
);

CREATE INDEX record_by_revision ON record (revision);
CREATE INDEX record_by_scope ON record (kind, scope) WHERE json IS NOT NULL;

-- One row. `swept` is the newest revision whose deletions may be gone.
CREATE TABLE revision (
  one smallint NOT NULL PRIMARY KEY CHECK (one = 1),
  generation uuid NOT NULL,
  revision bigint NOT NULL,
  swept bigint NOT NULL
);

INSERT INTO revision VALUES (1, gen_random_uuid(), 1, 0);

-- The time of each server's last commit of its own: what proves that the primary still takes commits.
CREATE TABLE heartbeat (
  server uuid NOT NULL PRIMARY KEY,
  beats bigint NOT NULL,
  at timestamptz NOT NULL
);

CREATE TABLE identity (
  id uuid NOT NULL PRIMARY KEY,
  pool uuid NOT NULL,
  incarnation bigint NOT NULL,
  state smallint NOT NULL, -- 1 live, 2 merged away
  authed boolean NOT NULL,
  epoch bigint NOT NULL,
  version bigint NOT NULL,
  merged_into uuid,
  logins text NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  revoked boolean NOT NULL,
  only_this_pool boolean NOT NULL -- whether the revocation counts in the identity's pool only
);

CREATE INDEX identity_of_pool ON identity (pool, id);

-- A removed login keeps its row, without an owner, so that there is a row to lock.
CREATE TABLE login (
  pool uuid NOT NULL,
  login_key bytea NOT NULL,
  identity uuid,
  incarnation bigint NOT NULL,
  PRIMARY KEY (pool, login_key)
);

-- The outbox: the events of one transaction are one row. A consumer numbers the rows before it reads them, because
-- transactions commit in another order than they write.
CREATE TABLE event (
  id uuid NOT NULL PRIMARY KEY,
  written timestamptz NOT NULL,
  position bigint,
  at_ms bigint NOT NULL,
  events text NOT NULL
);

CREATE INDEX event_by_position ON event (position);
CREATE INDEX event_without_position ON event (written, id) WHERE position IS NULL;

-- One row: the last position.
CREATE TABLE event_position (
  one smallint NOT NULL PRIMARY KEY CHECK (one = 1),
  last bigint NOT NULL
);

INSERT INTO event_position VALUES (1, 0);

CREATE TABLE claim (
  purpose text NOT NULL,
  key bytea NOT NULL,
  holder text NOT NULL,
  until_ms bigint NOT NULL,
  PRIMARY KEY (purpose, key)
);

CREATE INDEX claim_by_end ON claim (until_ms);

CREATE TABLE lease (
  name text NOT NULL PRIMARY KEY,
  owner uuid NOT NULL,
  until_ms bigint NOT NULL,
  fence bigint NOT NULL
);
