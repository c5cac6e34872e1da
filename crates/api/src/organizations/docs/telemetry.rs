//! How what was collected is described.

use super::lists_of_names;
use crate::openapi::Doc;
use crate::organizations::telemetry::{
    AgentLogView, InstalledSoftwareView, RefusalView, SoftwareDeviceView, SoftwareView, UsageView,
};
use crate::organizations::views::ListView;
use crate::shared::schema::names;
use clientbook_model::agent::Payload;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

lists_of_names! {
    PayloadName = Payload::ALL.map(Payload::as_str);
}

const DEVICE: &str = "f1e2d3c4-b5a6-7890-abcd-ef1234567890";
const SOFTWARE: &str = "3b9c1c5e-0d3f-8a41-9f60-2f1f0c1f7a55";

fn list(row: &Value) -> Value {
    json!({ "data": [row], "total_count": 1, "next_cursor": null })
}

pub(in crate::organizations) fn software() -> Doc {
    let example = list(&json!({
        "id": SOFTWARE, "name": "firefox-esr", "version": "128.8.0esr-1~deb12u1",
        "publisher": "Debian Mozilla Team", "device_count": 12,
    }));
    Doc::new("listSoftware", "Lists what is installed on devices of a client, by name")
        .answers::<ListView<SoftwareView<'_>>>(200, "A page of software", example)
        .listing::<SoftwareView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn bearers() -> Doc {
    let example = list(&json!({
        "device_id": DEVICE, "name": "laptop-7", "source": "dpkg",
        "installed_at": "2026-02-01T09:30:00.000Z",
    }));
    Doc::new("listSoftwareDevices", "Lists the devices of a client that a piece of software is on")
        .answers::<ListView<SoftwareDeviceView<'_>>>(200, "A page of devices", example)
        .listing::<SoftwareDeviceView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn of_device() -> Doc {
    let example = list(&json!({
        "id": SOFTWARE, "name": "firefox-esr", "version": "128.8.0esr-1~deb12u1",
        "publisher": "Debian Mozilla Team", "source": "dpkg",
        "installed_at": "2026-02-01T09:30:00.000Z",
    }));
    Doc::new("listDeviceSoftware", "Lists what is installed on a device, by name")
        .answers::<ListView<InstalledSoftwareView<'_>>>(200, "A page of software", example)
        .listing::<InstalledSoftwareView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn usage() -> Doc {
    let example =
        list(&json!({ "kind": "web", "name": "example.com", "seconds": 900, "visits": 4 }));
    let about = "Sums up what was used on a client's devices, by application and domain, device, \
                 user or day, in their order";
    Doc::new("sumUsage", about)
        .answers::<ListView<UsageView<'_>>>(200, "A page of sums", example)
        .listing::<UsageView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn log() -> Doc {
    let example = list(&json!({
        "at": "2026-03-10T14:29:00.000Z", "level": "warn", "message": "The spool was full",
    }));
    Doc::new("listAgentLog", "Lists what a device's agent has logged, newest first")
        .answers::<ListView<AgentLogView<'_>>>(200, "A page of lines", example)
        .listing::<AgentLogView<'_>>()
        .tagged()
}

pub(in crate::organizations) fn refusals() -> Doc {
    let example = list(&json!({
        "device_id": DEVICE, "payload": "app_usage", "count": 3,
        "last_refused_at": "2026-03-10T14:29:00.000Z",
    }));
    let about = "Lists how often devices of a client sent what may not be collected; nothing else \
                 of it was stored";
    Doc::new("listCollectionRefusals", about)
        .answers::<ListView<RefusalView>>(200, "A page of counts", example)
        .listing::<RefusalView>()
        .tagged()
}
