-- Whether an administrator has revoked the identity.
ALTER TABLE identity ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1));
