-- Clients that are made and ended through the surfaces, and tenants that change.

-- When the workspace surface removed a client; it hides it while this stands.
ALTER TABLE clients ADD COLUMN workspace_deleted_at INTEGER;

-- Counts a tenant's accepted changes.
ALTER TABLE tenants ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

-- Lists, newest first.
CREATE INDEX tenants_created_at ON tenants (created_at, id);
CREATE INDEX enrollment_tokens_created_at ON enrollment_tokens (tenant_id, client_id, created_at, id);
