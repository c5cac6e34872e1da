-- The audit trail as people read it, and what stays of an erased client.

-- One narrow index: every change writes to it. What else is asked for is compared on the way.
CREATE INDEX audit_entries_created_at ON audit_entries (tenant_id, created_at);

-- The end of an erased client's chain, which stays. Nothing else of the client does.
CREATE TABLE erased_clients (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    erased_at INTEGER NOT NULL,
    audit_count INTEGER NOT NULL,
    audit_hash BLOB NOT NULL,
    scrubbed INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;

-- Those whose bytes may still be in the files.
CREATE INDEX erased_clients_unscrubbed ON erased_clients (tenant_id, id) WHERE NOT scrubbed;
