//! How much room a tenant's keyed calls may take that leave nothing else in the store.
//!
//! What a call changes stands in the audit trail, for good; a small answer beside it is no more than
//! that. But a call that changes nothing, and a large answer to a small change, would let a caller fill
//! the disk as fast as it can ask. What is kept of a tenant is one number: how far its allowance is
//! used, which comes back evenly within a day, as the answers go.

use clientbook_model::id::TenantId;
use clientbook_model::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bytes at once, and as many again within a day: so at most twice as many are there.
pub(super) const BYTES: u64 = 64 << 20;

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// Answers up to this size do not count where something was changed.
pub(super) const SMALL: usize = 16 << 10;

/// What a row takes beside the answer, about.
const ROW: u64 = 512;

/// The most tenants whose number is kept, a few MiB; of those beyond nothing is counted.
const TENANTS: usize = 65_536;

/// The allowances of all tenants, on this server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allowance(Arc<Mutex<HashMap<TenantId, Used>>>);

#[derive(Debug, Clone, Copy)]
struct Used {
    bytes: u64,
    at: Timestamp,
}

impl Used {
    /// How many bytes are still used by now.
    fn left(self, now: Timestamp) -> u64 {
        let since = now.millis().saturating_sub(self.at.millis());
        let since = u64::try_from(since).unwrap_or(0).min(DAY_MILLIS);
        self.bytes.saturating_sub(since * BYTES / DAY_MILLIS)
    }
}

impl Allowance {
    /// Takes room for an answer of so many bytes; else, how long until there is some.
    pub(super) fn take(
        &self,
        tenant: TenantId,
        answer: usize,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = tenants.get(&tenant).map_or(0, |used| used.left(now));
        let bytes = before + ROW + answer as u64;
        if bytes > BYTES {
            let millis = (bytes - BYTES) * DAY_MILLIS / BYTES + 1;
            return Err(Duration::from_millis(millis));
        }
        if tenants.len() >= TENANTS && !tenants.contains_key(&tenant) {
            tenants.retain(|_, used| used.left(now) > 0);
            if tenants.len() >= TENANTS {
                return Ok(());
            }
        }
        tenants.insert(tenant, Used { bytes, at: now });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    // With its row, half of what there is.
    const HALF: usize = (32 << 20) - 512;

    fn at(millis: i64) -> Timestamp {
        Timestamp::clamped(1_773_153_000_000 + millis)
    }

    #[test]
    fn an_allowance_is_spent_and_comes_back_within_a_day() {
        let allowance = Allowance::default();
        let [one, other] = [1, 2].map(|id| TenantId(Uuid::from_u128(id)));
        assert_eq!(allowance.take(one, HALF, at(0)), Ok(()));
        assert_eq!(allowance.take(one, HALF, at(0)), Ok(()));
        let wait = allowance.take(one, HALF, at(0)).expect_err("no more room");
        assert_eq!(wait, Duration::from_millis(DAY_MILLIS / 2 + 1));
        assert_eq!(allowance.take(other, HALF, at(0)), Ok(()));
        let half = i64::try_from(DAY_MILLIS / 2).expect("a time");
        assert!(allowance.take(one, HALF, at(half - 1)).is_err());
        assert_eq!(allowance.take(one, HALF, at(half)), Ok(()));
        assert!(allowance.take(one, 0, at(half)).is_err());
        // A clock that goes back gives nothing.
        assert!(allowance.take(one, 0, at(0)).is_err());
        assert_eq!(allowance.take(one, HALF, at(4 * half)), Ok(()));
    }

    #[test]
    fn tenants_take_bounded_room() {
        let allowance = Allowance::default();
        for id in 0..TENANTS + 100 {
            let tenant = TenantId(Uuid::from_u128(id as u128));
            assert_eq!(allowance.take(tenant, 1, at(0)), Ok(()));
        }
        let kept = || allowance.0.lock().expect("the map").len();
        assert_eq!(kept(), TENANTS);
        let day = i64::try_from(DAY_MILLIS).expect("a time");
        assert_eq!(allowance.take(TenantId(Uuid::max()), 1, at(day)), Ok(()));
        assert_eq!(kept(), 1);
    }
}
