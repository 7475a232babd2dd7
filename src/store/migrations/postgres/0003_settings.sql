-- The digest of the settings with which a server serves, by which servers notice that theirs differ.
ALTER TABLE heartbeat ADD COLUMN settings text;
