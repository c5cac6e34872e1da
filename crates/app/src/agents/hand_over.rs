//! What agents hand over: inventories, records of usage, their own log. The mode decides inside the
//! transaction that writes: what it forbids leaves nothing.

use super::room_of_day::RoomOfDays;
use super::users::{Room, start};
use super::{Agent, hold};
use crate::App;
use crate::env::Env;
use crate::error::{AppError, invalid};
use clientbook_model::agent::Payload;
use clientbook_model::device::{DeviceFacts, UniqueKey};
use clientbook_model::device_user::{UserKey, UserStatus};
use clientbook_model::id::{DeviceUserId, uuid_v7};
use clientbook_model::telemetry::{
    AHEAD_MILLIS, DayNumber, LogRecord, Software, UsageKind, UsageRecord,
};
use clientbook_model::time::Timestamp;
use clientbook_model::violation::Violation;
use clientbook_store::agents::{self, FoundUser, KeyHolder};
use clientbook_store::usage::{UsageKey, Used};
use clientbook_store::{Repeat, Tx, agent_logs, device_users, devices, software, usage};
use std::collections::BTreeMap;

/// How many broken rules are told of one call.
const MAX_VIOLATIONS: usize = 100;

/// What a device is and what is installed on it; each part that is there replaces that part whole.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// What it is. The key must be its own.
    pub device: Option<(UniqueKey, DeviceFacts)>,
    /// What is installed.
    pub software: Option<Vec<Software>>,
}

/// What became of records of usage; those for which their day has no room are neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageAccepted {
    /// Counted.
    pub accepted: u64,
    /// Known already.
    pub duplicates: u64,
}

impl App {
    /// Takes an inventory in.
    pub async fn take_inventory(
        &self,
        agent: &Agent,
        inventory: Inventory,
    ) -> Result<(), AppError> {
        let device = inventory.device.as_ref().map(|_| Payload::Device);
        let software = inventory.software.as_ref().map(|_| Payload::Software);
        let payloads: Vec<_> = device.into_iter().chain(software).collect();
        self.refuse_handed(agent, payloads.iter().copied())?;
        let (digest, place) = (agent.digest, agent.place());
        let write = async move |tx: &mut Tx| {
            let agent = hold(tx, digest, &place).await?;
            agent.check_handed(payloads.iter().copied())?;
            if let Some((unique_key, facts)) = &inventory.device {
                if unique_key.as_str() != agent.unique_key() {
                    let message = "must be the key that the device has joined with";
                    return Err(invalid("/device/unique_key", "same", message));
                }
                devices::set_facts(tx, place.tenant_id, place.device_id, facts).await?;
            }
            if let Some(all) = &inventory.software {
                software::replace(tx, &place, all).await?;
            }
            Ok(())
        };
        let taken = self.0.db.write(Repeat::Harmless, write).await;
        self.count_refusal(agent, taken)
    }

    /// Takes records of usage in, each once.
    pub async fn take_usage(
        &self,
        agent: &Agent,
        records: Vec<UsageRecord>,
    ) -> Result<UsageAccepted, AppError> {
        let mut payloads: Vec<_> = records.iter().map(payload).collect();
        payloads.sort_unstable();
        payloads.dedup();
        self.refuse_handed(agent, payloads.iter().copied())?;
        let times = records.iter().map(|record| record.started_at);
        self.check_record_times(times, "started_at")?;
        let (env, digest, place) = (self.0.env.clone(), agent.digest, agent.place());
        let stale = self.stale();
        let write = async move |tx: &mut Tx| {
            let agent = hold(tx, digest, &place).await?;
            agent.check_handed(payloads.iter().copied())?;
            let taking = Taking { env: &env, agent: &agent, records: &records, stale };
            taking.take(tx).await
        };
        let taken = self.0.db.write(Repeat::Harmless, write).await;
        self.count_refusal(agent, taken)
    }

    /// Takes lines of the agent's log in.
    pub async fn take_agent_log(
        &self,
        agent: &Agent,
        lines: Vec<LogRecord>,
    ) -> Result<(), AppError> {
        self.refuse_handed(agent, [Payload::Logs])?;
        self.check_record_times(lines.iter().map(|line| line.at), "at")?;
        let (env, digest, place) = (self.0.env.clone(), agent.digest, agent.place());
        let write = async move |tx: &mut Tx| {
            hold(tx, digest, &place).await?.check_handed([Payload::Logs])?;
            let millis = env.now().millis();
            for (at, line) in (0_u16..).zip(&lines) {
                // In the order in which they came, within their millisecond too.
                let mut tail: [u8; 10] = env.bytes();
                let [high, low] = at.to_be_bytes();
                tail[..5].copy_from_slice(&[0, 0, 0, high, low]);
                agent_logs::insert(tx, &place, uuid_v7(millis, tail), line).await?;
            }
            Ok(agent_logs::trim(tx, &place).await?)
        };
        let taken = self.0.db.write(Repeat::Harmless, write).await;
        self.count_refusal(agent, taken)
    }

    /// Whether each time is one that a device can tell of: not of the future, and not of before what
    /// is kept.
    fn check_record_times(
        &self,
        times: impl Iterator<Item = Timestamp>,
        field: &str,
    ) -> Result<(), AppError> {
        let now = self.0.env.now();
        let latest = now.millis() + AHEAD_MILLIS;
        let oldest = DayNumber::of(now).before(self.0.retention_days).begin();
        let mut violations = Vec::new();
        for (at, time) in times.enumerate() {
            let (rule, message) = if time.millis() > latest {
                ("future", "must not be in the future")
            } else if time < oldest {
                ("too_old", "must not be from before what is kept")
            } else {
                continue;
            };
            violations.push(Violation::new(rule, message).below(&format!("/records/{at}/{field}")));
            if violations.len() == MAX_VIOLATIONS {
                break;
            }
        }
        if violations.is_empty() { Ok(()) } else { Err(AppError::Invalid(violations)) }
    }
}

fn payload(record: &UsageRecord) -> Payload {
    match record.kind {
        UsageKind::App => Payload::AppUsage,
        UsageKind::Web => Payload::WebUsage,
    }
}

/// The sums that a record of a user is part of.
fn keys(record: &UsageRecord, user_id: DeviceUserId) -> Vec<UsageKey> {
    let (kind, name) = (record.kind, record.name.as_str());
    let key = |day| UsageKey { day, user_id, kind, name: name.to_owned() };
    record.days().map(|(day, ..)| key(day)).collect()
}

/// When a user was last active, as far as records tell it.
#[derive(Debug, Clone, Copy, Default)]
struct LastActive {
    desktop_at: Option<Timestamp>,
    web_at: Option<Timestamp>,
}

/// What the steps of taking records in share.
struct Taking<'a> {
    env: &'a Env,
    agent: &'a Agent,
    records: &'a [UsageRecord],
    /// Who was last seen before this makes room for others.
    stale: Timestamp,
}

impl Taking<'_> {
    async fn take(&self, tx: &mut Tx) -> Result<UsageAccepted, AppError> {
        let place = self.agent.place();
        let holders = self.holders(tx).await?;
        let digests: Vec<_> = self.records.iter().map(UsageRecord::digest).collect();
        let mut counted = usage::counted(tx, &place, &digests).await?;
        let fresh: Vec<_> = self
            .records
            .iter()
            .zip(&digests)
            .filter(|(_, digest)| counted.insert(**digest))
            .collect();
        let users = self.users(tx, &holders, fresh.iter().map(|(record, _)| *record)).await?;
        let mut parts = Vec::new();
        for (record, digest) in &fresh {
            let Some(user_id) = users.get(&record.user_key).copied() else {
                return Err(AppError::Internal("a user vanished while usage was taken in".into()));
            };
            parts.push((*record, **digest, user_id, keys(record, user_id)));
        }
        let all_keys = parts.iter().flat_map(|(_, _, _, keys)| keys);
        let mut room = RoomOfDays::of(tx, &place, all_keys).await?;
        let mut sums = BTreeMap::<_, (Used, i64)>::new();
        let mut active = BTreeMap::<_, LastActive>::new();
        let (now, mut accepted) = (self.env.now(), 0);
        for (record, digest, user_id, keys) in parts {
            let first = DayNumber::of(record.started_at);
            if !room.take(first, &keys) {
                continue;
            }
            accepted += 1;
            for (key, (day, seconds, visits)) in keys.into_iter().zip(record.days()) {
                let (used, records) = sums.entry(key).or_default();
                used.seconds += seconds;
                used.visits += visits;
                *records += i64::from(day == first);
            }
            let last = active.entry(user_id).or_default();
            let ended = Some(record.ended_at().min(now));
            match record.kind {
                UsageKind::App => last.desktop_at = last.desktop_at.max(ended),
                UsageKind::Web => last.web_at = last.web_at.max(ended),
            }
            usage::note(tx, &place, digest, first).await?;
        }
        for (key, more) in &sums {
            usage::add(tx, &place, key, *more).await?;
        }
        for (user, last) in active {
            let (desktop, web) = (last.desktop_at, last.web_at);
            device_users::set_activity(tx, place.tenant_id, user, desktop, web).await?;
        }
        let duplicates = (self.records.len() - fresh.len()) as u64;
        Ok(UsageAccepted { accepted, duplicates })
    }

    /// Who has the keys. Refused where one is archived, or a record began before its user was deleted.
    async fn holders(&self, tx: &mut Tx) -> Result<BTreeMap<&UserKey, KeyHolder>, AppError> {
        let place = self.agent.place();
        let client = (place.tenant_id, place.client_id);
        // By key: agents that write the same users take them in one order.
        let mut earliest = BTreeMap::new();
        for record in self.records {
            let first = earliest.entry(&record.user_key).or_insert(record.started_at);
            *first = record.started_at.min(*first);
        }
        let (mut holders, mut refused) = (BTreeMap::new(), Vec::new());
        for (key, first) in earliest {
            let holder = agents::key_holder(tx, client, key).await?;
            let archived =
                holder.user.as_ref().is_some_and(|user| user.status != UserStatus::Active);
            if archived || holder.deleted_at.is_some_and(|end| first <= end) {
                refused.push(key.as_str().to_owned());
            }
            holders.insert(key, holder);
        }
        if refused.is_empty() { Ok(holders) } else { Err(self.refusal(refused)) }
    }

    /// The refusal of all records, for those of these users.
    fn refusal(&self, user_keys: Vec<String>) -> AppError {
        let theirs = self
            .records
            .iter()
            .filter(|record| user_keys.iter().any(|key| key.as_str() == record.user_key.as_str()));
        let mut payloads: Vec<_> = theirs.map(payload).collect();
        payloads.sort_unstable();
        payloads.dedup();
        self.agent.refusal(payloads, user_keys)
    }

    /// The users of these records, by key; who is new is started. Refused where the device has no room
    /// for one.
    async fn users<'r>(
        &self,
        tx: &mut Tx,
        holders: &BTreeMap<&'r UserKey, KeyHolder>,
        records: impl Iterator<Item = &'r UsageRecord>,
    ) -> Result<BTreeMap<&'r UserKey, DeviceUserId>, AppError> {
        let (place, mut room) = (self.agent.place(), Room::of(self.agent, self.stale));
        let (mut users, mut refused) = (BTreeMap::new(), Vec::new());
        let keys: std::collections::BTreeSet<_> = records.map(|record| &record.user_key).collect();
        for key in keys {
            let is_here = self.agent.found.user(key.as_str()).is_some();
            if !is_here && !room.make(tx).await? {
                refused.push(key.as_str().to_owned());
                continue;
            }
            let known = holders.get(key).and_then(|holder| holder.user.clone());
            let user: Option<FoundUser> = match known {
                Some(user) => Some(user),
                None => start(tx, self.env, &place, key, key).await?,
            };
            let Some(user) = user else { continue };
            if self.agent.found.user(key.as_str()).is_none() {
                device_users::see(tx, place.tenant_id, place.device_id, user.id, self.env.now())
                    .await?;
            }
            users.insert(key, user.id);
        }
        if refused.is_empty() { Ok(users) } else { Err(self.refusal(refused)) }
    }
}
