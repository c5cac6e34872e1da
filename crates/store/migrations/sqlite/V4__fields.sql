-- Definitions of custom fields, and which clients hold a value under which key.

ALTER TABLE tenants ADD COLUMN strict_fields INTEGER NOT NULL DEFAULT 0;

-- Another one after each change of the tenant's definitions; NULL while there was none. Random, so
-- that none comes twice: what is kept in memory is found by it.
ALTER TABLE tenants ADD COLUMN fields_revision BLOB;

-- One row for each tenant: whoever defines fields locks it, and whoever writes values shares it.
CREATE TABLE field_sets (
    tenant_id BLOB PRIMARY KEY REFERENCES tenants (id),
    next_number INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;

INSERT INTO field_sets (tenant_id) SELECT id FROM tenants;

CREATE TABLE fields (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    number INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    field_key TEXT NOT NULL,
    label TEXT NOT NULL,
    description TEXT,
    kind TEXT NOT NULL,
    is_required INTEGER NOT NULL,
    is_unique INTEGER NOT NULL,
    is_filterable INTEGER NOT NULL,
    place INTEGER NOT NULL,
    status TEXT NOT NULL,
    -- JSON as it was sent.
    metadata TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE UNIQUE INDEX fields_number ON fields (tenant_id, number);
CREATE UNIQUE INDEX fields_object_id ON fields (tenant_id, object_id);
CREATE UNIQUE INDEX fields_field_key ON fields (tenant_id, field_key);
-- What a start has to go on with.
CREATE INDEX fields_deleting ON fields (tenant_id, id) WHERE status = 'deleting';

-- Which clients hold a value under a key, defined or not; `digest` stands where it must be unique.
CREATE TABLE client_values (
    tenant_id BLOB NOT NULL,
    field_key TEXT NOT NULL,
    client_id BLOB NOT NULL,
    digest BLOB,
    PRIMARY KEY (tenant_id, field_key, client_id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX client_values_field_key_digest ON client_values (tenant_id, field_key, digest) WHERE digest IS NOT NULL;

INSERT INTO client_values (tenant_id, field_key, client_id)
    SELECT c.tenant_id, j.key, c.id FROM clients c, json_each(c.custom_values) j
    WHERE c.custom_values IS NOT NULL;
