-- Every value that an enrolment token has or had, by its SHA-256: a device says nothing but the value,
-- so no two tokens of whichever tenants have the same. What an erased client's token had stays here, as
-- nothing else of it does: agents that still hold it must not come to another client.
CREATE TABLE enrollment_values (
    digest BLOB NOT NULL PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id)
) STRICT, WITHOUT ROWID;

INSERT INTO enrollment_values (digest, tenant_id)
SELECT clientbook_sha256(value), tenant_id FROM enrollment_tokens WHERE true
ORDER BY created_at, tenant_id ON CONFLICT DO NOTHING;
