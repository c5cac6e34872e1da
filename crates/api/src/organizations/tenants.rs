//! `/v2/tenants`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::Fields;
use crate::shared::query::{CURSOR, PageSize, Parameter};
use crate::shared::schema;
use clientbook_app::{App, AppError, NewTenant, TenantChange, TenantQuery};
use clientbook_model::tenant::{Tenant, TenantPatch};

const PAGE: PageSize = PageSize { default: 50, max: 500 };

pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter { name: "page_size", about: "Rows on a page", schema: || schema::page_size(PAGE) },
    CURSOR,
];

/// Every tenant, newest first.
pub(super) async fn list(call: Call) -> Result<Answer, ApiError> {
    let mut parameters = call.query;
    let query = TenantQuery {
        page_size: parameters.size("page_size", PAGE),
        cursor: parameters.text("cursor").map(str::to_owned),
    };
    parameters.finish()?;
    let page = call.app.list_tenants(&call.caller, query).await?;
    Answer::list(&views::list(&page, views::tenant))
}

/// Reads one tenant.
pub(super) async fn read(call: Call) -> Result<Answer, ApiError> {
    let asked = call.segment("tenant_id").to_owned();
    let tenant = call.app.read_tenant(&call.caller, asked).await?;
    Answer::record(tenant.version, &views::tenant(&tenant))
}

/// Makes a tenant.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    App::may_manage_tenants(&call.caller)?;
    let new = new_tenant(&call)?;
    let show = |tenant: &Tenant| {
        let place = format!("/v2/tenants/{}", tenant.id);
        Answer::created(tenant.version, place, &views::tenant(tenant))
    };
    call.once(|once| call.app.create_tenant(&call.caller, new, once), show).await
}

/// Changes the slug, the name, or whether custom values are of defined fields only.
pub(super) async fn update(call: Call) -> Result<Answer, ApiError> {
    App::may_manage_tenants(&call.caller)?;
    let asked = call.segment("tenant_id").to_owned();
    let change = match change(&call) {
        Ok(change) => change,
        Err(unreadable) => {
            call.app.read_tenant(&call.caller, asked).await?;
            return Err(unreadable);
        }
    };
    let show = |tenant: &Tenant| Answer::record(tenant.version, &views::tenant(tenant));
    call.once(|once| call.app.change_tenant(&call.caller, asked, change, once), show).await
}

pub(super) const NEW: &[&str] = &["id", "object_id", "slug", "name", "strict_fields"];

pub(super) const KNOWN: &[&str] =
    &["id", "object_id", "slug", "name", "strict_fields", "created_at"];

fn new_tenant(call: &Call) -> Result<NewTenant, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", NEW);
    let (id, object_id) = (fields.optional("id"), fields.optional("object_id"));
    let strict_fields = fields.optional("strict_fields").unwrap_or_default();
    match (fields.required("slug"), fields.required("name")) {
        (Some(slug), Some(name)) if fields.violations.is_empty() => {
            Ok(NewTenant { id, object_id, slug, name, strict_fields })
        }
        _ => Err(AppError::Invalid(fields.violations).into()),
    }
}

fn change(call: &Call) -> Result<TenantChange, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let strict_fields = fields.set("strict_fields");
    let patch = TenantPatch { slug: fields.set("slug"), name: fields.set("name"), strict_fields };
    let (id, object_id) = (fields.set("id"), fields.set("object_id"));
    let (violations, precondition) = (fields.violations, call.precondition.clone());
    Ok(TenantChange { patch, id, object_id, violations, precondition })
}
