//! What is gathered in memory and written in batches: when agents were heard of, and what they were
//! refused. A crash loses what was gathered since the last batch, and nothing else.

use crate::App;
use crate::error::AppError;
use clientbook_model::agent::Payload;
use clientbook_model::id::DeviceUserId;
use clientbook_model::time::Timestamp;
use clientbook_store::software::DevicePlace;
use clientbook_store::{Repeat, Tx, agents, devices, refusals};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Devices that are written in one transaction.
const BATCH: usize = 500;

#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered {
    notes: Arc<Mutex<Notes>>,
    /// Held by whoever writes.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// In an order, so that servers that write the same rows do so in the same one.
#[derive(Debug, Default)]
struct Notes {
    seen: BTreeMap<DevicePlace, Seen>,
    refused: BTreeMap<(DevicePlace, Payload), (i64, Timestamp)>,
}

#[derive(Debug, Clone)]
struct Seen {
    at: Timestamp,
    users: Vec<DeviceUserId>,
}

impl Gathered {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a device was heard of, and which users were on it.
    pub(crate) fn see(
        &self,
        place: DevicePlace,
        at: Timestamp,
        users: impl Iterator<Item = DeviceUserId>,
    ) {
        let mut notes = self.notes();
        let seen = notes.seen.entry(place).or_insert_with(|| Seen { at, users: Vec::new() });
        seen.at = seen.at.max(at);
        for user in users {
            if !seen.users.contains(&user) {
                seen.users.push(user);
            }
        }
    }

    /// Counts what a device was refused.
    pub(crate) fn refuse(&self, place: DevicePlace, payloads: &[Payload], at: Timestamp) {
        let mut notes = self.notes();
        for payload in payloads {
            let (count, last) = notes.refused.entry((place, *payload)).or_insert((0, at));
            *count += 1;
            *last = at.max(*last);
        }
    }

    fn put_back(&self, batch: Batch) {
        let mut notes = self.notes();
        for (place, seen) in batch.seen {
            let kept = notes.seen.entry(place).or_insert_with(|| seen.clone());
            kept.at = kept.at.max(seen.at);
            kept.users.extend(seen.users);
            kept.users.sort_unstable();
            kept.users.dedup();
        }
        for (key, (count, at)) in batch.refused {
            let (kept, last) = notes.refused.entry(key).or_insert((0, at));
            *kept += count;
            *last = at.max(*last);
        }
    }

    fn next_batch(&self) -> Option<Batch> {
        let mut notes = self.notes();
        let mut batch = Batch::default();
        while batch.seen.len() < BATCH
            && let Some(next) = notes.seen.pop_first()
        {
            batch.seen.push(next);
        }
        while batch.refused.len() < BATCH
            && let Some(next) = notes.refused.pop_first()
        {
            batch.refused.push(next);
        }
        (!batch.seen.is_empty() || !batch.refused.is_empty()).then_some(batch)
    }
}

#[derive(Debug, Clone, Default)]
struct Batch {
    seen: Vec<(DevicePlace, Seen)>,
    refused: Vec<((DevicePlace, Payload), (i64, Timestamp))>,
}

impl App {
    /// Writes what was gathered of agents: to be called every few seconds, and at the end.
    pub async fn write_gathered(&self) -> Result<(), AppError> {
        let _turn = self.0.gathered.turn.lock().await;
        // No more than there was at the beginning, however fast it comes.
        let mut left = self.0.gathered.notes().seen.len() / BATCH + 1;
        while left > 0
            && let Some(batch) = self.0.gathered.next_batch()
        {
            left -= 1;
            let written = batch.clone();
            let write = async move |tx: &mut Tx| batch_into(tx, &written).await;
            // A count that was written twice after a lost answer is a little too high.
            if let Err(error) = self.0.db.write(Repeat::Harmless, write).await {
                self.0.gathered.put_back(batch);
                return Err(error);
            }
        }
        Ok(())
    }
}

async fn batch_into(tx: &mut Tx, batch: &Batch) -> Result<(), AppError> {
    for (place, seen) in &batch.seen {
        devices::set_last_seen(tx, place.tenant_id, place.device_id, seen.at).await?;
        for user in &seen.users {
            agents::set_user_seen(tx, place, *user, seen.at).await?;
        }
    }
    for ((place, payload), (count, at)) in &batch.refused {
        refusals::add(tx, place, *payload, *count, *at).await?;
    }
    Ok(())
}
