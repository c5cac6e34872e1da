-- Every value that an enrolment token has or had, by its SHA-256: a device says nothing but the value,
-- so no two tokens of whichever tenants have the same. What an erased client's token had stays here, as
-- nothing else of it does: agents that still hold it must not come to another client.
CREATE TABLE enrollment_values (
    digest bytea NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    CONSTRAINT enrollment_values_digest PRIMARY KEY (digest)
);

INSERT INTO enrollment_values (digest, tenant_id)
SELECT sha256(convert_to(value, 'UTF8')), tenant_id FROM enrollment_tokens
ORDER BY created_at, tenant_id ON CONFLICT DO NOTHING;
