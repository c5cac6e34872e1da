//! `/client/{uuid}`

use super::{patch, views};
use crate::shared::answer::Answer;
use crate::shared::call::Call;
use crate::shared::error::ApiError;
use crate::shared::query::Parameter;
use crate::shared::schema;
use clientbook_app::{Change, ClientKey, ClientRecord, ClientRef, Home};
use clientbook_model::audit::Surface;
use clientbook_model::id::{ClientId, parse_uuid};

pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "dryRun",
    about: "Only answer what the record would become; save nothing",
    schema: schema::flag,
}];

/// Reads one client.
pub(super) async fn read(call: Call) -> Result<Answer, ApiError> {
    let read = call.app.read_client(&call.caller, target(&call)).await?;
    Answer::read(&read, Surface::CustomerSuccess, views::client)
}

/// Makes a client.
pub(super) async fn create(call: Call) -> Result<Answer, ApiError> {
    let new = call
        .admitted_home(Home::Field { asked: None, at: patch::TENANT }, patch::new_client(&call))
        .await?;
    let route = call.route;
    let show = move |record: &ClientRecord| {
        let client = &record.client;
        let place = format!("{route}/{}", client.id);
        Answer::created(client.version, place, &views::client(record))
    };
    call.once(|once| call.app.create_client(&call.caller, new, once), show).await
}

/// Changes the properties sent; with `dryRun`, only says what the record would become.
pub(super) async fn update(mut call: Call) -> Result<Answer, ApiError> {
    let mut parameters = std::mem::take(&mut call.query);
    let dry_run = parameters.flag("dryRun");
    parameters.finish()?;
    let change = call.admitted(target(&call), patch::change(&call)).await?;
    let precondition = call.precondition.clone();
    let change = Change { change, precondition, dry_run };
    let show = move |record: &ClientRecord| {
        let mut answer = Answer::record(record.client.version, &views::client(record))?;
        if dry_run {
            // A tag of a version that is not there yet would one day fit another change.
            answer.version = None;
        }
        Ok(answer)
    };
    call.once(|once| call.app.change_client(&call.caller, target(&call), change, once), show).await
}

fn target(call: &Call) -> ClientRef {
    let asked = call.segment("uuid");
    let key = parse_uuid(asked).map(|id| ClientKey::Id(ClientId(id)));
    ClientRef { tenant: None, asked: asked.to_owned(), key }
}
