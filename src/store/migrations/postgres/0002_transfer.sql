-- At most one row: this store is an unfinished copy of the store with this generation, or was moved to that one.
CREATE TABLE transfer (
  one smallint NOT NULL PRIMARY KEY CHECK (one = 1),
  state text NOT NULL CHECK (state IN ('incomplete', 'moved')),
  generation uuid NOT NULL
);

-- Rows of the outbox that are copied have a position, and no id of their own.
ALTER TABLE event ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE event ALTER COLUMN written SET DEFAULT now();
