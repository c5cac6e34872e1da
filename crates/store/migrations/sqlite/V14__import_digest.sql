-- SHA-256 of the rows that were read, so that an import goes on with the same file only; NULL of those that
-- began before this was, and where a client of the tenant was erased since.
ALTER TABLE imports ADD COLUMN read_digest BLOB;
