-- Ids are the 16 bytes of a UUID, times are milliseconds since 1970, records are JSON.

CREATE TABLE identity_pool (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  region TEXT NOT NULL,
  version INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pool_of_region ON identity_pool (region);

-- Pools that are gone and whose identities are still to be deleted.
CREATE TABLE removed_pool (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16)
) STRICT, WITHOUT ROWID;

CREATE TABLE identity (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  pool BLOB NOT NULL CHECK (length(pool) = 16),
  state INTEGER NOT NULL CHECK (state IN (1, 2)), -- 1 lives, 2 merged away
  authed INTEGER NOT NULL CHECK (authed IN (0, 1)),
  epoch INTEGER NOT NULL,
  version INTEGER NOT NULL,
  merged_into BLOB CHECK ((state = 2) = (merged_into IS NOT NULL)),
  logins TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  modified_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX identity_of_pool ON identity (pool, id);

-- Who owns a login. The identity's row has the login's full text.
CREATE TABLE login (
  pool BLOB NOT NULL CHECK (length(pool) = 16),
  login_key BLOB NOT NULL CHECK (length(login_key) = 32),
  identity BLOB NOT NULL CHECK (length(identity) = 16),
  PRIMARY KEY (pool, login_key)
) STRICT, WITHOUT ROWID;

-- The key is the name without its final slash, so that the two forms of a name clash.
CREATE TABLE oidc_provider (
  bare_name TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE document (
  name TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT, WITHOUT ROWID;
