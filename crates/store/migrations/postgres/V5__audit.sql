-- The audit trail as people read it, and what stays of an erased client.

-- One narrow index: every change writes to it. What else is asked for is compared on the way.
CREATE INDEX audit_entries_created_at ON audit_entries (tenant_id, created_at);

-- The end of an erased client's chain, which stays. Nothing else of the client does.
CREATE TABLE erased_clients (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    erased_at timestamptz NOT NULL,
    audit_count bigint NOT NULL,
    audit_hash bytea NOT NULL,
    scrubbed boolean NOT NULL,
    CONSTRAINT erased_clients_id PRIMARY KEY (tenant_id, id)
);

-- None here: PostgreSQL is in charge of its files.
CREATE INDEX erased_clients_unscrubbed ON erased_clients (tenant_id, id) WHERE NOT scrubbed;
