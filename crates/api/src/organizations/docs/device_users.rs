//! How users seen on devices are described. The examples are the demo's.

use super::super::device_users::SummaryView;
use super::control::of_users;
use super::{lists_of_names, names};
use crate::openapi::{Doc, Refusal};
use crate::organizations::device_views::{SightingView, UserView};
use crate::organizations::views::ListView;
use crate::shared::schema::Id;
use clientbook_model::device_user::{MAX_DEPARTMENTS, UserStatus};
use serde_json::{Value, json};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ArrayBuilder, OneOfBuilder, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

lists_of_names! {
    UserState = UserStatus::ALL.map(UserStatus::as_str);
}

/// A change of a user. What was read may be sent back: ids must then match, and what agents tell is
/// ignored.
#[derive(ToSchema)]
struct UserPatch {
    #[schema(value_type = Option<UserState>, nullable = false)]
    status: Option<String>,
    #[schema(schema_with = departments, required = false)]
    departments: Option<Vec<MembershipEcho>>,
    #[schema(value_type = Option<Id>, nullable = false)]
    id: Option<String>,
    #[schema(nullable = false)]
    user_key: Option<String>,
    #[schema(required = false)]
    username: Value,
    #[schema(required = false)]
    last_activity: Value,
    #[schema(required = false)]
    created_at: Value,
    #[schema(required = false)]
    updated_at: Value,
}

/// A department that a user is in: only its id counts.
#[derive(ToSchema)]
#[schema(as = MembershipInput)]
struct MembershipEcho {
    #[schema(value_type = Id)]
    id: String,
    #[schema(required = false)]
    name: Value,
    #[schema(required = false)]
    description: Value,
}

fn departments() -> ArrayBuilder {
    let as_read = Ref::from_schema_name(MembershipEcho::name());
    let one = OneOfBuilder::new().item(Ref::from_schema_name(Id::name())).item(as_read);
    let list = ArrayBuilder::new().items(one).max_items(Some(MAX_DEPARTMENTS)).unique_items(true);
    list.description(Some("The whole set, each by its id or as it is read"))
}

fn user() -> Value {
    json!({
        "id": "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
        "username": "alice",
        "user_key": "alice@DESKTOP-DEV-ALICE",
        "status": "active",
        "last_activity": {
            "at": "2026-03-10T14:25:00.000Z",
            "desktop_at": "2026-03-10T14:25:00.000Z",
            "web_at": "2026-03-10T14:20:00.000Z",
        },
        "departments": [{
            "id": "d1e2f3a4-b5c6-7890-abcd-ef1234567890",
            "name": "Engineering",
            "description": "Builds the product",
        }],
        "created_at": "2026-01-15T11:05:00.000Z",
        "updated_at": "2026-01-15T11:05:00.000Z",
    })
}

pub(in crate::organizations) fn list() -> Doc {
    let example = json!({ "data": [user()], "total_count": 1, "next_cursor": null });
    Doc::new("listUsers", "Lists the users seen on a client's devices, deleted ones too")
        .answers::<ListView<UserView<'_>>>(200, "A page of users", example)
        .listing::<UserView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn of_device() -> Doc {
    let mut seen = user();
    seen["enrolled_at"] = json!("2026-01-15T11:05:00.000Z");
    seen["last_seen_at"] = json!("2026-03-10T14:28:00.000Z");
    let example = json!({ "data": [seen], "total_count": 1, "next_cursor": null });
    Doc::new("listUsersOfDevice", "Lists the users seen on a device")
        .answers::<ListView<SightingView<'_>>>(200, "A page of users", example)
        .listing::<SightingView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn read() -> Doc {
    Doc::new("readUser", "Reads a user").answers::<UserView<'_>>(200, "The user", user()).tagged()
}

pub(in crate::organizations) fn update() -> Doc {
    let mut changed = user();
    changed["status"] = json!("archived");
    changed["updated_at"] = json!("2026-03-10T14:30:00.000Z");
    let departments = json!({ "departments": ["d1e2f3a4-b5c6-7890-abcd-ef1234567890"] });
    Doc::new("updateUser", "Changes what is collected of a user, or its departments")
        .answers::<UserView<'_>>(200, "The user as it is now", changed)
        .tagged()
        .takes::<UserPatch>(vec![
            ("archive", json!({ "status": "archived" })),
            ("departments", departments),
        ])
        .using::<MembershipEcho>()
        .refuses(&[Refusal::UserTransition, Refusal::ClientControl])
}

pub(in crate::organizations) fn summary() -> Doc {
    let example = json!({ "active_users": 4, "stale_users": 1, "stale_threshold": 172_800 });
    Doc::new("summarizeUsers", "Tells how many users of a client were active lately")
        .answers::<SummaryView>(200, "The summary", example)
        .tagged()
}

pub(in crate::organizations) fn erase_telemetry() -> Doc {
    Doc::new("eraseUserTelemetry", "Erases what was collected of a user; again, if you like")
}

pub(in crate::organizations) fn activate() -> Doc {
    of_users("activateUsers", "Has users be collected again").refuses(&[Refusal::ClientControl])
}

pub(in crate::organizations) fn archive() -> Doc {
    of_users("archiveUsers", "Has nothing of users be collected").refuses(&[Refusal::ClientControl])
}

pub(in crate::organizations) fn delete() -> Doc {
    of_users("deleteUsers", "Has nothing of users be collected, for good: who is seen again is new")
        .refuses(&[Refusal::ClientControl])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;
    use crate::organizations::device_users::{KNOWN, MEMBERSHIP};

    #[test]
    fn the_body_has_the_fields_that_are_read() {
        let named = |known: &[&str]| known.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<UserPatch>(), named(KNOWN));
        assert_eq!(properties::<MembershipEcho>(), named(MEMBERSHIP));
    }
}
