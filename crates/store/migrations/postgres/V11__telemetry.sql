-- What agents collect, and what they were refused. No foreign keys to devices and users: rows come in
-- thousands, and go with their device or user (`telemetry.rs`).

-- What is installed somewhere at a client, each name, version and publisher once. `id` follows from
-- them, so nobody looks it up.
CREATE TABLE software (
    tenant_id uuid NOT NULL,
    client_id uuid NOT NULL,
    id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    -- Folded, to sort by and to search in.
    folded_name text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    publisher text COLLATE "C",
    CONSTRAINT software_client_id_id PRIMARY KEY (tenant_id, client_id, id)
);

CREATE INDEX software_folded_name ON software (tenant_id, client_id, folded_name, id);

-- Where it is installed. `source` is empty where the agent does not say.
CREATE TABLE installed_software (
    tenant_id uuid NOT NULL,
    device_id uuid NOT NULL,
    software_id uuid NOT NULL,
    source text COLLATE "C" NOT NULL,
    client_id uuid NOT NULL,
    installed_at timestamptz,
    CONSTRAINT installed_software_device_id_software_id_source PRIMARY KEY (tenant_id, device_id, software_id, source)
);

CREATE INDEX installed_software_software_id ON installed_software (tenant_id, client_id, software_id, device_id);

-- What users used, summed up by day: days count from 1970-01-01, in UTC.
CREATE TABLE usage_days (
    tenant_id uuid NOT NULL,
    client_id uuid NOT NULL,
    day bigint NOT NULL,
    device_id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    seconds bigint NOT NULL,
    visits bigint NOT NULL,
    CONSTRAINT usage_days_day PRIMARY KEY (tenant_id, client_id, day, device_id, user_id, kind, name)
) WITH (fillfactor = 80);

CREATE INDEX usage_days_user_id ON usage_days (tenant_id, user_id);

-- Which records of usage are counted: half of the SHA-256 of each one's id. They stay as long as their
-- day may be sent again.
CREATE TABLE usage_records (
    tenant_id uuid NOT NULL,
    device_id uuid NOT NULL,
    digest uuid NOT NULL,
    day bigint NOT NULL,
    CONSTRAINT usage_records_device_id_digest PRIMARY KEY (tenant_id, device_id, digest)
);

-- What agents log, where somebody asked for it.
CREATE TABLE agent_logs (
    tenant_id uuid NOT NULL,
    device_id uuid NOT NULL,
    -- In the order in which they came.
    id uuid NOT NULL,
    client_id uuid NOT NULL,
    logged_at timestamptz NOT NULL,
    level text COLLATE "C" NOT NULL,
    message text COLLATE "C" NOT NULL,
    CONSTRAINT agent_logs_device_id_id PRIMARY KEY (tenant_id, device_id, id)
);

-- How often a device sent what may not be collected; nothing else of it is kept.
CREATE TABLE collection_refusals (
    tenant_id uuid NOT NULL,
    client_id uuid NOT NULL,
    device_id uuid NOT NULL,
    payload text COLLATE "C" NOT NULL,
    refused bigint NOT NULL,
    last_refused_at timestamptz NOT NULL,
    CONSTRAINT collection_refusals_device_id_payload PRIMARY KEY (tenant_id, client_id, device_id, payload)
) WITH (fillfactor = 80);

-- Whether records of a key began before its user was deleted.
CREATE INDEX device_users_deleted_user_key ON device_users (tenant_id, client_id, user_key)
    WHERE status = 'deleted';
