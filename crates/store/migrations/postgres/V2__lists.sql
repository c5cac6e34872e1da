-- What lists of clients are sorted by and searched in.
--
-- Apart from `clients`, so that most changes of a client touch none of it: `client_listings` has
-- the expensive index, and rows of `clients` stay where they are unless their status, mode or scope
-- changes.

-- Search needs PostgreSQL's own extensions: trigrams, and the tenant beside them in one index. Both
-- come with the server (on Debian with its package, elsewhere perhaps as `postgresql-contrib`), and
-- whoever may create in the database may add them. Where that is refused, somebody who may runs
-- these two lines in the database, and the next start goes on from here.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Bytes of the record's texts and JSON: a page of a list has a limit.
ALTER TABLE clients ADD COLUMN bytes bigint NOT NULL DEFAULT 0;

UPDATE clients SET bytes = octet_length(name) + coalesce(octet_length(email), 0)
    + coalesce(octet_length(tags::text), 0) + coalesce(octet_length(contact_methods::text), 0)
    + coalesce(octet_length(custom_values::text), 0) + coalesce(octet_length(success::text), 0);

CREATE INDEX clients_created_at ON clients (tenant_id, created_at, id);
CREATE INDEX clients_status ON clients (tenant_id, status, number);
CREATE INDEX clients_collection_mode ON clients (tenant_id, collection_mode);
CREATE INDEX clients_org_id ON clients (tenant_id, org_id) WHERE org_id IS NOT NULL;
CREATE INDEX clients_project_id ON clients (tenant_id, project_id) WHERE project_id IS NOT NULL;

-- By the time of the newest change: every change moves one row here.
CREATE TABLE client_times (
    tenant_id uuid NOT NULL,
    updated_at timestamptz NOT NULL,
    client_id uuid NOT NULL,
    CONSTRAINT client_times_updated_at_client_id PRIMARY KEY (tenant_id, updated_at, client_id)
);

INSERT INTO client_times SELECT tenant_id, updated_at, id FROM clients;

-- How many clients there are. In shards, so that writers do not meet at one row.
CREATE TABLE client_counts (
    tenant_id uuid NOT NULL,
    status text COLLATE "C" NOT NULL,
    collection_mode text COLLATE "C" NOT NULL,
    shard bigint NOT NULL,
    clients bigint NOT NULL,
    CONSTRAINT client_counts_shard PRIMARY KEY (tenant_id, status, collection_mode, shard)
) WITH (fillfactor = 50);

INSERT INTO client_counts
    SELECT tenant_id, status, collection_mode, 0, count(*) FROM clients GROUP BY 1, 2, 3;

-- Folded: `name` to sort by, `text` to search in; and what never changes of a client, so that a
-- search need not look at its record.
CREATE TABLE client_listings (
    tenant_id uuid NOT NULL,
    client_id uuid NOT NULL,
    number bigint NOT NULL,
    created_at timestamptz NOT NULL,
    name text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL,
    CONSTRAINT client_listings_client_id PRIMARY KEY (tenant_id, client_id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
);

CREATE INDEX client_listings_name ON client_listings (tenant_id, name, client_id);
CREATE INDEX client_listings_text ON client_listings USING gin (tenant_id, text gin_trgm_ops);

-- Clients without a listing get theirs when the program starts.
INSERT INTO settings (name, value) SELECT 'unlisted', '\x01' WHERE EXISTS (SELECT 1 FROM clients);
