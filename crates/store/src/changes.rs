//! What this process has committed, and when: tells whether a copy kept in memory is still true.

use clientbook_model::id::ClientId;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::broadcast;
use uuid::Uuid;

/// How many marks there are. Ids share them: a foreign change may make a copy look stale, never the
/// other way round.
const MARKS: usize = 1 << MARK_BITS;

const MARK_BITS: u32 = 16;

/// How many changes for agents a listener may be behind; then it hears that it missed some.
const TOLD: usize = 4_096;

/// A place in the order of this process's commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// The order of commits, and the newest one that touched each id.
///
/// Marked before `COMMIT` and published after it: a copy read in between is older than its mark,
/// whichever state it shows. So a copy is given up before anyone can see what replaced it.
pub(crate) struct Changes {
    published: AtomicU64,
    /// Copies from before count for nothing.
    floor: AtomicU64,
    marks: Box<[AtomicU64]>,
    /// Clients of whose agents it was changed what they are told.
    agents: broadcast::Sender<ClientId>,
}

impl Changes {
    pub(crate) fn new() -> Self {
        let marks = std::iter::repeat_with(|| AtomicU64::new(0)).take(MARKS).collect();
        let agents = broadcast::Sender::new(TOLD);
        Self { published: AtomicU64::new(0), floor: AtomicU64::new(0), marks, agents }
    }

    /// Says of which clients' agents it is committed that they are told something else.
    pub(crate) fn tell_agents(&self, clients: &[ClientId]) {
        for client in clients {
            // Nobody may be waiting.
            let _listeners = self.agents.send(*client);
        }
    }

    /// Hears of what comes from now on.
    pub(crate) fn agents(&self) -> broadcast::Receiver<ClientId> {
        self.agents.subscribe()
    }

    /// The newest commit whose effect every snapshot from now on has.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.published.load(Ordering::SeqCst))
    }

    /// Whether a snapshot begun after `moment` still has all there is about `id`.
    pub(crate) fn unchanged(&self, id: Uuid, moment: Moment) -> bool {
        let newest = self.mark_of(id).load(Ordering::SeqCst).max(self.floor.load(Ordering::SeqCst));
        newest <= moment.0
    }

    /// Says that a commit about to be made touches these ids. One writer at a time.
    pub(crate) fn mark(&self, touched: &[Uuid]) {
        let next = self.published.load(Ordering::SeqCst) + 1;
        for id in touched {
            self.mark_of(*id).store(next, Ordering::SeqCst);
        }
    }

    /// Says that what was marked is committed, or will never be.
    pub(crate) fn publish(&self) {
        self.published.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends all copies: the store may show what no commit has told of.
    pub(crate) fn forget(&self) {
        self.floor.store(self.published.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
        self.publish();
    }

    fn mark_of(&self, id: Uuid) -> &AtomicU64 {
        let (high, low) = id.as_u64_pair();
        // Fibonacci hashing: the top bits of the product depend on every bit.
        let hash = (high ^ low.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &self.marks[usize::try_from(hash >> (64 - MARK_BITS)).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    #[test]
    fn a_copy_lasts_until_its_id_is_touched() {
        let changes = Changes::new();
        let kept = changes.moment();
        changes.mark(&[Uuid::from_u128(8)]);
        changes.publish();
        assert!(changes.unchanged(ID, kept));
        changes.mark(&[ID]);
        assert!(!changes.unchanged(ID, kept), "what is about to change may not be answered");
        let between = changes.moment();
        changes.publish();
        assert!(!changes.unchanged(ID, between), "it may have been read before the commit");
        let kept = changes.moment();
        assert!(changes.unchanged(ID, kept));
        changes.forget();
        assert!(!changes.unchanged(ID, kept));
        assert!(changes.unchanged(ID, changes.moment()));
    }
}
