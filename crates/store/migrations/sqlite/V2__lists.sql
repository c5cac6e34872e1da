-- What lists of clients are sorted by and searched in.
--
-- Apart from `clients`, so that most changes of a client touch none of it.

-- Bytes of the record's texts and JSON: a page of a list has a limit.
ALTER TABLE clients ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

UPDATE clients SET bytes = octet_length(name) + coalesce(octet_length(email), 0)
    + coalesce(octet_length(tags), 0) + coalesce(octet_length(contact_methods), 0)
    + coalesce(octet_length(custom_values), 0) + coalesce(octet_length(success), 0);

CREATE INDEX clients_created_at ON clients (tenant_id, created_at, id);
CREATE INDEX clients_status ON clients (tenant_id, status, number);
CREATE INDEX clients_collection_mode ON clients (tenant_id, collection_mode);
CREATE INDEX clients_org_id ON clients (tenant_id, org_id) WHERE org_id IS NOT NULL;
CREATE INDEX clients_project_id ON clients (tenant_id, project_id) WHERE project_id IS NOT NULL;

-- By the time of the newest change: every change moves one row here.
CREATE TABLE client_times (
    tenant_id BLOB NOT NULL,
    updated_at INTEGER NOT NULL,
    client_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, updated_at, client_id)
) STRICT, WITHOUT ROWID;

INSERT INTO client_times SELECT tenant_id, updated_at, id FROM clients;

-- How many clients there are. In shards, so that writers do not meet at one row.
CREATE TABLE client_counts (
    tenant_id BLOB NOT NULL,
    status TEXT NOT NULL,
    collection_mode TEXT NOT NULL,
    shard INTEGER NOT NULL,
    clients INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, status, collection_mode, shard)
) STRICT, WITHOUT ROWID;

INSERT INTO client_counts
    SELECT tenant_id, status, collection_mode, 0, count(*) FROM clients GROUP BY 1, 2, 3;

-- Folded: `name` to sort by, `text` to search in; and what never changes of a client, so that a
-- search need not look at its record. `place` is the row's id in the index below; the places of a
-- tenant lie together.
CREATE TABLE client_listings (
    place INTEGER PRIMARY KEY,
    tenant_id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
) STRICT;

CREATE UNIQUE INDEX client_listings_client_id ON client_listings (tenant_id, client_id);
CREATE INDEX client_listings_name ON client_listings (tenant_id, name, client_id);

-- The first place of each tenant, less one.
CREATE TABLE client_places (
    tenant_id BLOB PRIMARY KEY,
    base INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- The sets of three letters of each text.
CREATE VIRTUAL TABLE client_trigrams USING fts5 (
    text,
    content = 'client_listings',
    content_rowid = 'place',
    columnsize = 0,
    detail = none,
    tokenize = 'trigram case_sensitive 1'
);

-- Places whose text has changed since the index was last brought up to date, with the text that it
-- has of them. It takes changes in the order of places at a fraction of what one by one would cost.
CREATE TABLE client_trigrams_pending (
    place INTEGER PRIMARY KEY,
    indexed TEXT
) STRICT;

-- Clients without a listing get theirs when the program starts.
INSERT INTO settings (name, value) SELECT 'unlisted', x'01' WHERE EXISTS (SELECT 1 FROM clients);
