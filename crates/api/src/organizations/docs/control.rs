//! How collection control of many devices or users is described.

use super::super::control::{MAX_ID, View};
use crate::openapi::{Doc, Refusal};
use clientbook_app::MAX_CONTROLLED;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder};

/// Devices to control.
#[derive(ToSchema)]
pub(super) struct DeviceIds {
    #[schema(schema_with = ids)]
    device_ids: Vec<String>,
}

/// Devices to switch on or off.
#[derive(ToSchema)]
pub(super) struct SwitchedDevices {
    #[schema(schema_with = ids)]
    device_ids: Vec<String>,
    /// Whether their agents send their own logs; absent, that stays as it is.
    #[schema(nullable = false)]
    log_shipping_enabled: Option<bool>,
}

/// Users to control.
#[derive(ToSchema)]
pub(super) struct UserIds {
    #[schema(schema_with = ids)]
    user_ids: Vec<String>,
}

/// What is no UUID names nothing that is there, and fails by itself as such.
fn ids() -> ArrayBuilder {
    let id = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_ID));
    let list = ArrayBuilder::new().items(id.description(Some("An id, as a UUID")));
    list.min_items(Some(1)).max_items(Some(MAX_CONTROLLED)).unique_items(true)
}

/// The demo's first device and user.
pub(super) const DEVICE: &str = "f1e2d3c4-b5a6-7890-abcd-ef1234567890";
pub(super) const USER: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

/// What is not there.
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn done(id: &str, error: &str) -> Value {
    json!({ "succeeded": [id], "failed": [{ "id": UNKNOWN, "error": error }] })
}

fn answers(id: &'static str, about: &'static str, done: Value) -> Doc {
    Doc::new(id, about).answers::<View<'_>>(200, "What became of each", done)
}

/// Switches devices on or off.
pub(super) fn switches(id: &'static str, about: &'static str) -> Doc {
    let body = json!({ "device_ids": [DEVICE, UNKNOWN] });
    let logs = json!({ "device_ids": [DEVICE], "log_shipping_enabled": true });
    answers(id, about, done(DEVICE, "Device not found"))
        .takes::<SwitchedDevices>(vec![("devices", body), ("with_logs", logs)])
        .refuses(&[Refusal::ClientControl])
}

/// Deletes devices.
pub(super) fn deletes(id: &'static str, about: &'static str) -> Doc {
    let body = json!({ "device_ids": [DEVICE, UNKNOWN] });
    answers(id, about, done(DEVICE, "Device not found"))
        .takes::<DeviceIds>(vec![("devices", body)])
        .refuses(&[Refusal::ClientControl])
}

/// Does something to users.
pub(super) fn of_users(id: &'static str, about: &'static str) -> Doc {
    let body = json!({ "user_ids": [USER, UNKNOWN] });
    answers(id, about, done(USER, "User not found")).takes::<UserIds>(vec![("users", body)])
}

#[cfg(test)]
mod tests {
    use super::super::super::control::{DEVICES, SWITCHED, USERS};
    use super::*;
    use crate::openapi::properties;

    #[test]
    fn bodies_have_the_fields_that_are_read() {
        let named = |known: &[&str]| known.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<DeviceIds>(), named(DEVICES));
        assert_eq!(properties::<SwitchedDevices>(), named(SWITCHED));
        assert_eq!(properties::<UserIds>(), named(USERS));
    }
}
