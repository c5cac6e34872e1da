//! What agents log, and what they were refused.

use crate::App;
use crate::caller::Caller;
use crate::cursor::Page;
use crate::error::AppError;
use crate::load::{self, ClientRef, Purpose};
use crate::software::{ListQuery, device_place, split};
use clientbook_model::agent::Payload;
use clientbook_model::id::{DeviceId, parse_uuid};
use clientbook_model::principal::Permission;
use clientbook_store::Tx;
use clientbook_store::agent_logs::{self, LogLine};
use clientbook_store::refusals::{self, Refusals};

impl App {
    /// The log of a device's agent, newest lines first. Needs `telemetry.view`.
    pub async fn list_agent_log(
        &self,
        caller: &Caller,
        target: ClientRef,
        device: String,
        query: ListQuery,
    ) -> Result<Page<LogLine>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        let list = async move |tx: &mut Tx| {
            let place = device_place(tx, &caller, &target, &device).await?;
            let scope = format!("agent-log|{place:?}");
            let before = cursors.resume(&scope, query.cursor.as_deref(), parse_uuid)?;
            let size = query.page_size;
            let rows = agent_logs::page(tx, &place, before, size + 1).await?;
            let total = agent_logs::count(tx, &place).await?;
            Ok(cursors.page(&scope, rows, size, total, |last| last.id.to_string()))
        };
        self.0.db.scan(list).await
    }

    /// How often devices of the client that `target` names sent what may not be collected. Needs
    /// `clients.view`.
    pub async fn list_refusals(
        &self,
        caller: &Caller,
        target: ClientRef,
        query: ListQuery,
    ) -> Result<Page<Refusals>, AppError> {
        let (caller, cursors) = (caller.clone(), self.0.cursors.clone());
        let list = async move |tx: &mut Tx| {
            let (permission, purpose) = (Permission::ClientsView, Purpose::Read);
            let client = load::client(tx, &caller, &target, permission, purpose).await?.client;
            let place = (client.tenant_id, client.id);
            let scope = format!("refusals|{place:?}");
            let after = cursors.resume(&scope, query.cursor.as_deref(), |text| {
                let [device, payload] = split(text)?;
                Some((DeviceId(parse_uuid(device)?), Payload::from_name(payload)?))
            })?;
            let size = query.page_size;
            let rows = refusals::page(tx, place, after, size + 1).await?;
            let total = refusals::count(tx, place).await?;
            let written =
                |last: &Refusals| format!("{}\0{}", last.device_id, last.payload.as_str());
            Ok(cursors.page(&scope, rows, size, total, written))
        };
        self.0.db.scan(list).await
    }
}
