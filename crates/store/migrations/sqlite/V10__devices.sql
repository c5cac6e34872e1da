-- Devices of a client, the users seen on them, and departments.

-- No index has when a device was last seen: that changes all the time. Lists read the devices of one
-- client.
CREATE TABLE devices (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    unique_key TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Folded, to sort by and to search in.
    folded_name TEXT NOT NULL,
    serial_number TEXT,
    os_name TEXT NOT NULL,
    os_version TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    hardware TEXT,
    extensions TEXT,
    -- NULL where there are none.
    deployment_errors TEXT,
    deployment_error_count INTEGER NOT NULL,
    collection_state TEXT NOT NULL,
    log_shipping_enabled INTEGER NOT NULL,
    -- The enrolment token that let it in; none where an import or a sample did.
    enrolled_with BLOB,
    installed_at INTEGER NOT NULL,
    last_seen_at INTEGER,
    -- When its agent said its last word.
    uninstalled_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
) STRICT;

CREATE INDEX devices_client_id ON devices (tenant_id, client_id, id);
-- The key of a deleted device starts a new one.
CREATE UNIQUE INDEX devices_client_id_unique_key ON devices (tenant_id, client_id, unique_key)
    WHERE collection_state <> 'deleted';

-- What a device of an erased client is known by until its agent has said its last word: its token
-- still hears that it must go.
CREATE TABLE device_tombstones (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    device_id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE device_users (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    user_key TEXT NOT NULL,
    username TEXT NOT NULL,
    -- Folded, to sort by and to search in.
    folded_username TEXT NOT NULL,
    status TEXT NOT NULL,
    -- When the user was last active, in applications and in a browser.
    desktop_at INTEGER,
    web_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
) STRICT;

CREATE INDEX device_users_client_id ON device_users (tenant_id, client_id, id);
-- A deleted user keeps its row; the person starts a new one.
CREATE UNIQUE INDEX device_users_client_id_user_key ON device_users (tenant_id, client_id, user_key)
    WHERE status <> 'deleted';

-- Which user was seen on which device.
CREATE TABLE device_user_sightings (
    tenant_id BLOB NOT NULL,
    device_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    enrolled_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, device_id, user_id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES devices (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES device_users (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_user_sightings_user_id ON device_user_sightings (tenant_id, user_id, device_id);

CREATE TABLE departments (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
) STRICT;

CREATE UNIQUE INDEX departments_client_id_name ON departments (tenant_id, client_id, name);

CREATE TABLE department_members (
    tenant_id BLOB NOT NULL,
    department_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, department_id, user_id),
    FOREIGN KEY (tenant_id, department_id) REFERENCES departments (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES device_users (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX department_members_user_id ON department_members (tenant_id, user_id, department_id);

-- Counts what changes of what a client's agents are told, from its first device on. Moved in the
-- transaction of the change.
CREATE TABLE agent_configs (
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    client_id BLOB NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
) STRICT, WITHOUT ROWID;
