//! Definitions of custom fields.

use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::field::{Field, FieldDescription, FieldType, Fields, Metadata};
use clientbook_model::id::{FieldId, TenantId};
use clientbook_model::tenant::Tenant;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use std::sync::Arc;
use uuid::Uuid;

/// The most bytes, about, that definitions in memory take.
const MOST: u64 = 16 << 20;

/// Definitions in memory, by tenant and revision: those of a revision never change, on whichever
/// server, so a copy is never too old for whoever asks by revision. What is asked for least makes room:
/// a tenant whose definitions are large, or change all the time, leaves the others theirs.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Cache<Key, Weighed, Weight>>);

type Key = (TenantId, Uuid);

/// With their bytes, which the cache asks for more than once.
type Weighed = (Arc<Fields>, u64);

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Weighed> for Weight {
    fn weight(&self, _key: &Key, (_, bytes): &Weighed) -> u64 {
        *bytes
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl Kept {
    fn of(bytes: u64) -> Self {
        // How many fit if each tenant has a few fields.
        let count = usize::try_from(bytes / 8_192).unwrap_or(usize::MAX);
        // In one piece: the largest definitions would be too large for a part.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(count)
            .weight_capacity(bytes)
            .build();
        let (hash, nothing) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        let cache = match options {
            Ok(options) => Cache::with_options(options, Weight, hash, nothing),
            Err(_) => Cache::with_weighter(count, bytes, Weight),
        };
        Self(Arc::new(cache))
    }

    fn get(&self, tenant: TenantId, revision: Uuid) -> Option<Arc<Fields>> {
        self.0.get(&(tenant, revision)).map(|(fields, _)| fields)
    }

    fn put(&self, tenant: TenantId, revision: Uuid, fields: &Arc<Fields>) {
        let bytes = fields.size() as u64 + 200;
        self.0.insert((tenant, revision), (Arc::clone(fields), bytes));
    }
}

/// Whose definitions were asked for.
pub(crate) enum Asked {
    /// These are as `Tenant::fields_revision` says; `None` if there never was one.
    Found(Option<Arc<Fields>>),
    /// They have changed since the tenant was read.
    Changed,
}

/// The definitions of `tenant` as of the moment it was read.
pub(crate) async fn of(tx: &mut Tx, tenant: &Tenant) -> Result<Asked, DbError> {
    let Some(revision) = tenant.fields_revision else {
        return Ok(Asked::Found(None));
    };
    if let Some(fields) = tx.kept_fields().get(tenant.id, revision) {
        return Ok(Asked::Found(Some(fields)));
    }
    let (newest, fields) = read(tx, tenant.id).await?;
    let fields = Arc::new(Fields::new(fields));
    if let Some(newest) = newest {
        tx.kept_fields().put(tenant.id, newest, &fields);
    }
    Ok(if newest == Some(revision) { Asked::Found(Some(fields)) } else { Asked::Changed })
}

macro_rules! columns {
    () => {
        "f.id, f.number, f.object_id, f.field_key, f.label, f.description, f.kind, f.is_required,
         f.is_unique, f.is_filterable, f.place, f.status, f.metadata, f.version, f.created_at,
         f.updated_at"
    };
}

/// The definitions with the revision that they are of, by one statement: on PostgreSQL two could see
/// different states.
async fn read(tx: &mut Tx, tenant: TenantId) -> Result<(Option<Uuid>, Vec<Field>), DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", t.fields_revision FROM tenants t LEFT JOIN fields f ON f.tenant_id = t.id
         WHERE t.id = $1"
    );
    let mut revision = None;
    let decode = |row: &Row<'_>| {
        revision = row.get(16)?;
        row.get::<Option<FieldId>>(0)?.map(|_| field(row)).transpose()
    };
    let rows = tx.all(sql, &[tenant.into()], decode).await?;
    Ok((revision, rows.into_iter().flatten().collect()))
}

/// The newest definitions, in their order.
pub async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Fields, DbError> {
    Ok(Fields::new(read(tx, tenant).await?.1))
}

/// One definition.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: FieldId) -> Result<Option<Field>, DbError> {
    let sql = concat!("SELECT ", columns!(), " FROM fields f WHERE f.tenant_id = $1 AND f.id = $2");
    tx.opt(sql, &[tenant.into(), id.into()], field).await
}

/// Definitions as they stand in the store, in the order of their numbers, from one on; for
/// verification.
pub async fn stored(
    tx: &mut Tx,
    tenant: TenantId,
    from: i64,
    limit: i64,
) -> Result<Vec<Field>, DbError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM fields f WHERE f.tenant_id = $1 AND f.number >= $2 ORDER BY f.number LIMIT $3"
    );
    tx.all(sql, &[tenant.into(), from.into(), limit.into()], field).await
}

/// Definitions whose values are still being dropped; crosses tenants, for the start of the program.
pub async fn deleting_across_tenants(tx: &mut Tx) -> Result<Vec<(TenantId, FieldId)>, DbError> {
    let sql = "SELECT tenant_id, id FROM fields WHERE status = 'deleting' LIMIT 1000";
    tx.all(sql, &[], |row| Ok((row.get(0)?, row.get(1)?))).await
}

/// Makes the tenant's row for `lock` and `share`.
pub(crate) async fn make_set(tx: &mut Tx, tenant: TenantId) -> Result<(), DbError> {
    let sql = "INSERT INTO field_sets (tenant_id) VALUES ($1) ON CONFLICT (tenant_id) DO NOTHING";
    tx.send(&[], sql, &[tenant.into()]).await
}

/// Keeps everyone else from the tenant's definitions and values until the transaction ends. Taken
/// before the rows of clients, and these before the tenant's row: so nobody waits in a circle.
pub async fn lock(tx: &mut Tx, tenant: TenantId) -> Result<(), DbError> {
    // A server of an older version has made the tenant, perhaps.
    make_set(tx, tenant).await?;
    let sql = "SELECT 1 FROM field_sets WHERE tenant_id = $1 FOR UPDATE";
    tx.lock(sql, &[tenant.into()]).await
}

/// Keeps the tenant's definitions as they are until the transaction ends; for whoever writes values.
pub async fn share(tx: &mut Tx, tenant: TenantId) -> Result<(), DbError> {
    let sql = "SELECT 1 FROM field_sets WHERE tenant_id = $1 FOR KEY SHARE";
    tx.lock(sql, &[tenant.into()]).await
}

/// Takes the tenant's next number of a field.
pub async fn next_number(tx: &mut Tx, tenant: TenantId) -> Result<i64, DbError> {
    let sql = "UPDATE field_sets SET next_number = next_number + 1 WHERE tenant_id = $1
        RETURNING next_number - 1";
    tx.one(sql, &[tenant.into()], |row| row.get(0)).await
}

/// Says that the tenant's definitions are others now: `revision` has never been one of theirs.
pub async fn set_revision(tx: &mut Tx, tenant: TenantId, revision: Uuid) -> Result<(), DbError> {
    let sql = "UPDATE tenants SET fields_revision = $1 WHERE id = $2";
    tx.send(&[tenant.0], sql, &[revision.into(), tenant.into()]).await
}

/// Adds a definition.
pub async fn insert(tx: &mut Tx, tenant: TenantId, field: &Field) -> Result<(), DbError> {
    let sql = "INSERT INTO fields (tenant_id, id, number, object_id, field_key, kind, created_at,
            label, description, is_required, is_unique, is_filterable, place, status, metadata,
            version, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    let (object_id, metadata) = (field.object_id.to_string(), metadata(field)?);
    let identity: [Value<'_>; 7] = [
        tenant.into(),
        field.id.into(),
        field.number.into(),
        (&object_id).into(),
        field.key.as_str().into(),
        field.kind.as_str().into(),
        field.created_at.into(),
    ];
    let args: Vec<_> = identity.into_iter().chain(changing(field, &metadata)).collect();
    tx.send(&[], sql, &args).await
}

/// Writes what can change of a definition.
pub async fn update(tx: &mut Tx, tenant: TenantId, field: &Field) -> Result<(), DbError> {
    let sql = "UPDATE fields SET label = $1, description = $2, is_required = $3, is_unique = $4,
            is_filterable = $5, place = $6, status = $7, metadata = $8, version = $9,
            updated_at = $10
        WHERE tenant_id = $11 AND id = $12";
    let metadata = metadata(field)?;
    let identity = [tenant.into(), field.id.into()];
    let args: Vec<_> = changing(field, &metadata).into_iter().chain(identity).collect();
    tx.send(&[], sql, &args).await
}

/// Removes a definition, whose values are gone.
pub async fn delete(tx: &mut Tx, tenant: TenantId, id: FieldId) -> Result<(), DbError> {
    let sql = "DELETE FROM fields WHERE tenant_id = $1 AND id = $2";
    tx.send(&[], sql, &[tenant.into(), id.into()]).await
}

// In the order of both statements.
fn changing<'a>(field: &'a Field, metadata: &'a str) -> [Value<'a>; 10] {
    [
        field.label.as_str().into(),
        field.description.as_ref().map(FieldDescription::as_str).into(),
        field.is_required.into(),
        field.is_unique.into(),
        field.is_filterable.into(),
        field.order.get().into(),
        field.status.as_str().into(),
        metadata.into(),
        field.version.into(),
        field.updated_at.into(),
    ]
}

fn metadata(field: &Field) -> Result<String, DbError> {
    let text = serde_json::to_string(field.metadata.as_object());
    text.map_err(|error| DbError::internal(error.to_string()))
}

fn field(row: &Row<'_>) -> Result<Field, DbError> {
    Ok(Field {
        id: row.get(0)?,
        number: row.get(1)?,
        object_id: row.get(2)?,
        key: row.get(3)?,
        label: row.get(4)?,
        description: row.get(5)?,
        kind: row.name::<FieldType>(6)?,
        is_required: row.get(7)?,
        is_unique: row.get(8)?,
        is_filterable: row.get(9)?,
        order: row.get(10)?,
        status: row.name(11)?,
        metadata: row.get::<Metadata>(12)?,
        version: row.get(13)?,
        created_at: row.get(14)?,
        updated_at: row.get(15)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clientbook_model::field::FieldLabel;
    use clientbook_model::id::ObjectId;
    use clientbook_model::patch::Parse as _;
    use serde_json::json;

    fn definitions(bytes: usize) -> Arc<Fields> {
        let metadata = Metadata::parse(&json!({ "about": "x".repeat(bytes) })).expect("metadata");
        let time = clientbook_model::time::Timestamp::clamped(0);
        Arc::new(Fields::new(vec![Field {
            id: FieldId(Uuid::from_u128(1)),
            number: 1,
            object_id: ObjectId::parse_hex("0123456789abcdef01234567").expect("24 digits"),
            key: clientbook_model::custom_field::FieldKey::new("key").expect("a key"),
            label: FieldLabel::new("Label").expect("a label"),
            description: None,
            kind: FieldType::Text,
            is_required: false,
            is_unique: false,
            is_filterable: false,
            order: clientbook_model::number::Int::new(0).expect("a place"),
            status: clientbook_model::field::FieldStatus::Active,
            metadata,
            version: 1,
            created_at: time,
            updated_at: time,
        }]))
    }

    #[test]
    fn one_tenants_definitions_do_not_empty_the_shelf() {
        let kept = Kept::of(1 << 20);
        let id = |number: u128| (TenantId(Uuid::from_u128(number)), Uuid::from_u128(number));
        let small = definitions(10);
        for number in 1..=100 {
            kept.put(id(number).0, id(number).1, &small);
        }
        let (large, loud) = (definitions(60_000), id(1_000).0);
        // Forty times as much as there is room for, one revision after the other.
        for revision in 1..=160 {
            kept.put(loud, Uuid::from_u128(revision), &large);
            for number in 1..=100 {
                let (tenant, revision) = id(number);
                assert!(kept.get(tenant, revision).is_some(), "{number}");
            }
        }
        assert!(kept.0.weight() <= 1 << 20, "{} bytes", kept.0.weight());
    }

    #[test]
    fn the_largest_definitions_are_kept() {
        let kept = Kept::default();
        // Four times a tenant's metadata, and 500 fields with long descriptions.
        let fields = definitions(60_000).all().to_vec();
        let largest = Arc::new(Fields::new(fields.iter().cycle().take(32).cloned().collect()));
        assert!(largest.size() > 7 << 20, "{} bytes", largest.size());
        kept.put(TenantId::SYSTEM, Uuid::nil(), &largest);
        assert!(kept.get(TenantId::SYSTEM, Uuid::nil()).is_some());
    }
}
