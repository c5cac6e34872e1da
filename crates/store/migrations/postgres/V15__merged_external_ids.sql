-- External ids that a record gave to the one it was joined to: they lead there through it, also once the
-- other has a new one.
CREATE TABLE merged_external_ids (
    tenant_id uuid NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    client_id uuid NOT NULL,
    CONSTRAINT merged_external_ids_external_id PRIMARY KEY (tenant_id, external_id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
);

CREATE INDEX merged_external_ids_client ON merged_external_ids (tenant_id, client_id);
