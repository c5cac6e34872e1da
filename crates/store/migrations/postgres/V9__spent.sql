-- An import may bring a token's value, and whoever holds one is not asked for the tenant.
DROP INDEX enrollment_tokens_value;
CREATE UNIQUE INDEX enrollment_tokens_value ON enrollment_tokens (value);

-- What clients that were erased were known by, so that no import gives it to another one.
CREATE TABLE spent_client_names (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    number bigint NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    CONSTRAINT spent_client_names_number PRIMARY KEY (tenant_id, number)
);

CREATE UNIQUE INDEX spent_client_names_object_id ON spent_client_names (tenant_id, object_id);

CREATE FUNCTION spend_client_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spent_client_names (tenant_id, number, object_id)
    VALUES (OLD.tenant_id, OLD.number, OLD.object_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER spend_client_names AFTER DELETE ON clients
FOR EACH ROW EXECUTE FUNCTION spend_client_names();
