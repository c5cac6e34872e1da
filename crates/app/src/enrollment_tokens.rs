//! Make, list and revoke the enrolment tokens of a client.

use crate::App;
use crate::caller::Caller;
use crate::create::enrollment_facts;
use crate::cursor::Page;
use crate::env::Env;
use crate::error::{AppError, Missing, invalid};
use crate::kept_answers::{About, Done, Once};
use crate::load::{self, ClientRef, Purpose};
use crate::recorder::Recorder;
use clientbook_model::audit::{Action, EntityType, Event};
use clientbook_model::client::{Client, FieldChange};
use clientbook_model::collection::CollectionMode;
use clientbook_model::enrollment::{self, Description, EnrollmentToken, MaxUses, SiteId};
use clientbook_model::id::{EnrollmentTokenId, parse_uuid};
use clientbook_model::principal::Permission;
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use clientbook_store::{Repeat, Tx, clients, enrollment_tokens};
use serde_json::Value;

/// What a new token is to be.
#[derive(Debug, Clone, Default)]
pub struct EnrollmentTerms {
    /// What it is for.
    pub description: Option<Description>,
    /// The site its devices stand at.
    pub site_id: Option<SiteId>,
    /// How many devices may enrol.
    pub max_uses: Option<MaxUses>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// Which tokens to list.
#[derive(Debug, Clone, Default)]
pub struct EnrollmentTokenQuery {
    /// Rows on a page.
    pub page_size: i64,
    /// Where to go on.
    pub cursor: Option<String>,
}

impl App {
    /// Every token that the client that `target` names has and had, newest first. Needs
    /// `tokens.manage`.
    pub async fn list_enrollment_tokens(
        &self,
        caller: &Caller,
        target: ClientRef,
        query: EnrollmentTokenQuery,
    ) -> Result<Page<EnrollmentToken>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let permission = Permission::TokensManage;
                let record = load::client(tx, &caller, &target, permission, Purpose::Read).await?;
                let (tenant, client) = (record.client.tenant_id, record.client.id);
                let scope = format!("enrollment-tokens|{tenant}|{client}");
                let (cursor, size) = (query.cursor.as_deref(), query.page_size);
                let after = cursors.resume(&scope, cursor, read_place)?;
                let rows = enrollment_tokens::list(tx, tenant, client, after, size + 1).await?;
                let total = enrollment_tokens::count(tx, tenant, client).await?;
                Ok(cursors.page(&scope, rows, size, total, place))
            })
            .await
    }

    /// Makes a token for the client that `target` names, and takes back the one it had. Needs
    /// `tokens.manage`; a client in the mode `deleted` gets none.
    pub async fn create_enrollment_token(
        &self,
        caller: &Caller,
        target: ClientRef,
        terms: EnrollmentTerms,
        once: Once<EnrollmentToken>,
    ) -> Result<Done<EnrollmentToken>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let now = env.now();
                load::still_works(tx, &caller, now).await?;
                let (permission, purpose) = (Permission::TokensManage, Purpose::Change);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                if let Some(kept) = once.seek(tx, &caller, now).await? {
                    return Ok(Done::Told(kept.told));
                }
                let about = About { parent: None, ..About::from(&record) };
                let mut client = record.client;
                if terms.expires_at.is_some_and(|end| end <= now) {
                    return Err(invalid("/expires_at", "future", "must be in the future"));
                }
                if client.collection_mode == CollectionMode::Deleted {
                    let message = "the client's collection mode is deleted: no device may join it";
                    return Err(AppError::Conflict(Violation::new("client_deleted", message)));
                }
                let tenant_id = client.tenant_id;
                let recorder =
                    Recorder { env: &env, caller: &caller, tenant_id, operation_id, now };
                if let Some(old) = &record.enrollment_token {
                    revoke(tx, &recorder, &mut client, old.id).await?;
                }
                let token = fresh(&env, &client, terms.clone(), now);
                let changes = enrollment_facts(&token);
                let event = event(token.id, Action::EnrollmentTokenCreated, &changes);
                recorder.append(tx, client.id.0, &mut client.audit, &event).await?;
                enrollment_tokens::insert(tx, &token).await?;
                clients::set_chain_head(tx, &client).await?;
                let about = About { made: Some(token.id.0), ..about };
                once.keep(tx, now, about, token).await
            })
            .await
    }

    /// Takes a token of the client that `target` names back. Taking it back again changes nothing.
    /// Needs `tokens.manage`.
    pub async fn revoke_enrollment_token(
        &self,
        caller: &Caller,
        target: ClientRef,
        asked: String,
    ) -> Result<(), AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let now = env.now();
                load::still_works(tx, &caller, now).await?;
                let (permission, purpose) = (Permission::TokensManage, Purpose::Change);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                let mut client = record.client;
                let missing =
                    || AppError::NotFound(Missing { kind: "enrollment_token", id: asked.clone() });
                let id = EnrollmentTokenId(parse_uuid(&asked).ok_or_else(missing)?);
                let tenant_id = client.tenant_id;
                let found = enrollment_tokens::get(tx, tenant_id, client.id, id).await?;
                if found.ok_or_else(missing)?.revoked_at.is_some() {
                    return Ok(());
                }
                let recorder =
                    Recorder { env: &env, caller: &caller, tenant_id, operation_id, now };
                revoke(tx, &recorder, &mut client, id).await?;
                Ok(clients::set_chain_head(tx, &client).await?)
            })
            .await
    }
}

/// A token of these terms for `client`, not yet written.
pub(crate) fn fresh(
    env: &Env,
    client: &Client,
    terms: EnrollmentTerms,
    now: Timestamp,
) -> EnrollmentToken {
    let random = env.text(enrollment::ALPHABET, enrollment::LENGTH);
    EnrollmentToken {
        id: EnrollmentTokenId(env.uuid(now)),
        tenant_id: client.tenant_id,
        client_id: client.id,
        value: format!("{}{random}", enrollment::PREFIX),
        description: terms.description.map(|text| text.as_str().to_owned()),
        site_id: terms.site_id.map(|text| text.as_str().to_owned()),
        max_uses: terms.max_uses.map(MaxUses::get),
        uses: 0,
        expires_at: terms.expires_at,
        created_at: now,
        revoked_at: None,
    }
}

/// Takes a token back and tells it in the client's chain, whose moved head the caller writes.
pub(crate) async fn revoke(
    tx: &mut Tx,
    recorder: &Recorder<'_>,
    client: &mut Client,
    id: EnrollmentTokenId,
) -> Result<(), AppError> {
    enrollment_tokens::revoke(tx, client.tenant_id, id, recorder.now).await?;
    let after = Value::from(recorder.now.to_string());
    let change = FieldChange { field: "revoked_at".into(), before: Value::Null, after };
    let event = event(id, Action::EnrollmentTokenRevoked, std::slice::from_ref(&change));
    Ok(recorder.append(tx, client.id.0, &mut client.audit, &event).await?)
}

fn event(id: EnrollmentTokenId, action: Action, changes: &[FieldChange]) -> Event<'_> {
    Event { entity_type: EntityType::EnrollmentToken, entity_id: id.0, action, changes }
}

fn place(token: &EnrollmentToken) -> String {
    format!("{} {}", token.created_at.millis(), token.id)
}

fn read_place(text: &str) -> Option<(Timestamp, EnrollmentTokenId)> {
    let (millis, id) = text.split_once(' ')?;
    let time = Timestamp::from_millis(millis.parse().ok()?)?;
    Some((time, EnrollmentTokenId(parse_uuid(id)?)))
}
