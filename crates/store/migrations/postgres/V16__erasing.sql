-- Whoever erases a client looks for its values, and so does the foreign key.
CREATE INDEX client_values_client_id ON client_values (tenant_id, client_id);
