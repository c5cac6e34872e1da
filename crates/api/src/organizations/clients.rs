//! `/v2/clients/{client_id}`

use super::views;
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::fields::{Fields, same_id};
use crate::shared::query::Parameter;
use crate::shared::schema;
use clientbook_app::{Change, ClientChange, ClientKey, ClientRecord, ClientRef, Home, NewClient};
use clientbook_model::audit::Surface;
use clientbook_model::client::ClientPatch;
use clientbook_model::id::{ClientId, parse_uuid};
use clientbook_model::patch::Parse;
use clientbook_model::status::Status;
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use serde_json::Value;

pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "as_of",
    about: "The client as it stood then; takes the permission `audit.view` too",
    schema: schema::moment,
}];

/// Reads one client.
pub(super) async fn read(mut call: Call) -> Result<Answer, ApiError> {
    if call.query.text("as_of").is_some() {
        let mut parameters = std::mem::take(&mut call.query);
        let time: Option<Timestamp> = parameters.parse("as_of");
        parameters.finish()?;
        if let Some(time) = time {
            return Box::pin(read_as_of(&call, time)).await;
        }
    }
    let read = call.app.read_client(&call.caller, target(&call)).await?;
    // A token that will run out shows as null from then on.
    if read.record.enrollment_token.as_ref().is_some_and(|token| token.expires_at.is_some()) {
        let view = views::client(&read.record, call.app.now());
        return Answer::record(read.record.client.version, &view);
    }
    Answer::read(&read, Surface::Organizations, |record| views::client(record, call.app.now()))
}

async fn read_as_of(call: &Call, time: Timestamp) -> Result<Answer, ApiError> {
    let record = call.app.client_as_of(&call.caller, target(call), time).await?;
    Answer::record(0, &views::client(&record, time))
}

/// Erases a client.
pub(super) async fn erase(call: Call) -> Result<Answer, ApiError> {
    call.app.erase_client(&call.caller, target(&call), call.precondition.clone()).await?;
    Ok(Answer::no_content())
}

/// Makes a client.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    let new =
        call.admitted_home(Home::Field { asked: None, at: "/tenant" }, new_client(&call)).await?;
    let now = call.app.now();
    let show = move |record: &ClientRecord| {
        let client = &record.client;
        let view = views::client(record, now);
        Answer::created(client.version, format!("/v2/clients/{}", client.id), &view)
    };
    call.once(|once| call.app.create_client(&call.caller, new, once), show).await
}

/// Changes the collection mode.
pub(super) async fn update(call: Call) -> Result<Answer, ApiError> {
    let change = call.admitted(target(&call), change(&call)).await?;
    let change = Change { change, precondition: call.precondition.clone(), dry_run: false };
    let now = call.app.now();
    let show = move |record: &ClientRecord| {
        Answer::record(record.client.version, &views::client(record, now))
    };
    call.once(|once| call.app.change_client(&call.caller, target(&call), change, once), show).await
}

pub(super) fn target(call: &Call) -> ClientRef {
    let asked = call.segment("client_id");
    let key = parse_uuid(asked).map(|id| ClientKey::Id(ClientId(id)));
    ClientRef { tenant: None, asked: asked.to_owned(), key }
}

/// What callers read can be sent back: identity must match, what the server keeps is ignored.
pub(super) const KNOWN: &[&str] = &[
    "id",
    "name",
    "status",
    "collection_mode",
    "partner",
    "enrollment_token",
    "created_at",
    "updated_at",
];

/// What can be said of a new client.
pub(super) const NEW: &[&str] = &["name", "status", "tenant"];

fn new_client(call: &Call) -> Result<NewClient, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", NEW);
    let mut patch = ClientPatch { name: fields.required("name"), ..ClientPatch::default() };
    patch.status.status = fields.set("status").map(|LowerCase(status)| status);
    let home = Home::Field { asked: fields.optional("tenant"), at: "/tenant" };
    Ok(NewClient { home, patch, custom: Vec::new(), violations: fields.violations })
}

/// A status as this surface names it.
pub(super) struct LowerCase(pub(super) Status);

impl Parse for LowerCase {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let found = value.as_str().and_then(Status::from_name);
        found.map(Self).ok_or_else(|| Violation::not_one_of(&Status::ALL.map(Status::as_str)))
    }
}

fn change(call: &Call) -> Result<ClientChange, ApiError> {
    let object = call.object()?;
    let mut fields = Fields::new(&object, "", KNOWN);
    let mut change = ClientChange::new(call.permission);
    change.patch.collection_mode = fields.set("collection_mode");
    fields.echo("id", |record, sent| same_id(sent, &record.client.id));
    fields.echo("name", |record, sent| sent.as_str() == Some(record.client.name.as_str()));
    fields.echo("status", |record, sent| sent.as_str() == Some(record.client.status.as_str()));
    fields.echo("partner", is_partner);
    fields.echo("enrollment_token", is_enrollment_token);
    change.echoes = fields.echoes;
    change.violations = fields.violations;
    Ok(change)
}

fn is_partner(record: &ClientRecord, sent: &Value) -> bool {
    let Some(sent) = sent.as_object() else {
        return false;
    };
    sent.iter().all(|(name, value)| match name.as_str() {
        "id" => same_id(value, &record.tenant.id),
        "name" => value.as_str() == Some(record.tenant.name.as_str()),
        _ => false,
    })
}

// Its counters and status move by themselves between reading and sending back.
fn is_enrollment_token(record: &ClientRecord, sent: &Value) -> bool {
    match (sent, &record.enrollment_token) {
        (Value::Object(sent), Some(token)) => {
            sent.get("id").is_none_or(|id| same_id(id, &token.id))
                && sent.get("value").is_none_or(|value| value.as_str() == Some(&token.value))
        }
        // A token that has run out shows as null.
        (Value::Null, _) => true,
        _ => false,
    }
}
