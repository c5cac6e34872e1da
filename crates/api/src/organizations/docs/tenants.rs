//! How tenants are described. The examples are the demo's.

use crate::openapi::{Doc, Refusal};
use crate::organizations::views::{ListView, TenantView};
use crate::shared::schema::{Id, ObjectId, Slug, TenantName};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A tenant to make.
#[derive(ToSchema)]
#[schema(as = TenantInput)]
struct NewTenant {
    /// Where it already has one; else a random one is made.
    #[schema(value_type = Option<Id>)]
    id: Option<String>,
    /// Likewise.
    #[schema(value_type = Option<ObjectId>)]
    object_id: Option<String>,
    #[schema(value_type = Slug)]
    slug: String,
    #[schema(value_type = TenantName)]
    name: String,
    /// Whether custom values are of defined fields only; else a key that nobody defined holds text.
    strict_fields: Option<bool>,
}

/// A change of a tenant. What was read may be sent back: ids must then match, the time is ignored.
#[derive(ToSchema)]
struct TenantPatch {
    #[schema(value_type = Option<Slug>, nullable = false)]
    slug: Option<String>,
    #[schema(value_type = Option<TenantName>, nullable = false)]
    name: Option<String>,
    #[schema(nullable = false)]
    strict_fields: Option<bool>,
    #[schema(value_type = Option<Id>, nullable = false)]
    id: Option<String>,
    #[schema(value_type = Option<ObjectId>, nullable = false)]
    object_id: Option<String>,
    #[schema(required = false)]
    created_at: Value,
}

fn tenant() -> Value {
    json!({
        "id": "b2c3d4e5-f6a7-8901-bcde-f12345678901",
        "object_id": "65a000000000000000000123",
        "slug": "tenant123",
        "name": "TechPartner Inc.",
        "strict_fields": false,
        "created_at": "2025-06-01T00:00:00.000Z",
    })
}

pub(in crate::organizations) fn list() -> Doc {
    let example = json!({ "data": [tenant()], "total_count": 1, "next_cursor": null });
    Doc::new("listTenants", "Lists tenants, newest first")
        .answers::<ListView<TenantView<'_>>>(200, "A page of tenants", example)
        .listing::<TenantView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn read() -> Doc {
    Doc::new("readTenant", "Reads a tenant")
        .answers::<TenantView<'_>>(200, "The tenant", tenant())
        .tagged()
}

pub(in crate::organizations) fn create() -> Doc {
    let body = json!({ "slug": "acme-partners", "name": "Acme Partners" });
    let made = json!({
        "id": "5b0f2c1e-8d0a-4c53-9a51-0f6f3a8e2b7c",
        "object_id": "69b02ab80011223344556677",
        "slug": "acme-partners",
        "name": "Acme Partners",
        "strict_fields": false,
        "created_at": "2026-03-10T14:30:00.000Z",
    });
    Doc::new("createTenant", "Makes a tenant")
        .creates::<TenantView<'_>>("The new tenant", made)
        .takes::<NewTenant>(vec![("tenant", body)])
        .refuses(&[Refusal::TenantTaken])
}

pub(in crate::organizations) fn update() -> Doc {
    let mut changed = tenant();
    changed["name"] = json!("TechPartner International");
    Doc::new("updateTenant", "Changes a tenant's slug, name or rule for custom values")
        .answers::<TenantView<'_>>(200, "The tenant as it is now", changed)
        .tagged()
        .takes::<TenantPatch>(vec![("name", json!({ "name": "TechPartner International" }))])
        .refuses(&[Refusal::TenantTaken])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;
    use crate::organizations::tenants::{KNOWN, NEW};

    #[test]
    fn bodies_have_the_fields_that_are_read() {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<NewTenant>(), names(NEW));
        assert_eq!(properties::<TenantPatch>(), names(KNOWN));
    }
}
