-- Imports: how far each has come and what it has told, changed in the transaction of each batch.

CREATE TABLE imports (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    id BLOB NOT NULL,
    -- What was asked for: another file or other wishes are another import.
    terms TEXT NOT NULL,
    read_rows INTEGER NOT NULL DEFAULT 0,
    created_rows INTEGER NOT NULL DEFAULT 0,
    updated_rows INTEGER NOT NULL DEFAULT 0,
    unchanged_rows INTEGER NOT NULL DEFAULT 0,
    failed_rows INTEGER NOT NULL DEFAULT 0,
    finished INTEGER NOT NULL DEFAULT 0,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX imports_changed_at ON imports (tenant_id, changed_at);

-- Rows that failed, in the order in which that was found, with the rules they break.
CREATE TABLE import_errors (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    import_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    row_number INTEGER NOT NULL,
    violations TEXT NOT NULL,
    PRIMARY KEY (tenant_id, import_id, sequence)
) STRICT, WITHOUT ROWID;

-- Rows whose parent was not there yet, as JSON.
CREATE TABLE import_waiting (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    import_id BLOB NOT NULL,
    row_number INTEGER NOT NULL,
    contents TEXT NOT NULL,
    PRIMARY KEY (tenant_id, import_id, row_number)
) STRICT, WITHOUT ROWID;

-- An import may bring a token's value.
CREATE UNIQUE INDEX enrollment_tokens_value ON enrollment_tokens (tenant_id, value);
