-- Imports: how far each has come and what it has told, changed in the transaction of each batch.

CREATE TABLE imports (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id uuid NOT NULL,
    -- What was asked for: another file or other wishes are another import.
    terms text COLLATE "C" NOT NULL,
    read_rows bigint NOT NULL DEFAULT 0,
    created_rows bigint NOT NULL DEFAULT 0,
    updated_rows bigint NOT NULL DEFAULT 0,
    unchanged_rows bigint NOT NULL DEFAULT 0,
    failed_rows bigint NOT NULL DEFAULT 0,
    finished boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL,
    CONSTRAINT imports_id PRIMARY KEY (tenant_id, id)
);

CREATE INDEX imports_changed_at ON imports (tenant_id, changed_at);

-- Rows that failed, in the order in which that was found, with the rules they break.
CREATE TABLE import_errors (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    import_id uuid NOT NULL,
    sequence bigint NOT NULL,
    row_number bigint NOT NULL,
    violations text COLLATE "C" NOT NULL,
    CONSTRAINT import_errors_sequence PRIMARY KEY (tenant_id, import_id, sequence)
);

-- Rows whose parent was not there yet, as JSON.
CREATE TABLE import_waiting (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    import_id uuid NOT NULL,
    row_number bigint NOT NULL,
    contents text COLLATE "C" NOT NULL,
    CONSTRAINT import_waiting_row_number PRIMARY KEY (tenant_id, import_id, row_number)
);

-- An import may bring a token's value.
CREATE UNIQUE INDEX enrollment_tokens_value ON enrollment_tokens (tenant_id, value);
