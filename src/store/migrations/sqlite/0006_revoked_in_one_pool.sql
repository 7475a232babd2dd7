-- Whether a revocation counts in the identity's pool only.
ALTER TABLE identity ADD COLUMN only_this_pool INTEGER NOT NULL DEFAULT 0 CHECK (only_this_pool IN (0, 1));
