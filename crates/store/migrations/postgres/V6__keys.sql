-- Answers to calls that came with an idempotency key, for repeats of these calls. They go after a
-- day, and hold client data: erasure empties them.
--
-- `tenant_id` is the caller's, the system's own for operators. `scope` is the SHA-256 of who called
-- what with which key, `fingerprint` that of what was sent along. Without a `body` the answer is not
-- to be repeated. `client_id` is whom the answer is about, `parent_id` whose name it shows beside.
-- `permissions` are those that its changes took, with spaces between them: a repeat takes them too.

CREATE TABLE kept_answers (
    tenant_id uuid NOT NULL,
    scope bytea NOT NULL,
    fingerprint bytea NOT NULL,
    created_at timestamptz NOT NULL,
    status bigint NOT NULL,
    version bigint,
    location text COLLATE "C",
    body bytea,
    made_id uuid,
    client_id uuid,
    parent_id uuid,
    permissions text COLLATE "C" NOT NULL,
    CONSTRAINT kept_answers_scope PRIMARY KEY (tenant_id, scope)
);

CREATE INDEX kept_answers_created_at ON kept_answers (created_at);
CREATE INDEX kept_answers_client_id ON kept_answers (tenant_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX kept_answers_parent_id ON kept_answers (tenant_id, parent_id) WHERE parent_id IS NOT NULL;
