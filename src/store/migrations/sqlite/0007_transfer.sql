-- At most one row: this store is an unfinished copy of the store with this generation, or was moved to that one.
CREATE TABLE transfer (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  state TEXT NOT NULL CHECK (state IN ('incomplete', 'moved')),
  generation BLOB NOT NULL CHECK (length(generation) = 16)
) STRICT;
