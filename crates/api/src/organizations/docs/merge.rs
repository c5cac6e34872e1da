//! How the joining of two records is described.

use super::super::merge::View;
use super::client;
use crate::openapi::{Doc, Refusal};
use crate::shared::schema::Id;
use serde_json::json;
use utoipa::ToSchema;

/// Which record to give up for this one.
#[derive(ToSchema)]
#[schema(as = MergeInput)]
struct Merge {
    /// Another client of the same tenant. All of its names lead to this one from then on.
    #[schema(value_type = Id)]
    loser_id: String,
    /// Fields, by their names in the audit trail (`custom.<key>` for a custom value), whose value is
    /// to be the loser's.
    #[schema(nullable = false)]
    take: Option<Vec<String>>,
    /// Only answer what the record would become; save nothing.
    #[schema(nullable = false)]
    dry_run: Option<bool>,
}

pub(crate) fn merge() -> Doc {
    let loser = "aa7cf840-9ca9-46a3-9778-9015d6580d51";
    let mut merged = client();
    merged["updated_at"] = json!("2026-03-10T14:30:00.000Z");
    let merged = json!({
        "client": merged,
        "loser_id": loser,
        "fields": [
            {
                "field": "name",
                "winner": "Acme Corporation",
                "loser": "Acme Corp.",
                "from": "winner",
            },
            { "field": "email", "winner": null, "loser": "office@acme.example", "from": "loser" },
        ],
    });
    let first = json!({ "loser_id": loser, "dry_run": true });
    let then = json!({ "loser_id": loser, "take": ["name"] });
    Doc::new("mergeClients", "Joins another record of the same client into this one")
        .answers::<View<'_>>(200, "What the two became", merged)
        .tagged()
        .dry_runs()
        .takes::<Merge>(vec![("dry_run", first), ("merge", then)])
        .refuses(&[Refusal::ClientDeleted, Refusal::Transition])
}

#[cfg(test)]
mod tests {
    use super::super::super::merge::KNOWN;
    use super::*;
    use crate::openapi::properties;

    #[test]
    fn bodies_have_the_fields_that_are_read() {
        let known = KNOWN.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<Merge>(), known);
    }
}
