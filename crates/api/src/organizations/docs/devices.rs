//! How devices are described. The examples are the demo's.

use super::super::devices::SummaryView;
use super::control::{deletes, switches};
use super::{lists_of_names, names};
use crate::openapi::{Doc, Refusal};
use crate::organizations::device_views::DeviceView;
use crate::organizations::views::ListView;
use crate::shared::schema::Id;
use clientbook_model::device::{CollectionState, DeviceStatus};
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

lists_of_names! {
    State = CollectionState::ALL.map(CollectionState::as_str);
    DeviceState = DeviceStatus::ALL.map(DeviceStatus::as_str);
}

/// A change of a device. What was read may be sent back: ids must then match, and what agents tell is
/// ignored.
#[derive(ToSchema)]
struct DevicePatch {
    #[schema(value_type = Option<State>, nullable = false)]
    collection_state: Option<String>,
    /// Whether its agent sends its own log.
    #[schema(nullable = false)]
    log_shipping_enabled: Option<bool>,
    #[schema(value_type = Option<Id>, nullable = false)]
    id: Option<String>,
    #[schema(nullable = false)]
    unique_key: Option<String>,
    #[schema(required = false)]
    name: Value,
    #[schema(required = false)]
    status: Value,
    #[schema(required = false)]
    serial_number: Value,
    #[schema(required = false)]
    os_name: Value,
    #[schema(required = false)]
    os_version: Value,
    #[schema(required = false)]
    last_seen_at: Value,
    #[schema(required = false)]
    installed_at: Value,
    #[schema(required = false)]
    agent_version: Value,
    #[schema(required = false)]
    hardware: Value,
    #[schema(required = false)]
    extensions: Value,
    #[schema(required = false)]
    effective_mode: Value,
    #[schema(required = false)]
    created_at: Value,
    #[schema(required = false)]
    updated_at: Value,
}

fn device() -> Value {
    json!({
        "id": "f1e2d3c4-b5a6-7890-abcd-ef1234567890",
        "name": "DESKTOP-DEV-ALICE",
        "status": "active",
        "serial_number": "5CD2345XYZ",
        "unique_key": "9f0c2a7e4b1d4e6f8a3b5c7d9e1f2a3b",
        "os_name": "Ubuntu",
        "os_version": "24.04",
        "last_seen_at": "2026-03-10T14:28:00.000Z",
        "installed_at": "2026-01-15T11:00:00.000Z",
        "agent_version": "1.0.0",
        "hardware": {
            "manufacturer": "HP",
            "model": "EliteDesk 800 G9",
            "cpu_model": "Intel Core i7-12700",
            "cpu_cores": 20,
            "ram": 34_359_738_368_i64,
        },
        "extensions": {
            "chrome": {
                "version": "1.0.0",
                "installed": true,
                "auto_update": true,
                "last_activity_at": "2026-03-10T14:20:00.000Z",
            },
            "edge": null,
            "firefox": null,
        },
        "collection_state": "enabled",
        "effective_mode": "saas_usage",
        "log_shipping_enabled": false,
        "created_at": "2026-01-15T11:00:00.000Z",
        "updated_at": "2026-01-15T11:00:00.000Z",
    })
}

pub(in crate::organizations) fn list() -> Doc {
    let example = json!({ "data": [device()], "total_count": 1, "next_cursor": null });
    Doc::new("listDevices", "Lists the devices of a client, deleted ones too")
        .answers::<ListView<DeviceView<'_>>>(200, "A page of devices", example)
        .listing::<DeviceView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn read() -> Doc {
    Doc::new("readDevice", "Reads a device")
        .answers::<DeviceView<'_>>(200, "The device", device())
        .tagged()
}

pub(in crate::organizations) fn update() -> Doc {
    let mut changed = device();
    changed["collection_state"] = json!("disabled");
    changed["effective_mode"] = json!("disabled");
    changed["updated_at"] = json!("2026-03-10T14:30:00.000Z");
    Doc::new("updateDevice", "Changes what is collected on a device")
        .answers::<DeviceView<'_>>(200, "The device as it is now", changed)
        .tagged()
        .takes::<DevicePatch>(vec![
            ("disable", json!({ "collection_state": "disabled" })),
            ("logs", json!({ "log_shipping_enabled": true })),
        ])
        .refuses(&[Refusal::StateTransition, Refusal::ClientControl])
}

pub(in crate::organizations) fn summary() -> Doc {
    let example = json!({
        "total_devices": 5,
        "agent_versions": {
            "distinct_count": 2,
            "versions": [{ "version": "1.0.0", "count": 4 }, { "version": "0.9.2", "count": 1 }],
        },
        "deployment_errors": { "total_errors": 1, "affected_devices": 1 },
    });
    Doc::new("summarizeDevices", "Tells what the devices of a client come to")
        .answers::<SummaryView<'_>>(200, "The summary", example)
        .tagged()
}

pub(in crate::organizations) fn enable() -> Doc {
    switches("enableDevices", "Has agents collect again, as the client's mode says")
}

pub(in crate::organizations) fn disable() -> Doc {
    switches("disableDevices", "Has agents collect nothing")
}

pub(in crate::organizations) fn delete() -> Doc {
    deletes("deleteDevices", "Has agents remove themselves, for good")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::properties;
    use crate::organizations::devices::KNOWN;

    #[test]
    fn the_body_has_the_fields_that_are_read() {
        let known = KNOWN.iter().map(ToString::to_string).collect();
        assert_eq!(properties::<DevicePatch>(), known);
    }
}
