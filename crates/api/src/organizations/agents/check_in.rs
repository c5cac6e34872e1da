//! `POST /v2/agent/check-in`

use super::{invalid, views, whole};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, item};
use clientbook_agent_protocol::limits;
use clientbook_app::{CheckIn, SeenUser};
use clientbook_model::device::DeploymentError;
use clientbook_model::number::Int;
use clientbook_model::text::Text;
use clientbook_model::violation::Violation;
use serde_json::Value;
use std::time::Duration;

pub(in crate::organizations) const CHECK_IN: &[&str] =
    &["agent_version", "config_version", "users", "deployment_errors", "wait_seconds"];
pub(in crate::organizations) const SEEN_USER: &[&str] = &["user_key", "username"];
pub(in crate::organizations) const DEPLOYMENT_ERROR: &[&str] = &["code", "message"];

/// How long a check-in may wait.
pub(in crate::organizations) type WaitSeconds = Int<0, { limits::WAIT_SECONDS as i64 }>;

/// Takes a heartbeat in; the answer comes when there is something new to tell, or at once.
pub(super) async fn check_in(call: Call) -> Result<Answer, ApiError> {
    let (agent, told) = (call.agent()?, read(&call)?);
    let app = call.app.clone();
    // An agent that waits keeps nothing of its request.
    drop(call);
    let agent = app.check_in(agent, told).await?;
    let shown = agent.shown(|| {
        let view = serde_json::to_vec(&views::config(&agent));
        view.map(Into::into).map_err(|error| ApiError::internal(&error))
    })?;
    Ok(Answer::ready(shown))
}

fn read(call: &Call) -> Result<CheckIn, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", CHECK_IN);
    let agent_version = fields.required("agent_version");
    let config_version: Option<Text<255>> = fields.optional("config_version");
    let users = fields.list("users", limits::USERS, user);
    let deployment_errors =
        fields.list("deployment_errors", limits::DEPLOYMENT_ERRORS, deployment_error);
    let wait: Option<WaitSeconds> = fields.optional("wait_seconds");
    let wait = wait.and_then(|wait| u64::try_from(wait.get()).ok()).unwrap_or(0);
    let read = agent_version.map(|agent_version| CheckIn {
        agent_version,
        config_version: config_version.map(|version| version.as_str().to_owned()),
        users: users.unwrap_or_default(),
        deployment_errors,
        wait: Duration::from_secs(wait),
    });
    whole(fields, read).map_err(invalid)
}

fn user(value: &Value, at: &str) -> Result<SeenUser, Vec<Violation>> {
    let mut fields = item(value, at, SEEN_USER)?;
    let (user_key, username) = (fields.required("user_key"), fields.required("username"));
    let read = user_key.zip(username).map(|(user_key, username)| SeenUser { user_key, username });
    whole(fields, read)
}

fn deployment_error(value: &Value, at: &str) -> Result<DeploymentError, Vec<Violation>> {
    let mut fields = item(value, at, DEPLOYMENT_ERROR)?;
    let (code, message) = (fields.required("code"), fields.required("message"));
    let read = code.zip(message).map(|(code, message)| DeploymentError { code, message });
    whole(fields, read)
}
