//! Clock and randomness as values, so that a test gets the same answers every time.

use clientbook_model::audit::Salt;
use clientbook_model::id::{ObjectId, uuid_v4, uuid_v7};
use clientbook_model::time::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Where time and randomness come from.
#[derive(Clone)]
pub struct Env {
    /// The clock.
    pub clock: Clock,
    /// The source of randomness.
    pub entropy: Entropy,
}

/// A clock.
#[derive(Clone)]
pub enum Clock {
    /// The machine's.
    System,
    /// One that stands still until it is set: milliseconds since 1970.
    Manual(Arc<AtomicI64>),
}

/// A source of randomness.
#[derive(Clone)]
pub enum Entropy {
    /// A generator seeded, and often reseeded, by the operating system.
    System,
    /// The same bytes every time. For tests: its secrets are no secrets.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Entropy {
    /// The source that gives the same bytes for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }
}

impl Env {
    /// The machine's clock and randomness.
    pub fn system() -> Self {
        Self { clock: Clock::System, entropy: Entropy::System }
    }

    /// The time now.
    #[expect(clippy::disallowed_methods, reason = "this is where the clock comes in")]
    pub fn now(&self) -> Timestamp {
        let millis = match &self.clock {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Clock::Manual(millis) => millis.load(Ordering::SeqCst),
        };
        Timestamp::clamped(millis)
    }

    /// Time that has gone by since some moment that stays the same: unlike the time of day, nobody
    /// sets it.
    pub fn elapsed(&self) -> Duration {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        match &self.clock {
            Clock::System => BEGINNING.elapsed(),
            Clock::Manual(millis) => {
                let millis = u64::try_from(millis.load(Ordering::SeqCst));
                Duration::from_millis(millis.unwrap_or_default())
            }
        }
    }

    fn fill(&self, bytes: &mut [u8]) {
        match &self.entropy {
            Entropy::System => rand::rng().fill_bytes(bytes),
            Entropy::Seeded(rng) => {
                rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
            }
        }
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A salt for the audit trail.
    pub fn salt(&self) -> Salt {
        self.bytes()
    }

    /// A version 7 UUID of `now`.
    pub fn uuid(&self, now: Timestamp) -> Uuid {
        uuid_v7(now.millis(), self.bytes())
    }

    /// A random UUID, for what must not tell when it was made.
    pub fn random_uuid(&self) -> Uuid {
        uuid_v4(self.bytes())
    }

    /// An object id of `now`.
    pub fn object_id(&self, now: Timestamp) -> ObjectId {
        ObjectId::generate(now.millis(), self.bytes())
    }

    /// `length` characters of `alphabet`, each equally likely.
    pub fn text(&self, alphabet: &[u8], length: usize) -> String {
        // Bytes at or above the largest multiple of the alphabet's size would favour its start.
        let fair = 256 - 256 % alphabet.len();
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let drawn: [u8; 64] = self.bytes();
            let fair = drawn.into_iter().map(usize::from).filter(|byte| *byte < fair);
            let missing = length - text.len();
            text.extend(fair.take(missing).map(|byte| char::from(alphabet[byte % alphabet.len()])));
        }
        text
    }
}
