//! How enrolment tokens are described.

use crate::openapi::{Doc, Refusal};
use crate::organizations::views::{EnrollmentTokenView, ListView};
use crate::shared::schema::{MaxUses, Moment, Site, TokenDescription};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// An enrolment token to make.
#[derive(ToSchema)]
#[schema(as = EnrollmentTokenInput)]
struct NewEnrollmentToken {
    #[schema(value_type = Option<TokenDescription>)]
    description: Option<String>,
    #[schema(value_type = Option<Site>)]
    site_id: Option<String>,
    /// Without it any number may.
    #[schema(value_type = Option<MaxUses>)]
    max_uses: Option<i64>,
    /// In the future. Without it the token works until it is taken back.
    #[schema(value_type = Option<Moment>)]
    expires_at: Option<String>,
}

fn token() -> Value {
    json!({
        "id": "0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a",
        "value": "enroll_z9y8x7w6v5u4t3s2r1q0p9o8n7m6l5k4",
        "description": "Berlin office",
        "site_id": "site-7",
        "status": "active",
        "max_uses": 25,
        "remaining_uses": 25,
        "expires_at": null,
        "created_at": "2026-03-10T14:30:00.000Z",
    })
}

pub(in crate::organizations) fn list() -> Doc {
    let example = json!({ "data": [token()], "total_count": 1, "next_cursor": null });
    Doc::new("listEnrollmentTokens", "Lists the enrolment tokens of a client, newest first")
        .answers::<ListView<EnrollmentTokenView<'_>>>(200, "A page of tokens", example)
        .listing::<EnrollmentTokenView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn create() -> Doc {
    let body = json!({ "description": "Berlin office", "site_id": "site-7", "max_uses": 25 });
    let about = "Makes an enrolment token and takes back the client's active one";
    Doc::new("createEnrollmentToken", about)
        .answers::<EnrollmentTokenView<'_>>(201, "The token", token())
        .takes::<NewEnrollmentToken>(vec![("office", body), ("plain", json!({}))])
        .refuses(&[Refusal::ClientDeleted])
}

pub(in crate::organizations) fn revoke() -> Doc {
    Doc::new("revokeEnrollmentToken", "Takes an enrolment token back; again, if you like")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;
    use crate::organizations::enrollment_tokens::KNOWN;

    #[test]
    fn the_body_has_the_fields_that_are_read() {
        let known = KNOWN.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<NewEnrollmentToken>(), known);
    }
}
