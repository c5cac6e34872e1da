-- Definitions of custom fields, and which clients hold a value under which key.

ALTER TABLE tenants ADD COLUMN strict_fields boolean NOT NULL DEFAULT false;

-- Another one after each change of the tenant's definitions; NULL while there was none. Random, so
-- that none comes twice: what is kept in memory is found by it.
ALTER TABLE tenants ADD COLUMN fields_revision uuid;

-- One row for each tenant: whoever defines fields locks it, and whoever writes values shares it.
CREATE TABLE field_sets (
    tenant_id uuid CONSTRAINT field_sets_tenant_id PRIMARY KEY REFERENCES tenants (id),
    next_number bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 80);

INSERT INTO field_sets (tenant_id) SELECT id FROM tenants;

CREATE TABLE fields (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    number bigint NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    field_key text COLLATE "C" NOT NULL,
    label text COLLATE "C" NOT NULL,
    description text COLLATE "C",
    kind text COLLATE "C" NOT NULL,
    is_required boolean NOT NULL,
    is_unique boolean NOT NULL,
    is_filterable boolean NOT NULL,
    place bigint NOT NULL,
    status text COLLATE "C" NOT NULL,
    -- JSON as it was sent: jsonb would write its numbers anew.
    metadata text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT fields_id PRIMARY KEY (tenant_id, id),
    CONSTRAINT fields_number UNIQUE (tenant_id, number),
    CONSTRAINT fields_object_id UNIQUE (tenant_id, object_id),
    CONSTRAINT fields_field_key UNIQUE (tenant_id, field_key)
);

-- What a start has to go on with.
CREATE INDEX fields_deleting ON fields (tenant_id, id) WHERE status = 'deleting';

-- Which clients hold a value under a key, defined or not; `digest` stands where it must be unique.
CREATE TABLE client_values (
    tenant_id uuid NOT NULL,
    field_key text COLLATE "C" NOT NULL,
    client_id uuid NOT NULL,
    digest bytea,
    CONSTRAINT client_values_field_key_client_id PRIMARY KEY (tenant_id, field_key, client_id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
);

CREATE UNIQUE INDEX client_values_field_key_digest ON client_values (tenant_id, field_key, digest) WHERE digest IS NOT NULL;

INSERT INTO client_values (tenant_id, field_key, client_id)
    SELECT c.tenant_id, j.key, c.id FROM clients c, jsonb_object_keys(c.custom_values) j (key)
    WHERE c.custom_values IS NOT NULL;
