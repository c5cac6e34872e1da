-- An import may bring a token's value, and whoever holds one is not asked for the tenant.
CREATE INDEX enrollment_tokens_of_value ON enrollment_tokens (value);

-- What clients that were erased were known by, so that no import gives it to another one.
CREATE TABLE spent_client_names (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    number INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, number)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX spent_client_names_object_id ON spent_client_names (tenant_id, object_id);
