-- External ids that a record gave to the one it was joined to: they lead there through it, also once the
-- other has a new one.
CREATE TABLE merged_external_ids (
    tenant_id BLOB NOT NULL,
    external_id TEXT NOT NULL,
    client_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, external_id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX merged_external_ids_client ON merged_external_ids (tenant_id, client_id);
