-- When the generation of the store began; NULL in the first one. Proofs that count once and are older are refused.
ALTER TABLE revision ADD COLUMN began_ms INTEGER;
