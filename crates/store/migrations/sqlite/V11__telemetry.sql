-- What agents collect, and what they were refused. No foreign keys to devices and users: rows come in
-- thousands, and go with their device or user (`telemetry.rs`).

-- What is installed somewhere at a client, each name, version and publisher once. `id` follows from
-- them, so nobody looks it up.
CREATE TABLE software (
    tenant_id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    -- Folded, to sort by and to search in.
    folded_name TEXT NOT NULL,
    version TEXT NOT NULL,
    publisher TEXT,
    PRIMARY KEY (tenant_id, client_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX software_folded_name ON software (tenant_id, client_id, folded_name, id);

-- Where it is installed. `source` is empty where the agent does not say.
CREATE TABLE installed_software (
    tenant_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    software_id BLOB NOT NULL,
    source TEXT NOT NULL,
    client_id BLOB NOT NULL,
    installed_at INTEGER,
    PRIMARY KEY (tenant_id, device_id, software_id, source)
) STRICT, WITHOUT ROWID;

CREATE INDEX installed_software_software_id ON installed_software (tenant_id, client_id, software_id, device_id);

-- What users used, summed up by day: days count from 1970-01-01, in UTC.
CREATE TABLE usage_days (
    tenant_id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    day INTEGER NOT NULL,
    device_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    visits INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, client_id, day, device_id, user_id, kind, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_days_user_id ON usage_days (tenant_id, user_id);

-- Which records of usage are counted: half of the SHA-256 of each one's id. They stay as long as their
-- day may be sent again.
CREATE TABLE usage_records (
    tenant_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    digest BLOB NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, device_id, digest)
) STRICT, WITHOUT ROWID;

-- What agents log, where somebody asked for it.
CREATE TABLE agent_logs (
    tenant_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    -- In the order in which they came.
    id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    logged_at INTEGER NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (tenant_id, device_id, id)
) STRICT, WITHOUT ROWID;

-- How often a device sent what may not be collected; nothing else of it is kept.
CREATE TABLE collection_refusals (
    tenant_id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    payload TEXT NOT NULL,
    refused INTEGER NOT NULL,
    last_refused_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, client_id, device_id, payload)
) STRICT, WITHOUT ROWID;

-- Whether records of a key began before its user was deleted.
CREATE INDEX device_users_deleted_user_key ON device_users (tenant_id, client_id, user_key)
    WHERE status = 'deleted';
