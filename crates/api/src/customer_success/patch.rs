//! Reads new clients and changes of them.

use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, item, same_id};
use clientbook_app::{ClientChange, Home, NewClient};
use clientbook_model::client::ClientPatch;
use clientbook_model::custom_field::{CustomWish, FieldKey};
use clientbook_model::patch::Patch;
use clientbook_model::success::{MAX_ROLES, Region, SuccessPatch, TeamingRole};
use clientbook_model::violation::{Violation, step};
use serde_json::Value;

/// What can be written.
pub(super) const WRITABLE: &[&str] = &[
    "custom",
    "name",
    "siteUrl",
    "logoUrl",
    "status",
    "active",
    "inceptionDate",
    "terminatedDate",
    "street",
    "city",
    "state",
    "country",
    "zip",
    "region",
    "timezone",
    "externalId",
    "salesforceAccountId",
    "zendeskId",
    "freshdeskId",
    "usageId",
    "stripeId",
    "externalStatusId",
    "npsScore",
    "note",
    "createdByEmployeeId",
    "modifiedByEmployeeId",
    "managedByEmployeeId",
    "assignedSalesRepId",
    "assignedSalesRep",
    "clientTypeId",
    "clientTypeTitle",
    "successCycleId",
    "primaryContactId",
    "parentClientId",
    "accTeamingRoles",
];

/// What callers may send back as they read it.
pub(super) const KEPT: &[&str] =
    &["id", "uuid", "tenantId", "createdTime", "modifiedTime", "parentClient", "clientType"];

/// What a new client must say; `clientTypeTitle` is for changes only.
const REQUIRED: [&str; 2] = ["status", "active"];

/// Where an operator names the tenant of a new client.
pub(super) const TENANT: &str = "/tenant_id";

/// What can be said of a new client.
pub(super) fn creatable() -> impl Iterator<Item = &'static str> {
    WRITABLE.iter().copied().filter(|name| *name != "clientTypeTitle").chain(["tenantId"])
}

pub(super) fn new_client(call: &Call) -> Result<NewClient, ApiError> {
    let object = call.object()?;
    let known: Vec<_> = creatable().collect();
    let mut fields = Fields::new(&object, "", &known);
    let mut patch = ClientPatch { name: fields.required("name"), ..ClientPatch::default() };
    for name in REQUIRED {
        if fields.raw(name).is_none() {
            fields.refuse(name, Violation::new("required", "must be given"));
        }
    }
    properties(&mut fields, &mut patch);
    let custom = custom(&mut fields);
    let home = Home::Field { asked: fields.optional("tenantId"), at: TENANT };
    Ok(NewClient { home, patch, custom, violations: fields.violations })
}

pub(super) fn change(call: &Call) -> Result<ClientChange, ApiError> {
    let object = call.object()?;
    let known = [WRITABLE, KEPT].concat();
    let mut fields = Fields::new(&object, "", &known);
    let mut change = ClientChange::new(call.permission);
    change.patch.name = fields.set("name");
    properties(&mut fields, &mut change.patch);
    change.custom = custom(&mut fields);
    change.client_type_title = match fields.patch::<String>("clientTypeTitle") {
        Patch::Set(title) if title.is_empty() => Patch::Clear,
        title => title,
    };
    fields.echo("id", |record, sent| sent.as_i64() == Some(record.client.number.get()));
    fields.echo("uuid", |record, sent| same_id(sent, &record.client.id));
    fields.echo("tenantId", |record, sent| same_id(sent, &record.tenant.id));
    change.echoes = fields.echoes;
    change.violations = fields.violations;
    Ok(change)
}

/// All but the name.
fn properties(fields: &mut Fields<'_>, patch: &mut ClientPatch) {
    patch.status.status = fields.set("status");
    patch.status.active = fields.set("active");
    patch.external_id = fields.patch("externalId");
    patch.parent_client_id = fields.patch("parentClientId");
    patch.client_type_id = fields.patch("clientTypeId");
    patch.success = attributes(fields);
}

fn attributes(fields: &mut Fields<'_>) -> SuccessPatch {
    SuccessPatch {
        site_url: fields.patch("siteUrl"),
        logo_url: fields.patch("logoUrl"),
        inception_date: fields.patch("inceptionDate"),
        terminated_date: fields.patch("terminatedDate"),
        street: fields.patch("street"),
        city: fields.patch("city"),
        state: fields.patch("state"),
        country: fields.patch("country"),
        zip: fields.patch("zip"),
        region: region(fields),
        timezone: fields.patch("timezone"),
        salesforce_account_id: fields.patch("salesforceAccountId"),
        zendesk_id: fields.patch("zendeskId"),
        freshdesk_id: fields.patch("freshdeskId"),
        usage_id: fields.patch("usageId"),
        stripe_id: fields.patch("stripeId"),
        external_status_id: fields.patch("externalStatusId"),
        nps_score: fields.patch("npsScore"),
        note: fields.patch("note"),
        created_by_employee_id: fields.patch("createdByEmployeeId"),
        modified_by_employee_id: fields.patch("modifiedByEmployeeId"),
        managed_by_employee_id: fields.patch("managedByEmployeeId"),
        assigned_sales_rep_id: fields.patch("assignedSalesRepId"),
        assigned_sales_rep: fields.patch("assignedSalesRep"),
        success_cycle_id: fields.patch("successCycleId"),
        primary_contact_id: fields.patch("primaryContactId"),
        acc_teaming_roles: teaming_roles(fields),
    }
}

/// Values by key, merged key by key; null removes one.
fn custom(fields: &mut Fields<'_>) -> Vec<CustomWish> {
    let mut wishes = Vec::new();
    let Some(value) = fields.raw("custom") else {
        return wishes;
    };
    let Some(values) = value.as_object() else {
        fields.refuse("custom", Violation::not_a("an object"));
        return wishes;
    };
    for (name, value) in values {
        match FieldKey::new(name) {
            Ok(key) => {
                let at = format!("/custom{}", step(name));
                let value = Some(value).filter(|value| !value.is_null()).cloned();
                let (key_at, value_at, id_at) = (at.clone(), at.clone(), at);
                wishes.push(CustomWish { key, value, field_id: None, key_at, value_at, id_at });
            }
            Err(broken) => fields.refuse("custom", broken.below(&step(name))),
        }
    }
    wishes
}

fn region(fields: &mut Fields<'_>) -> Patch<Region> {
    let value = match fields.raw("region") {
        None => return Patch::Absent,
        Some(Value::Null) => return Patch::Clear,
        Some(value) => value,
    };
    let read = item(value, "/region", &["id", "name"]).and_then(|mut region| {
        let (id, name) = (region.required("id"), region.required("name"));
        match (id, name) {
            (Some(id), Some(name)) if region.violations.is_empty() => Ok(Region { id, name }),
            _ => Err(region.violations),
        }
    });
    collected(fields, read)
}

fn teaming_roles(fields: &mut Fields<'_>) -> Patch<Vec<TeamingRole>> {
    match fields.raw("accTeamingRoles") {
        None => return Patch::Absent,
        Some(Value::Null) => return Patch::Clear,
        Some(_) => {}
    }
    let roles = fields.list("accTeamingRoles", MAX_ROLES, |value, at| {
        let mut role = item(value, at, &["employeeId", "role"])?;
        let (employee_id, name) = (role.required("employeeId"), role.required("role"));
        match (employee_id, name) {
            (Some(employee_id), Some(name)) if role.violations.is_empty() => {
                Ok(TeamingRole { employee_id, role: name })
            }
            _ => Err(role.violations),
        }
    });
    roles.map_or(Patch::Absent, Patch::Set)
}

fn collected<T>(fields: &mut Fields<'_>, read: Result<T, Vec<Violation>>) -> Patch<T> {
    match read {
        Ok(value) => Patch::Set(value),
        Err(broken) => {
            fields.note(broken);
            Patch::Absent
        }
    }
}
