//! How long telemetry is kept. Usage is summed up by day as it comes; what is older than the retention
//! goes, in short transactions, of one server at a time.

use crate::App;
use crate::error::AppError;
use clientbook_model::id::{ClientId, DeviceId, TenantId};
use clientbook_model::telemetry::DayNumber;
use clientbook_store::{Repeat, Tx, settings, telemetry};
use std::sync::Arc;
use uuid::Uuid;

/// How many days of telemetry are kept unless a setting says otherwise.
pub const DEFAULT_RETENTION_DAYS: i64 = 90;

/// Rows that go in one transaction.
const ROWS: i64 = 1_000;

/// How long after one server began the next turn is, in milliseconds: an hour.
const TURN: i64 = 60 * 60 * 1_000;

const TURN_TAKEN: &str = "telemetry_forgotten";

impl App {
    /// Keeps telemetry for so many days.
    #[must_use]
    pub fn with_retention(mut self, days: i64) -> Self {
        Arc::make_mut(&mut self.0).retention_days = days;
        self
    }

    /// Lets go of telemetry that is older than the retention, if no server has done so within the
    /// hour; whether it was this one's turn.
    pub async fn forget_telemetry(&self) -> Result<bool, AppError> {
        let now = self.0.env.now();
        let turn = async move |tx: &mut Tx| {
            Ok::<_, AppError>(settings::take_turn(tx, TURN_TAKEN, now.millis(), TURN).await?)
        };
        if !self.0.db.write(Repeat::Harmless, turn).await? {
            return Ok(false);
        }
        // Today counts too.
        let day = DayNumber::of(now).before(self.0.retention_days);
        self.forget_sums(day).await?;
        self.forget_records(day).await?;
        self.forget_logs(day).await?;
        Ok(true)
    }

    async fn forget_sums(&self, day: DayNumber) -> Result<(), AppError> {
        let mut at = (TenantId(Uuid::nil()), ClientId(Uuid::nil()));
        loop {
            let next = async move |tx: &mut Tx| {
                Ok::<_, AppError>(telemetry::next_client_across_tenants(tx, at).await?)
            };
            let Some(client) = self.0.db.lookup(next).await? else {
                return Ok(());
            };
            let forget = async move |tx: &mut Tx| {
                Ok::<_, AppError>(telemetry::forget_sums(tx, client, day, ROWS).await?)
            };
            while self.0.db.write(Repeat::Harmless, forget).await? {}
            at = client;
        }
    }

    async fn forget_records(&self, day: DayNumber) -> Result<(), AppError> {
        let mut at = (TenantId(Uuid::nil()), DeviceId(Uuid::nil()));
        loop {
            let next = async move |tx: &mut Tx| {
                Ok::<_, AppError>(telemetry::next_device_across_tenants(tx, at).await?)
            };
            let Some(device) = self.0.db.lookup(next).await? else {
                return Ok(());
            };
            let forget = async move |tx: &mut Tx| {
                Ok::<_, AppError>(telemetry::forget_records(tx, device, day, ROWS).await?)
            };
            while self.0.db.write(Repeat::Harmless, forget).await? {}
            at = device;
        }
    }

    async fn forget_logs(&self, day: DayNumber) -> Result<(), AppError> {
        let mut at = (TenantId(Uuid::nil()), DeviceId(Uuid::nil()));
        loop {
            let next = async move |tx: &mut Tx| {
                Ok::<_, AppError>(telemetry::next_log_across_tenants(tx, at).await?)
            };
            let Some(device) = self.0.db.lookup(next).await? else {
                return Ok(());
            };
            let forget = async move |tx: &mut Tx| {
                Ok::<_, AppError>(telemetry::forget_log(tx, device, day.begin(), ROWS).await?)
            };
            while self.0.db.write(Repeat::Harmless, forget).await? {}
            at = device;
        }
    }
}
