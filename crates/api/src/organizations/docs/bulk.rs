//! How changes of many clients are described.

use super::super::bulk::View;
use super::Status;
use crate::openapi::Doc;
use crate::shared::described;
use crate::shared::schema::{ClientName, Id, Mode, TenantKey, words};
use clientbook_app::MAX_CLIENTS;
use clientbook_model::client::MAX_TAGS;
use clientbook_model::text::Tag;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::{ArrayBuilder, Ref};

/// One change of many clients: of those in `ids`, or of those that `filter` leaves.
#[derive(ToSchema)]
#[schema(as = BulkInput)]
struct Bulk {
    #[schema(schema_with = ids, required = false)]
    ids: Option<Vec<String>>,
    #[schema(nullable = false)]
    filter: Option<Filter>,
    /// Must be true where the filter is empty, and left out where it is not.
    #[schema(nullable = false)]
    all: Option<bool>,
    patch: Patch,
    /// Only count the clients.
    #[schema(nullable = false)]
    dry_run: Option<bool>,
}

/// The filters of the list of clients.
#[derive(ToSchema)]
#[schema(as = BulkFilter)]
struct Filter {
    /// Operators must name it.
    #[schema(value_type = Option<TenantKey>)]
    tenant: Option<String>,
    #[schema(schema_with = words, required = false)]
    q: Option<String>,
    #[schema(value_type = Option<Status>, nullable = false)]
    status: Option<String>,
    #[schema(value_type = Option<Mode>, nullable = false)]
    collection_mode: Option<String>,
}

/// At least one of these.
#[derive(ToSchema)]
#[schema(as = BulkPatch)]
struct Patch {
    #[schema(value_type = Option<ClientName>, nullable = false)]
    name: Option<String>,
    /// Takes the permission `clients.status`.
    #[schema(value_type = Option<Status>, nullable = false)]
    status: Option<String>,
    /// Takes the permission `collection.update`.
    #[schema(value_type = Option<Mode>, nullable = false)]
    collection_mode: Option<String>,
    #[schema(schema_with = tags, required = false)]
    tags: Option<Vec<String>>,
}

fn ids() -> ArrayBuilder {
    let list = ArrayBuilder::new().items(Ref::from_schema_name(Id::name()));
    list.min_items(Some(1)).max_items(Some(MAX_CLIENTS)).unique_items(true)
}

fn tags() -> ArrayBuilder {
    let list = ArrayBuilder::new().items(described::of::<Tag>()).max_items(Some(MAX_TAGS));
    list.unique_items(true).description(Some("The whole list"))
}

pub(crate) fn change() -> Doc {
    let ids = ["aa7cf840-9ca9-46a3-9778-9015d6580d50", "aa7cf840-9ca9-46a3-9778-9015d6580d51"];
    let done = json!({
        "matched": 2,
        "succeeded": [ids[0]],
        "failed": [{
            "id": ids[1],
            "error": "Cannot transition from deleted to another collection mode",
        }],
    });
    let named = json!({ "ids": ids, "patch": { "collection_mode": "disabled" } });
    let found = json!({ "filter": { "status": "trial" }, "patch": { "tags": ["trial"] } });
    let everyone = json!({
        "filter": { "tenant": "tenant123" }, "all": true, "patch": { "status": "inactive" },
        "dry_run": true,
    });
    Doc::new("changeClients", "Makes one change of many clients, each by itself")
        .answers::<View>(200, "What became of each", done)
        .takes::<Bulk>(vec![("named", named), ("found", found), ("everyone", everyone)])
}

#[cfg(test)]
mod tests {
    use super::super::super::bulk::{FILTER, KNOWN, PATCH};
    use super::*;
    use crate::openapi::properties;

    #[test]
    fn bodies_have_the_fields_that_are_read() {
        let named = |known: &[&str]| known.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<Bulk>(), named(KNOWN));
        assert_eq!(properties::<Filter>(), named(FILTER));
        assert_eq!(properties::<Patch>(), named(PATCH));
    }
}
