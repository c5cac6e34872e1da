//! Departments of clients, and who is in them.

use crate::error::DbError;
use crate::row::Row;
use crate::tx::Tx;
use crate::value::Value;
use clientbook_model::department::Department;
use clientbook_model::id::{ClientId, DepartmentId, DeviceUserId, TenantId};
use clientbook_model::text::Text;

macro_rules! select_department {
    ($rest:expr) => {
        concat!(
            "SELECT d.tenant_id, d.id, d.client_id, d.name, d.description, d.version, d.created_at,
                d.updated_at FROM ",
            $rest
        )
    };
}

/// Adds a department. Its name being another one's is told by the index
/// `departments_client_id_name`.
pub async fn insert(tx: &mut Tx, department: &Department) -> Result<(), DbError> {
    let sql = "INSERT INTO departments (tenant_id, id, client_id, name, description, version,
            created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let args = [
        department.tenant_id.into(),
        department.id.into(),
        department.client_id.into(),
        department.name.as_str().into(),
        department.description.as_ref().map(Text::as_str).into(),
        department.version.into(),
        department.created_at.into(),
        department.updated_at.into(),
    ];
    // What the index says must be known here, not at the end.
    tx.execute(&[], sql, &args).await.map(|_| ())
}

/// Writes what can change of a department; the index tells as for `insert`.
pub async fn update(tx: &mut Tx, department: &Department) -> Result<(), DbError> {
    let sql = "UPDATE departments SET name = $1, description = $2, version = $3, updated_at = $4
        WHERE tenant_id = $5 AND id = $6";
    let args = [
        department.name.as_str().into(),
        department.description.as_ref().map(Text::as_str).into(),
        department.version.into(),
        department.updated_at.into(),
        department.tenant_id.into(),
        department.id.into(),
    ];
    tx.execute(&[], sql, &args).await.map(|_| ())
}

/// Takes a department away, and everybody out of it.
pub async fn remove(tx: &mut Tx, tenant: TenantId, id: DepartmentId) -> Result<(), DbError> {
    let args = [tenant.into(), id.into()];
    let sql = "DELETE FROM department_members WHERE tenant_id = $1 AND department_id = $2";
    tx.send(&[], sql, &args).await?;
    tx.send(&[], "DELETE FROM departments WHERE tenant_id = $1 AND id = $2", &args).await
}

/// The department with this id, of whichever client of the tenant.
pub async fn get(
    tx: &mut Tx,
    tenant: TenantId,
    id: DepartmentId,
) -> Result<Option<Department>, DbError> {
    let sql = select_department!("departments d WHERE d.tenant_id = $1 AND d.id = $2");
    tx.opt(sql, &[tenant.into(), id.into()], department).await
}

/// Those of a client with these ids, by name.
pub async fn get_all(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    ids: &[DepartmentId],
) -> Result<Vec<Department>, DbError> {
    let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let sql = tx.worded([
        select_department!(
            "departments d WHERE d.tenant_id = $1 AND d.client_id = $2
                AND d.id IN (SELECT unhex(value) FROM json_each($3)) ORDER BY d.name"
        ),
        select_department!(
            "departments d WHERE d.tenant_id = $1 AND d.client_id = $2 AND d.id = ANY($3)
             ORDER BY d.name"
        ),
    ]);
    tx.all(sql, &[tenant.into(), client.into(), Value::Uuids(&uuids)], department).await
}

/// The departments of a client, by name, starting after the one with this name.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Department>, DbError> {
    // No name is empty.
    let sql = select_department!(
        "departments d WHERE d.tenant_id = $1 AND d.client_id = $2 AND d.name > $3
         ORDER BY d.name LIMIT $4"
    );
    let args = [tenant.into(), client.into(), after.unwrap_or_default().into(), limit.into()];
    tx.all(sql, &args, department).await
}

/// How many departments a client has.
pub async fn count(tx: &mut Tx, tenant: TenantId, client: ClientId) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM departments WHERE tenant_id = $1 AND client_id = $2";
    tx.one(sql, &[tenant.into(), client.into()], |row| row.get(0)).await
}

/// Who of these users is in which department, by name of the department.
pub async fn of_users(
    tx: &mut Tx,
    tenant: TenantId,
    users: &[DeviceUserId],
) -> Result<Vec<(DeviceUserId, Department)>, DbError> {
    let uuids: Vec<_> = users.iter().map(|id| id.0).collect();
    let sql = tx.worded([
        "SELECT d.tenant_id, d.id, d.client_id, d.name, d.description, d.version, d.created_at,
            d.updated_at, m.user_id
         FROM department_members m
         JOIN departments d ON d.tenant_id = m.tenant_id AND d.id = m.department_id
         WHERE m.tenant_id = $1 AND m.user_id IN (SELECT unhex(value) FROM json_each($2))
         ORDER BY d.name, m.user_id",
        "SELECT d.tenant_id, d.id, d.client_id, d.name, d.description, d.version, d.created_at,
            d.updated_at, m.user_id
         FROM department_members m
         JOIN departments d ON d.tenant_id = m.tenant_id AND d.id = m.department_id
         WHERE m.tenant_id = $1 AND m.user_id = ANY($2)
         ORDER BY d.name, m.user_id",
    ]);
    let args = [tenant.into(), Value::Uuids(&uuids)];
    tx.all(sql, &args, |row| Ok((row.get(8)?, department(row)?))).await
}

/// Puts a user in a department; done twice is done once.
pub async fn add_member(
    tx: &mut Tx,
    tenant: TenantId,
    id: DepartmentId,
    user: DeviceUserId,
) -> Result<(), DbError> {
    let sql = "INSERT INTO department_members (tenant_id, department_id, user_id)
        VALUES ($1, $2, $3) ON CONFLICT (tenant_id, department_id, user_id) DO NOTHING";
    tx.send(&[], sql, &[tenant.into(), id.into(), user.into()]).await
}

/// Takes a user out of a department.
pub async fn remove_member(
    tx: &mut Tx,
    tenant: TenantId,
    id: DepartmentId,
    user: DeviceUserId,
) -> Result<(), DbError> {
    let sql = "DELETE FROM department_members
        WHERE tenant_id = $1 AND department_id = $2 AND user_id = $3";
    tx.send(&[], sql, &[tenant.into(), id.into(), user.into()]).await
}

/// Takes the departments of a client away, and everybody out of them.
pub(crate) async fn erase_all(
    tx: &mut Tx,
    tenant: TenantId,
    client: ClientId,
) -> Result<(), DbError> {
    let args = [tenant.into(), client.into()];
    let sql = "DELETE FROM department_members WHERE tenant_id = $1 AND department_id IN (
        SELECT id FROM departments WHERE tenant_id = $1 AND client_id = $2)";
    tx.send(&[], sql, &args).await?;
    let sql = "DELETE FROM departments WHERE tenant_id = $1 AND client_id = $2";
    tx.send(&[], sql, &args).await
}

fn department(row: &Row<'_>) -> Result<Department, DbError> {
    Ok(Department {
        tenant_id: row.get(0)?,
        id: row.get(1)?,
        client_id: row.get(2)?,
        name: row.get(3)?,
        description: row.get(4)?,
        version: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}
