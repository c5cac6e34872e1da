//! Clients, read with what every surface shows beside them.

mod parent;

pub use parent::Parent;

use crate::error::DbError;
use crate::fields::{self, Asked};
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use crate::{agent_configs, client_listings, client_values};
use clientbook_model::audit::ChainHead;
use clientbook_model::client::Client;
use clientbook_model::contact::EmailAddress;
use clientbook_model::custom_field::CustomValues;
use clientbook_model::enrollment::EnrollmentToken;
use clientbook_model::field::Fields;
use clientbook_model::id::{ClientId, ClientNumber, EnrollmentTokenId, ObjectId, TenantId};
use clientbook_model::number::Reference;
use clientbook_model::status::Status;
use clientbook_model::success::{ClientType, Success};
use clientbook_model::tenant::Tenant;
use clientbook_model::text::{ScopeId, Text};
use clientbook_model::web::WebUrl;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// A client and its surroundings, as of one snapshot.
#[derive(Debug, Clone)]
pub struct ClientRecord {
    /// The client.
    pub client: Client,
    /// Its tenant.
    pub tenant: Tenant,
    /// Its enrolment token that is not revoked; it may have expired or been used up.
    pub enrollment_token: Option<EnrollmentToken>,
    /// Its parent.
    pub parent: Option<Parent>,
    /// Its type.
    pub client_type: Option<ClientType>,
    /// Its tenant's definitions of custom fields, if there ever was one.
    pub fields: Option<Arc<Fields>>,
}

/// How a caller names a client within a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientKey {
    /// By UUID.
    Id(ClientId),
    /// By number.
    Number(ClientNumber),
    /// By 24 hex digits.
    ObjectId(ObjectId),
}

macro_rules! select_record {
    ($condition:literal) => {
        concat!(
            "SELECT c.id, c.tenant_id, c.number, c.object_id, c.name, c.status, c.collection_mode,
                c.email, c.tags, c.org_id, c.project_id, c.owner_id, c.avatar_url,
                c.contact_methods, c.custom_values, c.external_id, c.parent_client_id,
                c.client_type_id, c.success, c.version, c.created_at, c.updated_at, c.audit_count,
                c.audit_hash, t.slug, t.object_id, t.name, t.created_at, e.id, e.value,
                e.description, e.site_id, e.max_uses, e.uses, e.expires_at, e.created_at, p.id,
                p.number, p.name, y.id, y.title, t.version, c.workspace_deleted_at, t.strict_fields,
                t.fields_revision, c.merged_into, p.org_id, p.project_id, p.status
             FROM clients c
             JOIN tenants t ON t.id = c.tenant_id
             LEFT JOIN enrollment_tokens e
                ON e.tenant_id = c.tenant_id AND e.client_id = c.id AND e.revoked_at IS NULL
             LEFT JOIN clients p
                ON p.tenant_id = c.tenant_id AND p.number = c.parent_client_id
             LEFT JOIN client_types y
                ON y.tenant_id = c.tenant_id AND y.id = c.client_type_id
             WHERE c.tenant_id = $1 AND ",
            $condition
        )
    };
}

macro_rules! lock_by {
    ($column:literal) => {
        concat!(
            "SELECT 1 FROM clients WHERE tenant_id = $1 AND ",
            $column,
            " = $2 FOR NO KEY UPDATE"
        )
    };
}

/// The client that `key` names in `tenant`.
pub async fn get(
    tx: &mut Tx,
    tenant: TenantId,
    key: ClientKey,
) -> Result<Option<ClientRecord>, DbError> {
    for _ in 0..ATTEMPTS {
        let Some(mut record) = read(tx, tenant, key).await? else {
            return Ok(None);
        };
        if let Asked::Found(fields) = fields::of(tx, &record.tenant).await? {
            record.fields = fields;
            return Ok(Some(record));
        }
    }
    Err(DbError::Unavailable(RESTLESS.into()))
}

/// Like `get` by UUID, but without the definitions of custom fields, which may be damaged where the
/// client is not.
pub async fn without_fields(
    tx: &mut Tx,
    tenant: TenantId,
    id: ClientId,
) -> Result<Option<ClientRecord>, DbError> {
    read(tx, tenant, ClientKey::Id(id)).await
}

/// How often a client is read again because its tenant's definitions changed meanwhile.
const ATTEMPTS: usize = 20;

const RESTLESS: &str = "the definitions of custom fields change all the time";

async fn read(
    tx: &mut Tx,
    tenant: TenantId,
    key: ClientKey,
) -> Result<Option<ClientRecord>, DbError> {
    match key {
        ClientKey::Id(id) => tx.opt(BY_ID, &[tenant.into(), id.into()], record).await,
        ClientKey::Number(number) => {
            tx.opt(BY_NUMBER, &[tenant.into(), number.into()], record).await
        }
        ClientKey::ObjectId(id) => {
            let id = id.to_string();
            tx.opt(BY_OBJECT_ID, &[tenant.into(), (&id).into()], record).await
        }
    }
}

/// Like `get`, and keeps the row from other writers until the transaction ends.
pub async fn get_for_update(
    tx: &mut Tx,
    tenant: TenantId,
    key: ClientKey,
) -> Result<Option<ClientRecord>, DbError> {
    // By itself first: who had to wait for the row must see all of what was waited for.
    let object_id;
    let (sql, key_arg): (_, Value<'_>) = match key {
        ClientKey::Id(id) => (lock_by!("id"), id.into()),
        ClientKey::Number(number) => (lock_by!("number"), number.into()),
        ClientKey::ObjectId(id) => {
            object_id = id.to_string();
            (lock_by!("object_id"), (&object_id).into())
        }
    };
    tx.lock(sql, &[tenant.into(), key_arg]).await?;
    get(tx, tenant, key).await
}

const BY_ID: &str = select_record!("c.id = $2");
const BY_NUMBER: &str = select_record!("c.number = $2");
const BY_OBJECT_ID: &str = select_record!("c.object_id = $2");

/// The tenant of a client's UUID; crosses tenants, for operators' calls that name no tenant.
pub async fn tenant_across_tenants(tx: &mut Tx, id: ClientId) -> Result<Option<TenantId>, DbError> {
    tx.opt("SELECT tenant_id FROM client_ids WHERE id = $1", &[id.into()], |row| row.get(0)).await
}

/// The status of a client, without the rest.
pub async fn status(
    tx: &mut Tx,
    tenant: TenantId,
    id: ClientId,
) -> Result<Option<Status>, DbError> {
    let sql = "SELECT status FROM clients WHERE tenant_id = $1 AND id = $2";
    tx.opt(sql, &[tenant.into(), id.into()], |row| row.name(0)).await
}

/// Whether making `parent` the parent of `child` would close a circle: `child` is `parent` itself
/// or stands above it. `UNION` ends the walk on damaged data too.
pub async fn is_above_or_same(
    tx: &mut Tx,
    tenant: TenantId,
    child: ClientNumber,
    parent: i64,
) -> Result<bool, DbError> {
    let sql = "WITH RECURSIVE above (number) AS (
            SELECT CAST($1 AS bigint)
            UNION
            SELECT c.parent_client_id FROM clients c JOIN above a ON c.number = a.number
            WHERE c.tenant_id = $2 AND c.parent_client_id IS NOT NULL
        )
        SELECT count(*) FROM above WHERE number = $3";
    let args = [parent.into(), tenant.into(), child.into()];
    let found: i64 = tx.one(sql, &args, |row| row.get(0)).await?;
    Ok(found > 0)
}

/// The clients whose parent has this number, at most `limit`.
pub async fn children(
    tx: &mut Tx,
    tenant: TenantId,
    parent: ClientNumber,
    limit: i64,
) -> Result<Vec<ClientId>, DbError> {
    // Sorted here: asked for the order, SQLite walks all of the tenant's clients in it.
    let sql = "SELECT id FROM clients WHERE tenant_id = $1 AND parent_client_id = $2 LIMIT $3";
    let args = [tenant.into(), parent.into(), limit.into()];
    let mut found: Vec<ClientId> = tx.all(sql, &args, |row| row.get(0)).await?;
    found.sort();
    Ok(found)
}

/// The clients with these ids, in this order, without those that are not there.
pub async fn get_all(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[ClientId],
) -> Result<Vec<ClientRecord>, DbError> {
    let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let sql = tx.worded([
        select_record!("c.id IN (SELECT unhex(value) FROM json_each($2))"),
        select_record!("c.id = ANY($2)"),
    ]);
    let records = all_of(tx, tenant, sql, &uuids).await?;
    let keyed = records.into_iter().map(|record| (record.client.id, record));
    let mut by_id: HashMap<_, _> = keyed.collect();
    Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
}

async fn all_of(
    tx: &mut Tx,
    tenant: TenantId,
    sql: &'static str,
    ids: &[Uuid],
) -> Result<Vec<ClientRecord>, DbError> {
    for _ in 0..ATTEMPTS {
        let mut records = tx.all(sql, &[tenant.into(), Value::Uuids(ids)], record).await?;
        // One statement shows one state: all have the same tenant.
        let Some(first) = records.first() else {
            return Ok(records);
        };
        if let Asked::Found(fields) = fields::of(tx, &first.tenant).await? {
            for record in &mut records {
                record.fields.clone_from(&fields);
            }
            return Ok(records);
        }
    }
    Err(DbError::Unavailable(RESTLESS.into()))
}

/// The definitions of a tenant's custom fields, as of the moment it was read or later.
pub async fn fields_of(tx: &mut Tx, tenant: &Tenant) -> Result<Option<Arc<Fields>>, DbError> {
    match fields::of(tx, tenant).await? {
        Asked::Found(fields) => Ok(fields),
        Asked::Changed => fields::list(tx, tenant.id).await.map(|fields| Some(Arc::new(fields))),
    }
}

/// Adds a client. `fields` are its tenant's definitions.
pub async fn insert(tx: &mut Tx, client: &Client, fields: Option<&Fields>) -> Result<(), DbError> {
    let sql = "INSERT INTO client_ids (id, tenant_id) VALUES ($1, $2)";
    tx.send(&[], sql, &[client.id.into(), client.tenant_id.into()]).await?;
    let sql =
        "INSERT INTO clients (tenant_id, id, number, object_id, created_at, name, email, tags,
            owner_id, avatar_url, contact_methods, custom_values, success, version, updated_at,
            audit_count, audit_hash, bytes, status, collection_mode, org_id, project_id,
            external_id, parent_client_id, client_type_id, workspace_deleted_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24, $25, $26)";
    let (json, object_id) = (JsonColumns::of(client)?, client.object_id.to_string());
    let [tenant, id] = [client.tenant_id.into(), client.id.into()];
    let identity =
        [tenant, id, client.number.into(), (&object_id).into(), client.created_at.into()];
    let args: Vec<Value<'_>> = identity.into_iter().chain(columns(client, &json)).collect();
    tx.send(&[client.id.0], sql, &args).await?;
    client_values::change(tx, &CustomValues::new(), client, fields).await?;
    client_listings::add(tx, client).await
}

/// Writes what can change of a client. `old` is the client as it was read in this transaction, and
/// `fields` are its tenant's definitions.
pub async fn update(
    tx: &mut Tx,
    old: &Client,
    client: &Client,
    fields: Option<&Fields>,
) -> Result<(), DbError> {
    // SQLite takes an entry out of an index and puts it back wherever a statement names its column,
    // so most changes name none.
    let plain =
        "UPDATE clients SET name = $1, email = $2, tags = $3, owner_id = $4, avatar_url = $5,
            contact_methods = $6, custom_values = $7, success = $8, version = $9, updated_at = $10,
            audit_count = $11, audit_hash = $12, bytes = $13
        WHERE tenant_id = $14 AND id = $15";
    let sql = "UPDATE clients SET name = $1, email = $2, tags = $3, owner_id = $4, avatar_url = $5,
            contact_methods = $6, custom_values = $7, success = $8, version = $9, updated_at = $10,
            audit_count = $11, audit_hash = $12, bytes = $13, status = $14, collection_mode = $15,
            org_id = $16, project_id = $17, external_id = $18, parent_client_id = $19,
            client_type_id = $20, workspace_deleted_at = $21
        WHERE tenant_id = $22 AND id = $23";
    let json = JsonColumns::of(client)?;
    let identity = [client.tenant_id.into(), client.id.into()];
    let columns = columns(client, &json).into_iter();
    if indexed(old) == indexed(client) {
        let args: Vec<Value<'_>> = columns.take(PLAIN).chain(identity).collect();
        tx.send(&[client.id.0], plain, &args).await?;
    } else {
        let args: Vec<Value<'_>> = columns.chain(identity).collect();
        tx.send(&[client.id.0], sql, &args).await?;
    }
    agent_configs::bump_if_told(tx, old, client).await?;
    client_values::change(tx, &old.custom_values, client, fields).await?;
    client_listings::change(tx, old, client).await
}

/// The heads of a tenant's clients' chains, by id, starting with `from`.
pub async fn heads(
    tx: &mut Tx,
    tenant: TenantId,
    from: ClientId,
    limit: i64,
) -> Result<Vec<(ClientId, ChainHead)>, DbError> {
    let sql = "SELECT id, audit_count, audit_hash FROM clients
        WHERE tenant_id = $1 AND id >= $2 ORDER BY id LIMIT $3";
    let head =
        |row: &Row<'_>| Ok((row.get(0)?, ChainHead { count: row.get(1)?, hash: row.get(2)? }));
    tx.all(sql, &[tenant.into(), from.into(), limit.into()], head).await
}

/// How many columns come before those that are indexed or refer to other rows.
const PLAIN: usize = 13;

fn indexed(client: &Client) -> impl PartialEq {
    let Client { status, collection_mode, workspace_deleted_at, .. } = client;
    let scopes = (client.org_id.as_ref(), client.project_id.as_ref(), client.external_id.as_ref());
    let others = (client.parent_client_id, client.client_type_id);
    (status, collection_mode, workspace_deleted_at, scopes, others)
}

/// The status of each of these clients that is there, and where it leads.
pub async fn statuses(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[ClientId],
) -> Result<Vec<(Status, Option<ClientId>)>, DbError> {
    let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let sql = tx.worded([
        "SELECT status, merged_into FROM clients
            WHERE tenant_id = $1 AND id IN (SELECT unhex(value) FROM json_each($2))",
        "SELECT status, merged_into FROM clients WHERE tenant_id = $1 AND id = ANY($2)",
    ]);
    let args = [tenant.into(), Value::Uuids(&uuids)];
    tx.all(sql, &args, |row| Ok((row.name(0)?, row.get(1)?))).await
}

/// Writes the head of a client's chain, where entries came that change nothing of the client.
pub async fn set_chain_head(tx: &mut Tx, client: &Client) -> Result<(), DbError> {
    let sql = "UPDATE clients SET audit_count = $1, audit_hash = $2
        WHERE tenant_id = $3 AND id = $4";
    let head = &client.audit;
    let args = [head.count.into(), (&head.hash).into(), client.tenant_id.into(), client.id.into()];
    tx.send(&[client.id.0], sql, &args).await
}

/// The JSON columns; NULL where there is nothing to say, so that reading costs no parse.
struct JsonColumns {
    tags: Option<String>,
    contact_methods: Option<String>,
    custom_values: Option<String>,
    success: Option<String>,
    /// Bytes of these and of the record's other long texts.
    bytes: i64,
}

impl JsonColumns {
    fn of(client: &Client) -> Result<Self, DbError> {
        let tags = json(&client.tags, client.tags.is_empty())?;
        let contact_methods = json(&client.contact_methods, client.contact_methods.is_empty())?;
        let custom_values = json(&client.custom_values, client.custom_values.is_empty())?;
        let success = json(&client.success, client.success == Success::default())?;
        let columns = [&tags, &contact_methods, &custom_values, &success];
        let email = client.email.as_ref().map_or(0, |email| email.as_str().len());
        let bytes = client.name.as_str().len()
            + email
            + columns.into_iter().flatten().map(String::len).sum::<usize>();
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        Ok(Self { tags, contact_methods, custom_values, success, bytes })
    }
}

fn json(value: &impl Serialize, empty: bool) -> Result<Option<String>, DbError> {
    if empty {
        return Ok(None);
    }
    serde_json::to_string(value).map(Some).map_err(|error| DbError::internal(error.to_string()))
}

// In the order of all statements: first those that are in no index.
fn columns<'a>(client: &'a Client, json: &'a JsonColumns) -> [Value<'a>; 21] {
    let json_value = |text: &'a Option<String>| text.as_deref().map_or(Value::Null, Value::Json);
    [
        client.name.as_str().into(),
        client.email.as_ref().map(EmailAddress::as_str).into(),
        json_value(&json.tags),
        client.owner_id.as_ref().map(ScopeId::as_str).into(),
        client.avatar_url.as_ref().map(WebUrl::as_str).into(),
        json_value(&json.contact_methods),
        json_value(&json.custom_values),
        json_value(&json.success),
        client.version.into(),
        client.updated_at.into(),
        client.audit.count.into(),
        (&client.audit.hash).into(),
        json.bytes.into(),
        client.status.as_str().into(),
        client.collection_mode.as_str().into(),
        client.org_id.as_ref().map(ScopeId::as_str).into(),
        client.project_id.as_ref().map(ScopeId::as_str).into(),
        client.external_id.as_ref().map(Text::as_str).into(),
        client.parent_client_id.map(Reference::get).into(),
        client.client_type_id.map(Reference::get).into(),
        client.workspace_deleted_at.into(),
    ]
}

fn record(row: &Row<'_>) -> Result<ClientRecord, DbError> {
    let client = client(row)?;
    let tenant = Tenant {
        id: client.tenant_id,
        slug: row.get(24)?,
        object_id: row.get(25)?,
        name: row.get(26)?,
        created_at: row.get(27)?,
        version: row.get(41)?,
        strict_fields: row.get(43)?,
        fields_revision: row.get(44)?,
    };
    let enrollment_token = match row.get::<Option<EnrollmentTokenId>>(28)? {
        None => None,
        Some(id) => Some(EnrollmentToken {
            id,
            tenant_id: client.tenant_id,
            client_id: client.id,
            value: row.get(29)?,
            description: row.get(30)?,
            site_id: row.get(31)?,
            max_uses: row.get(32)?,
            uses: row.get(33)?,
            expires_at: row.get(34)?,
            created_at: row.get(35)?,
            revoked_at: None,
        }),
    };
    let parent = Parent::read(row)?;
    let client_type = match row.get::<Option<Reference>>(39)? {
        None => None,
        Some(id) => Some(ClientType { id, title: row.get(40)? }),
    };
    let fields = None;
    Ok(ClientRecord { client, tenant, enrollment_token, parent, client_type, fields })
}

fn client(row: &Row<'_>) -> Result<Client, DbError> {
    Ok(Client {
        id: row.get(0)?,
        tenant_id: row.get(1)?,
        number: row.get(2)?,
        object_id: row.get(3)?,
        name: row.get(4)?,
        status: row.name(5)?,
        collection_mode: row.name(6)?,
        email: row.get(7)?,
        tags: row.json(8)?,
        org_id: row.get(9)?,
        project_id: row.get(10)?,
        owner_id: row.get(11)?,
        avatar_url: row.get(12)?,
        contact_methods: row.json(13)?,
        custom_values: row.json(14)?,
        external_id: row.get(15)?,
        parent_client_id: row.get(16)?,
        client_type_id: row.get(17)?,
        success: row.json(18)?,
        version: row.get(19)?,
        created_at: row.get(20)?,
        updated_at: row.get(21)?,
        workspace_deleted_at: row.get(42)?,
        merged_into: row.get(45)?,
        audit: ChainHead { count: row.get(22)?, hash: row.get(23)? },
    })
}
