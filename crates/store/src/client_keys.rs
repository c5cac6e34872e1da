//! Many clients by the names they go by, in one statement each: what is taken, and by whom.

use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::enrollment::digest;
use clientbook_model::id::{ClientId, ClientNumber, EnrollmentTokenId, TenantId, hex};
use serde::Serialize;

// Every name leads to the record at the end of its way: one that was joined to another may have been
// joined to by others before.
macro_rules! led {
    ($asked:literal, $rows:literal) => {
        concat!(
            "WITH RECURSIVE way (asked, id, number, merged_into) AS (
                SELECT ",
            $asked,
            ", c.id, c.number, c.merged_into FROM ",
            $rows,
            "
                UNION
                SELECT way.asked, w.id, w.number, w.merged_into FROM way
                JOIN clients w ON w.tenant_id = $1 AND w.id = way.merged_into)
             SELECT asked, id, number FROM way WHERE merged_into IS NULL"
        )
    };
}

const NUMBERS: [&str; 2] = [
    led!(
        "c.number",
        "clients c WHERE c.tenant_id = $1 AND c.number IN (SELECT value FROM json_each($2))"
    ),
    led!(
        "c.number",
        "clients c WHERE c.tenant_id = $1
            AND c.number = ANY(ARRAY(SELECT CAST(jsonb_array_elements_text($2) AS bigint)))"
    ),
];

const IDS: [&str; 2] = [
    led!(
        "i.id",
        "client_ids i LEFT JOIN clients c ON c.tenant_id = $1 AND c.id = i.id
         WHERE i.id IN (SELECT unhex(value) FROM json_each($2))
         UNION SELECT t.id, NULL, NULL, NULL FROM tenants t
         WHERE t.id IN (SELECT unhex(value) FROM json_each($2))
            AND NOT EXISTS (SELECT 1 FROM client_ids i WHERE i.id = t.id)"
    ),
    led!(
        "i.id",
        "client_ids i LEFT JOIN clients c ON c.tenant_id = $1 AND c.id = i.id
         WHERE i.id = ANY($2)
         UNION SELECT t.id, NULL, NULL, NULL FROM tenants t
         WHERE t.id = ANY($2) AND NOT EXISTS (SELECT 1 FROM client_ids i WHERE i.id = t.id)"
    ),
];

const OBJECT_IDS: [&str; 2] = [
    led!(
        "c.object_id",
        "clients c WHERE c.tenant_id = $1 AND c.object_id IN (SELECT value FROM json_each($2))"
    ),
    led!(
        "c.object_id",
        "clients c WHERE c.tenant_id = $1
            AND c.object_id = ANY(ARRAY(SELECT jsonb_array_elements_text($2)))"
    ),
];

const EXTERNAL_IDS: [&str; 2] = [
    led!(
        "c.external_id",
        "clients c WHERE c.tenant_id = $1 AND c.external_id IN (SELECT value FROM json_each($2))
         UNION SELECT g.external_id, c.id, c.number, c.merged_into FROM merged_external_ids g
         JOIN clients c ON c.tenant_id = g.tenant_id AND c.id = g.client_id
         WHERE g.tenant_id = $1 AND g.external_id IN (SELECT value FROM json_each($2))"
    ),
    led!(
        "c.external_id",
        "clients c WHERE c.tenant_id = $1
            AND c.external_id = ANY(ARRAY(SELECT jsonb_array_elements_text($2)))
         UNION SELECT g.external_id, c.id, c.number, c.merged_into FROM merged_external_ids g
         JOIN clients c ON c.tenant_id = g.tenant_id AND c.id = g.client_id
         WHERE g.tenant_id = $1
            AND g.external_id = ANY(ARRAY(SELECT jsonb_array_elements_text($2)))"
    ),
];

const TOKEN_IDS: [&str; 2] = [
    "SELECT id FROM enrollment_tokens
     WHERE tenant_id = $1 AND id IN (SELECT unhex(value) FROM json_each($2))",
    "SELECT id FROM enrollment_tokens WHERE tenant_id = $1 AND id = ANY($2)",
];

const SPENT_NUMBERS: [&str; 2] = [
    "SELECT number FROM spent_client_names
     WHERE tenant_id = $1 AND number IN (SELECT value FROM json_each($2))",
    "SELECT number FROM spent_client_names WHERE tenant_id = $1
        AND number = ANY(ARRAY(SELECT CAST(jsonb_array_elements_text($2) AS bigint)))",
];

const SPENT_OBJECT_IDS: [&str; 2] = [
    "SELECT object_id FROM spent_client_names
     WHERE tenant_id = $1 AND object_id IN (SELECT value FROM json_each($2))",
    "SELECT object_id FROM spent_client_names
     WHERE tenant_id = $1 AND object_id = ANY(ARRAY(SELECT jsonb_array_elements_text($2)))",
];

const TOKENS: [&str; 2] = [
    "SELECT value, client_id FROM enrollment_tokens
     WHERE tenant_id = $1 AND value IN (SELECT value FROM json_each($2))",
    "SELECT value, client_id FROM enrollment_tokens
     WHERE tenant_id = $1 AND value = ANY(ARRAY(SELECT jsonb_array_elements_text($2)))",
];

const TOKEN_VALUES: [&str; 2] = [
    "SELECT digest FROM enrollment_values
     WHERE digest IN (SELECT unhex(value) FROM json_each($1))",
    "SELECT digest FROM enrollment_values
     WHERE digest = ANY(ARRAY(SELECT decode(jsonb_array_elements_text($1), 'hex')))",
];

/// A client by its id and number.
pub type Named = (ClientId, ClientNumber);

/// Which of these UUIDs are taken, and by which client of the tenant: the other record where two were
/// merged; none where it is another tenant's.
/// A tenant's UUID is taken, too: its chain has the same id.
/// Crosses tenants: a UUID is given once.
pub async fn ids_across_tenants(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[ClientId],
) -> Result<Vec<(ClientId, Option<Named>)>, DbError> {
    let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
    if uuids.is_empty() {
        return Ok(Vec::new());
    }
    let args = [tenant.into(), Value::Uuids(&uuids)];
    let decode = |row: &Row<'_>| {
        let named = row.get::<Option<ClientId>>(1)?.zip(row.get(2)?);
        Ok((row.get(0)?, named))
    };
    tx.all(tx.worded(IDS), &args, decode).await
}

/// The tenant's clients with these numbers; the other record where two were merged.
pub async fn numbers(
    tx: &mut Tx,
    tenant: TenantId,
    numbers: &[ClientNumber],
) -> Result<Vec<(ClientNumber, Named)>, DbError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let numbers = json(numbers)?;
    let args = [tenant.into(), Value::Json(&numbers)];
    let decode = |row: &Row<'_>| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)));
    tx.all(tx.worded(NUMBERS), &args, decode).await
}

/// The tenant's clients with these object ids, in lower-case hex; the other record where two were merged.
pub async fn object_ids(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[String],
) -> Result<Vec<(String, ClientId)>, DbError> {
    texts(tx, tenant, ids, OBJECT_IDS).await
}

/// The tenant's clients with these external ids; the other record where two were merged.
pub async fn external_ids(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[String],
) -> Result<Vec<(String, ClientId)>, DbError> {
    texts(tx, tenant, ids, EXTERNAL_IDS).await
}

/// Which of these numbers erased clients of the tenant had.
pub async fn spent_numbers(
    tx: &mut Tx,
    tenant: TenantId,
    numbers: &[ClientNumber],
) -> Result<Vec<ClientNumber>, DbError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let numbers = json(numbers)?;
    let args = [tenant.into(), Value::Json(&numbers)];
    tx.all(tx.worded(SPENT_NUMBERS), &args, |row| row.get(0)).await
}

/// Which of these object ids, in lower-case hex, erased clients of the tenant had.
pub async fn spent_object_ids(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[String],
) -> Result<Vec<String>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids = json(ids)?;
    let args = [tenant.into(), Value::Json(&ids)];
    tx.all(tx.worded(SPENT_OBJECT_IDS), &args, |row| row.get(0)).await
}

/// The tenant's enrolment tokens with these values, and whose they are.
pub async fn token_values(
    tx: &mut Tx,
    tenant: TenantId,
    values: &[String],
) -> Result<Vec<(String, ClientId)>, DbError> {
    texts(tx, tenant, values, TOKENS).await
}

/// Which of these are values of enrolment tokens, or were of one that was erased.
/// Crosses tenants: a device that enrols says nothing but the value.
pub async fn token_values_across_tenants(
    tx: &mut Tx,
    values: &[String],
) -> Result<Vec<String>, DbError> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let digests: Vec<_> = values.iter().map(|value| hex(&digest(value))).collect();
    let asked = json(&digests)?;
    let decode = |row: &Row<'_>| row.get::<Vec<u8>>(0).map(|found| hex(&found));
    let found = tx.all(tx.worded(TOKEN_VALUES), &[Value::Json(&asked)], decode).await?;
    let named = std::iter::zip(values, digests).filter(|(_, digest)| found.contains(digest));
    Ok(named.map(|(value, _)| value.clone()).collect())
}

/// Which of these are ids of enrolment tokens of the tenant.
pub async fn token_ids(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[EnrollmentTokenId],
) -> Result<Vec<EnrollmentTokenId>, DbError> {
    let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
    if uuids.is_empty() {
        return Ok(Vec::new());
    }
    let args = [tenant.into(), Value::Uuids(&uuids)];
    tx.all(tx.worded(TOKEN_IDS), &args, |row| row.get(0)).await
}

/// Keeps the rows of these clients from other writers until the transaction ends.
pub async fn lock(tx: &mut Tx, tenant: TenantId, ids: &[ClientId]) -> Result<(), DbError> {
    let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
    // In one order, so that two of these never wait for each other.
    let sql = "SELECT 1 FROM clients WHERE tenant_id = $1 AND id = ANY($2)
        ORDER BY id FOR NO KEY UPDATE";
    tx.lock(sql, &[tenant.into(), Value::Uuids(&uuids)]).await
}

async fn texts(
    tx: &mut Tx,
    tenant: TenantId,
    texts: &[String],
    sql: [&'static str; 2],
) -> Result<Vec<(String, ClientId)>, DbError> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let texts = json(texts)?;
    let args = [tenant.into(), Value::Json(&texts)];
    tx.all(tx.worded(sql), &args, |row| Ok((row.get(0)?, row.get(1)?))).await
}

fn json<T: Serialize>(list: &[T]) -> Result<String, DbError> {
    serde_json::to_string(list).map_err(|error| DbError::internal(error.to_string()))
}
