-- One row, which the health check writes to find out whether the disk takes writes.
CREATE TABLE probe (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  count INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
