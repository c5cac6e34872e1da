//! `POST /v2/agent/logs`

use super::{admitted, invalid, whole};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, item};
use clientbook_agent_protocol::limits;
use clientbook_model::agent::Payload;
use clientbook_model::telemetry::LogRecord;
use clientbook_model::violation::Violation;
use serde_json::Value;

pub(in crate::organizations) const LOGS: &[&str] = &["records"];
pub(in crate::organizations) const LINE: &[&str] = &["at", "level", "message"];

/// Takes lines of the agent's log in, where somebody asked for it.
pub(super) async fn take(call: Call) -> Result<Answer, ApiError> {
    let agent = call.agent()?;
    let lines = admitted(&call, &agent, &[Payload::Logs], read(&call))?;
    call.app.take_agent_log(&agent, lines).await?;
    Ok(Answer::no_content())
}

fn read(call: &Call) -> Result<Vec<LogRecord>, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", LOGS);
    let lines = fields.list("records", limits::LOG_RECORDS, line);
    if !object.contains_key("records") {
        fields.refuse("records", Violation::new("required", "must be given"));
    }
    whole(fields, lines).map_err(invalid)
}

fn line(value: &Value, at: &str) -> Result<LogRecord, Vec<Violation>> {
    let mut fields = item(value, at, LINE)?;
    let (time, level) = (fields.required("at"), fields.required("level"));
    let message = fields.required("message");
    let read = (|| Some(LogRecord { at: time?, level: level?, message: message? }))();
    whole(fields, read)
}
