-- The key is the name in lower case, so that two spellings of a name clash.
CREATE TABLE iam_role (
  name_key TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
