-- Devices of a client, the users seen on them, and departments.

-- No index has when a device was last seen: that changes all the time. Lists read the devices of one
-- client.
CREATE TABLE devices (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    client_id uuid NOT NULL,
    unique_key text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    -- Folded, to sort by and to search in.
    folded_name text COLLATE "C" NOT NULL,
    serial_number text COLLATE "C",
    os_name text COLLATE "C" NOT NULL,
    os_version text COLLATE "C" NOT NULL,
    agent_version text COLLATE "C" NOT NULL,
    hardware jsonb,
    extensions jsonb,
    -- NULL where there are none.
    deployment_errors jsonb,
    deployment_error_count bigint NOT NULL,
    collection_state text COLLATE "C" NOT NULL,
    log_shipping_enabled boolean NOT NULL,
    -- The enrolment token that let it in; none where an import or a sample did.
    enrolled_with uuid,
    installed_at timestamptz NOT NULL,
    last_seen_at timestamptz,
    -- When its agent said its last word.
    uninstalled_at timestamptz,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT devices_id PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
) WITH (fillfactor = 70);

CREATE INDEX devices_client_id ON devices (tenant_id, client_id, id);
-- The key of a deleted device starts a new one.
CREATE UNIQUE INDEX devices_client_id_unique_key ON devices (tenant_id, client_id, unique_key)
    WHERE collection_state <> 'deleted';

-- What a device of an erased client is known by until its agent has said its last word: its token
-- still hears that it must go.
CREATE TABLE device_tombstones (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    device_id uuid NOT NULL,
    client_id uuid NOT NULL,
    CONSTRAINT device_tombstones_device_id PRIMARY KEY (tenant_id, device_id)
);

CREATE TABLE device_users (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    client_id uuid NOT NULL,
    user_key text COLLATE "C" NOT NULL,
    username text COLLATE "C" NOT NULL,
    -- Folded, to sort by and to search in.
    folded_username text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    -- When the user was last active, in applications and in a browser.
    desktop_at timestamptz,
    web_at timestamptz,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT device_users_id PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
) WITH (fillfactor = 70);

CREATE INDEX device_users_client_id ON device_users (tenant_id, client_id, id);
-- A deleted user keeps its row; the person starts a new one.
CREATE UNIQUE INDEX device_users_client_id_user_key ON device_users (tenant_id, client_id, user_key)
    WHERE status <> 'deleted';

-- Which user was seen on which device.
CREATE TABLE device_user_sightings (
    tenant_id uuid NOT NULL,
    device_id uuid NOT NULL,
    user_id uuid NOT NULL,
    enrolled_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    CONSTRAINT device_user_sightings_device_id_user_id PRIMARY KEY (tenant_id, device_id, user_id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES devices (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES device_users (tenant_id, id)
) WITH (fillfactor = 70);

CREATE INDEX device_user_sightings_user_id ON device_user_sightings (tenant_id, user_id, device_id);

CREATE TABLE departments (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    client_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    description text COLLATE "C",
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT departments_id PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
);

CREATE UNIQUE INDEX departments_client_id_name ON departments (tenant_id, client_id, name);

CREATE TABLE department_members (
    tenant_id uuid NOT NULL,
    department_id uuid NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT department_members_department_id_user_id PRIMARY KEY (tenant_id, department_id, user_id),
    FOREIGN KEY (tenant_id, department_id) REFERENCES departments (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES device_users (tenant_id, id)
);

CREATE INDEX department_members_user_id ON department_members (tenant_id, user_id, department_id);

-- Counts what changes of what a client's agents are told, from its first device on. Moved in the
-- transaction of the change.
CREATE TABLE agent_configs (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    client_id uuid NOT NULL,
    revision bigint NOT NULL,
    CONSTRAINT agent_configs_client_id PRIMARY KEY (tenant_id, client_id)
) WITH (fillfactor = 70);
