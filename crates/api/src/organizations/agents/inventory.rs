//! `PUT /v2/agent/inventory`

use super::device::device;
use super::{admitted, invalid, nested, whole};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, item};
use clientbook_agent_protocol::limits;
use clientbook_app::Inventory;
use clientbook_model::agent::Payload;
use clientbook_model::telemetry::Software;
use clientbook_model::violation::Violation;
use serde_json::Value;

pub(in crate::organizations) const INVENTORY: &[&str] = &["device", "software"];
pub(in crate::organizations) const SOFTWARE: &[&str] =
    &["name", "version", "publisher", "source", "installed_at"];

/// Replaces each part that is there.
pub(super) async fn replace(call: Call) -> Result<Answer, ApiError> {
    let agent = call.agent()?;
    let payloads = [Payload::Device, Payload::Software];
    let inventory = admitted(&call, &agent, &payloads, read(&call))?;
    call.app.take_inventory(&agent, inventory).await?;
    Ok(Answer::no_content())
}

fn read(call: &Call) -> Result<Inventory, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", INVENTORY);
    let device = nested(&mut fields, ("", "device"), device);
    let software = fields.list("software", limits::SOFTWARE, software);
    whole(fields, Some(Inventory { device, software })).map_err(invalid)
}

fn software(value: &Value, at: &str) -> Result<Software, Vec<Violation>> {
    let mut fields = item(value, at, SOFTWARE)?;
    let (name, version) = (fields.required("name"), fields.required("version"));
    let (publisher, source) = (fields.optional("publisher"), fields.optional("source"));
    let installed_at = fields.optional("installed_at");
    let read = name.zip(version).map(|(name, version)| Software {
        name,
        version,
        publisher,
        source,
        installed_at,
    });
    whole(fields, read)
}
