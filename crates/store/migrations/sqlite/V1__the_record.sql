-- One record per client, whichever surface shows it, with its audit trail.
--
-- Ids are 16-byte blobs, times are milliseconds since 1970 (UTC), JSON is text. `tenant_id` leads
-- every key and index, apart from the two look-up tables for what must be found without a tenant.
-- A unique index is named after its table and its columns without `tenant_id`: errors use it.

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE tenants (
    id BLOB PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    object_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    next_client_number INTEGER NOT NULL DEFAULT 1,
    audit_count INTEGER NOT NULL DEFAULT 0,
    audit_hash BLOB NOT NULL DEFAULT (zeroblob(32)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE client_types (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id INTEGER NOT NULL,
    title TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE UNIQUE INDEX client_types_title ON client_types (tenant_id, title);

-- Look-up table: the tenant of a client's UUID.
CREATE TABLE client_ids (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE clients (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    number INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    collection_mode TEXT NOT NULL,
    email TEXT,
    tags TEXT,
    org_id TEXT,
    project_id TEXT,
    owner_id TEXT,
    avatar_url TEXT,
    contact_methods TEXT,
    custom_values TEXT,
    external_id TEXT,
    parent_client_id INTEGER,
    client_type_id INTEGER,
    success TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    audit_count INTEGER NOT NULL,
    audit_hash BLOB NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT clients_parent FOREIGN KEY (tenant_id, parent_client_id) REFERENCES clients (tenant_id, number),
    CONSTRAINT clients_type FOREIGN KEY (tenant_id, client_type_id) REFERENCES client_types (tenant_id, id)
) STRICT;

CREATE UNIQUE INDEX clients_number ON clients (tenant_id, number);
CREATE UNIQUE INDEX clients_object_id ON clients (tenant_id, object_id);
CREATE UNIQUE INDEX clients_external_id ON clients (tenant_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX clients_parent_client_id ON clients (tenant_id, parent_client_id) WHERE parent_client_id IS NOT NULL;

CREATE TABLE enrollment_tokens (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    value TEXT NOT NULL,
    description TEXT,
    site_id TEXT,
    max_uses INTEGER,
    uses INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
) STRICT;

-- A client has at most one token that is not revoked.
CREATE UNIQUE INDEX enrollment_tokens_client_id ON enrollment_tokens (tenant_id, client_id) WHERE revoked_at IS NULL;
-- Verification reads a client's revoked tokens too.
CREATE INDEX enrollment_tokens_of_client ON enrollment_tokens (tenant_id, client_id, id);

CREATE TABLE api_tokens (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    role TEXT,
    permissions TEXT,
    client_ids TEXT,
    org_id TEXT,
    project_id TEXT,
    expires_at INTEGER,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- Look-up table: whom the SHA-256 digest of a secret stands for.
CREATE TABLE credentials (
    digest BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    kind TEXT NOT NULL,
    id BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX credentials_id ON credentials (id);

CREATE TABLE audit_entries (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    chain_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    entity_type TEXT NOT NULL,
    entity_id BLOB NOT NULL,
    action TEXT NOT NULL,
    collection_control INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    surface TEXT NOT NULL,
    request_id TEXT NOT NULL,
    operation_id BLOB NOT NULL,
    -- Salts and texts; erasure leaves digests. Text, because the digests cover it byte by byte.
    contents TEXT NOT NULL,
    previous_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (tenant_id, chain_id, sequence)
) STRICT;

CREATE INDEX audit_entries_collection_control ON audit_entries (tenant_id, chain_id, sequence) WHERE collection_control;
