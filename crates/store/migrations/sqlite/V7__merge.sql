-- Two records of one client joined: the one that was given up stays, with its trail, and leads to the
-- other. It stands in no list.

ALTER TABLE clients ADD COLUMN merged_into BLOB;

-- Lists by number, and by status and number, pass it over without looking.
CREATE INDEX clients_listed ON clients (tenant_id, number) WHERE merged_into IS NULL;
DROP INDEX clients_status;
CREATE INDEX clients_status ON clients (tenant_id, status, number) WHERE merged_into IS NULL;
-- What leads to a client.
CREATE INDEX clients_merged_into ON clients (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
