-- An import may bring a token's value, and whoever holds one is not asked for the tenant.
CREATE INDEX enrollment_tokens_of_value ON enrollment_tokens (value);

-- What clients that were erased were known by, so that no import gives it to another one.
CREATE TABLE spent_client_names (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    number bigint NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    CONSTRAINT spent_client_names_number PRIMARY KEY (tenant_id, number)
);

CREATE UNIQUE INDEX spent_client_names_object_id ON spent_client_names (tenant_id, object_id);
