-- Whoever erases a client looks for its values, and so does the foreign key.
CREATE INDEX client_values_client_id ON client_values (tenant_id, client_id);

-- FTS5's `secure-delete`, which is used no more, damages an index without positions where a text was
-- replaced: what it may have done is made good.
INSERT INTO client_trigrams (client_trigrams, rank) VALUES ('secure-delete', 0);
DELETE FROM client_trigrams_pending;
INSERT INTO client_trigrams (client_trigrams) VALUES ('rebuild');
