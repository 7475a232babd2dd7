-- The checksum of a row: the CRC-32 of its table and its other columns. NULL in rows of earlier versions, until the server
-- has added it.
ALTER TABLE record ADD COLUMN checksum BLOB;
ALTER TABLE identity ADD COLUMN checksum BLOB;
ALTER TABLE login ADD COLUMN checksum BLOB;
ALTER TABLE event ADD COLUMN checksum BLOB;
ALTER TABLE claim ADD COLUMN checksum BLOB;
ALTER TABLE lease ADD COLUMN checksum BLOB;
ALTER TABLE revision ADD COLUMN checksum BLOB;

-- The rows that have no checksum yet.
CREATE INDEX record_without_checksum ON record (kind, key) WHERE checksum IS NULL;
CREATE INDEX identity_without_checksum ON identity (id) WHERE checksum IS NULL;
CREATE INDEX login_without_checksum ON login (pool, login_key) WHERE checksum IS NULL;
