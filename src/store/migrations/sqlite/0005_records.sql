-- Pools, providers, roles and keys become records of one table; identities and logins carry the incarnation of their
-- pool; events, claims that count once and leases get tables.

CREATE TABLE record (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  scope TEXT NOT NULL,
  version INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  json TEXT, -- NULL: deleted
  written_ms INTEGER NOT NULL,
  request_id BLOB NOT NULL CHECK (length(request_id) = 16), -- the request that wrote it
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX record_by_revision ON record (revision);
CREATE INDEX record_by_scope ON record (kind, scope) WHERE json IS NOT NULL;

-- One row. `swept` is the newest revision whose deletions may be gone.
CREATE TABLE revision (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  generation BLOB NOT NULL CHECK (length(generation) = 16),
  revision INTEGER NOT NULL,
  swept INTEGER NOT NULL
) STRICT;

INSERT INTO revision VALUES (1, randomblob(16), 1, 0);

INSERT INTO record
SELECT 'pool',
  lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
        substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)),
  region, version, 1, json_remove(record, '$.version'), 0, zeroblob(16) FROM identity_pool;

INSERT INTO record
SELECT 'deleted-pool',
  lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
        substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) || '.0',
  '', 1, 1,
  json_object('id',
    lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
          substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)), 'incarnation', 0),
  0, zeroblob(16) FROM removed_pool;

INSERT INTO record SELECT 'oidc-provider', bare_name, '', version, 1, json_remove(record, '$.version'), 0, zeroblob(16) FROM oidc_provider;
INSERT INTO record SELECT 'saml-provider', name, '', version, 1, json_remove(record, '$.version'), 0, zeroblob(16) FROM saml_provider;
INSERT INTO record SELECT 'role', name_key, '', version, 1, json_remove(record, '$.version'), 0, zeroblob(16) FROM iam_role;

INSERT INTO record
SELECT 'key-ring', replace(name, '-keys', ''), '', version, 1,
  json_set(CAST(bytes AS TEXT), '$.purpose', replace(name, '-keys', '')), 0, zeroblob(16)
FROM document WHERE name IN ('signing-keys', 'sealing-keys');
INSERT INTO record SELECT 'root-key', 'root', '', version, 1, CAST(bytes AS TEXT), 0, zeroblob(16) FROM document WHERE name = 'root-key';
INSERT INTO record
SELECT 'access-key', json_extract(entry.value, '$.name'), '', 1, 1, entry.value, 0, zeroblob(16)
FROM document, json_each(CAST(document.bytes AS TEXT)) AS entry WHERE document.name = 'access-keys';

DROP TABLE identity_pool;
DROP TABLE removed_pool;
DROP TABLE oidc_provider;
DROP TABLE saml_provider;
DROP TABLE iam_role;
DROP TABLE document;

-- Tells the identities and logins of a pool from those of an earlier pool with the same id.
ALTER TABLE identity ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 0;

-- A login whose owner is sixteen zero bytes has none: a removed login keeps its row.
ALTER TABLE login ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 0;

-- The outbox: the events of one transaction are one row.
CREATE TABLE event (
  position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  events TEXT NOT NULL
) STRICT;

CREATE TABLE claim (
  purpose TEXT NOT NULL,
  key BLOB NOT NULL CHECK (length(key) = 32),
  holder TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (purpose, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX claim_by_end ON claim (until_ms);

CREATE TABLE lease (
  name TEXT NOT NULL PRIMARY KEY,
  owner BLOB NOT NULL CHECK (length(owner) = 16),
  until_ms INTEGER NOT NULL,
  fence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
