//! How much of a day a device may bring.

use crate::error::AppError;
use clientbook_model::telemetry::{DayNumber, MAX_RECORDS_OF_DAY, MAX_SUMS_OF_DAY};
use clientbook_store::Tx;
use clientbook_store::software::DevicePlace;
use clientbook_store::usage::{self, UsageKey};
use std::collections::{BTreeMap, BTreeSet};

/// What of each day there is room for, in a transaction that has the device's row.
pub(super) struct RoomOfDays(BTreeMap<DayNumber, RoomOfDay>);

struct RoomOfDay {
    sums: usize,
    records: usize,
    /// The sums that take no room, because they have theirs.
    known: BTreeSet<UsageKey>,
}

impl RoomOfDays {
    /// The room for these sums.
    pub(super) async fn of(
        tx: &mut Tx,
        place: &DevicePlace,
        keys: impl Iterator<Item = &UsageKey>,
    ) -> Result<Self, AppError> {
        let mut wanted = BTreeMap::<_, BTreeSet<_>>::new();
        for key in keys {
            wanted.entry(key.day).or_default().insert(key);
        }
        let mut rooms = BTreeMap::new();
        for (day, wanted) in wanted {
            let (sums, records) = usage::held(tx, place, day).await?;
            let left = |most: usize, held: i64| {
                most.saturating_sub(usize::try_from(held).unwrap_or_default())
            };
            let sums = left(MAX_SUMS_OF_DAY, sums);
            let records = left(MAX_RECORDS_OF_DAY, records);
            let mut known = BTreeSet::new();
            // Where all have room if they are new, it does not matter which of them are.
            if wanted.len() > sums {
                let names: BTreeSet<_> = wanted.iter().map(|key| key.name.as_str()).collect();
                known.extend(usage::named(tx, place, day, names.into_iter()).await?);
            }
            rooms.insert(day, RoomOfDay { sums, records, known });
        }
        Ok(Self(rooms))
    }

    /// Takes the room for a record that began on `day` and is part of these sums, if there is room for
    /// all of it.
    pub(super) fn take(&mut self, day: DayNumber, keys: &[UsageKey]) -> bool {
        let has_sum = |key: &UsageKey| {
            self.0.get(&key.day).is_some_and(|room| room.sums > 0 || room.known.contains(key))
        };
        let has_record = self.0.get(&day).is_some_and(|room| room.records > 0);
        // No two of a record's sums are of one day.
        if !has_record || !keys.iter().all(has_sum) {
            return false;
        }
        for key in keys {
            let Some(room) = self.0.get_mut(&key.day) else { continue };
            if room.known.insert(key.clone()) {
                room.sums -= 1;
            }
            if key.day == day {
                room.records -= 1;
            }
        }
        true
    }
}
