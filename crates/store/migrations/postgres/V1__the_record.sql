-- One record per client, whichever surface shows it, with its audit trail.
--
-- `tenant_id` leads every key and index, apart from the look-up tables for what must be found
-- without a tenant, so that the schema can be distributed by tenant. Unique constraints are named
-- after their table and columns without `tenant_id`: errors use it. Text that is compared or sorted
-- has the collation "C": the same order on every machine, and as SQLite's.

CREATE TABLE settings (
    name text COLLATE "C" CONSTRAINT settings_name PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE tenants (
    id uuid CONSTRAINT tenants_id PRIMARY KEY,
    slug text COLLATE "C" NOT NULL CONSTRAINT tenants_slug UNIQUE,
    object_id text COLLATE "C" NOT NULL CONSTRAINT tenants_object_id UNIQUE,
    name text COLLATE "C" NOT NULL,
    next_client_number bigint NOT NULL DEFAULT 1,
    audit_count bigint NOT NULL DEFAULT 0,
    audit_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    created_at timestamptz NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE client_types (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id bigint NOT NULL,
    title text COLLATE "C" NOT NULL,
    CONSTRAINT client_types_id PRIMARY KEY (tenant_id, id),
    CONSTRAINT client_types_title UNIQUE (tenant_id, title)
);

-- Look-up table: the tenant of a client's UUID.
CREATE TABLE client_ids (
    id uuid CONSTRAINT client_ids_id PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id)
);

-- Room on each page: a change then touches no index unless an indexed column changes.
CREATE TABLE clients (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    number bigint NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    collection_mode text COLLATE "C" NOT NULL,
    email text COLLATE "C",
    tags jsonb,
    org_id text COLLATE "C",
    project_id text COLLATE "C",
    owner_id text COLLATE "C",
    avatar_url text COLLATE "C",
    contact_methods jsonb,
    custom_values jsonb,
    external_id text COLLATE "C",
    parent_client_id bigint,
    client_type_id bigint,
    success jsonb,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    audit_count bigint NOT NULL,
    audit_hash bytea NOT NULL,
    CONSTRAINT clients_id PRIMARY KEY (tenant_id, id),
    CONSTRAINT clients_number UNIQUE (tenant_id, number),
    CONSTRAINT clients_object_id UNIQUE (tenant_id, object_id),
    CONSTRAINT clients_parent FOREIGN KEY (tenant_id, parent_client_id) REFERENCES clients (tenant_id, number),
    CONSTRAINT clients_type FOREIGN KEY (tenant_id, client_type_id) REFERENCES client_types (tenant_id, id)
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX clients_external_id ON clients (tenant_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX clients_parent_client_id ON clients (tenant_id, parent_client_id) WHERE parent_client_id IS NOT NULL;

CREATE TABLE enrollment_tokens (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    client_id uuid NOT NULL,
    value text COLLATE "C" NOT NULL,
    description text COLLATE "C",
    site_id text COLLATE "C",
    max_uses bigint,
    uses bigint NOT NULL DEFAULT 0,
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT enrollment_tokens_id PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
);

-- A client has at most one token that is not revoked.
CREATE UNIQUE INDEX enrollment_tokens_client_id ON enrollment_tokens (tenant_id, client_id) WHERE revoked_at IS NULL;
-- Verification reads a client's revoked tokens too.
CREATE INDEX enrollment_tokens_of_client ON enrollment_tokens (tenant_id, client_id, id);

CREATE TABLE api_tokens (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    role text COLLATE "C",
    permissions jsonb,
    client_ids jsonb,
    org_id text COLLATE "C",
    project_id text COLLATE "C",
    expires_at timestamptz,
    created_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT api_tokens_id PRIMARY KEY (tenant_id, id)
);

-- Look-up table: whom the SHA-256 digest of a secret stands for.
CREATE TABLE credentials (
    digest bytea CONSTRAINT credentials_digest PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind text COLLATE "C" NOT NULL,
    id uuid NOT NULL
);

CREATE INDEX credentials_id ON credentials (id);

-- No foreign key to the tenant: each entry would lock the tenant's row, and all writers of a tenant
-- would meet there. `clientbook audit verify` finds entries without a tenant.
CREATE TABLE audit_entries (
    tenant_id uuid NOT NULL,
    chain_id uuid NOT NULL,
    sequence bigint NOT NULL,
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    entity_type text COLLATE "C" NOT NULL,
    entity_id uuid NOT NULL,
    action text COLLATE "C" NOT NULL,
    collection_control boolean NOT NULL,
    actor_kind text COLLATE "C" NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    surface text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    operation_id uuid NOT NULL,
    -- Salts and texts; erasure leaves digests. Text, because the digests cover it byte by byte.
    contents text COLLATE "C" NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_entries_chain_id_sequence PRIMARY KEY (tenant_id, chain_id, sequence)
);

CREATE INDEX audit_entries_collection_control ON audit_entries (tenant_id, chain_id, sequence) WHERE collection_control;
-- Whether an operation whose COMMIT got no answer is there.
CREATE INDEX audit_entries_operation_id ON audit_entries (operation_id);
