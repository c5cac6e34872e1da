//! `POST /v2/agent/usage`

use super::{admitted, invalid, views, whole};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, item};
use axum::http::StatusCode;
use clientbook_agent_protocol::limits;
use clientbook_model::agent::Payload;
use clientbook_model::telemetry::{ItemText, UsageKind, UsageRecord, check_domain};
use clientbook_model::text::Label;
use clientbook_model::violation::Violation;
use serde_json::Value;

pub(in crate::organizations) const USAGE: &[&str] = &["records"];
pub(in crate::organizations) const RECORD: &[&str] =
    &["id", "kind", "user_key", "name", "started_at", "seconds", "visits"];

/// Takes records in, each once.
pub(super) async fn take(call: Call) -> Result<Answer, ApiError> {
    let agent = call.agent()?;
    let payloads = [Payload::AppUsage, Payload::WebUsage];
    let records = admitted(&call, &agent, &payloads, read(&call))?;
    let accepted = call.app.take_usage(&agent, records).await?;
    Answer::json(StatusCode::ACCEPTED, &views::accepted(accepted))
}

fn read(call: &Call) -> Result<Vec<UsageRecord>, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", USAGE);
    let records = fields.list("records", limits::USAGE_RECORDS, record);
    if !object.contains_key("records") {
        fields.refuse("records", Violation::new("required", "must be given"));
    }
    whole(fields, records).map_err(invalid)
}

fn record(value: &Value, at: &str) -> Result<UsageRecord, Vec<Violation>> {
    let mut fields = item(value, at, RECORD)?;
    let (id, kind) = (fields.required("id"), fields.required("kind"));
    let user_key = fields.required("user_key");
    let mut name: Option<ItemText> = fields.required("name");
    let (started_at, seconds) = (fields.required("started_at"), fields.required("seconds"));
    let visits = fields.optional("visits");
    if kind == Some(UsageKind::Web)
        && let Some(domain) = &name
    {
        match check_domain(domain.as_str()) {
            // Domains are the same in any letter case.
            Ok(()) => match Label::new(&domain.as_str().to_lowercase()) {
                Ok(lower) => name = Some(lower),
                Err(broken) => fields.refuse("name", broken),
            },
            Err(broken) => fields.refuse("name", broken),
        }
    }
    let read = (|| {
        Some(UsageRecord {
            id: id?,
            kind: kind?,
            user_key: user_key?,
            name: name?,
            started_at: started_at?,
            seconds: seconds?,
            visits,
        })
    })();
    whole(fields, read)
}
