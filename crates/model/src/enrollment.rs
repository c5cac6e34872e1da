//! Enrolment tokens: what a device shows to join a client.

use crate::id::{ClientId, EnrollmentTokenId, TenantId};
use crate::number::Int;
use crate::text::{Label, Text};
use crate::time::Timestamp;
use sha2::{Digest as _, Sha256};

/// What every enrolment token's value starts with; 32 characters of `ALPHABET` follow.
pub const PREFIX: &str = "enroll_";

/// The characters of the random part.
pub const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// How many random characters a value has.
pub const LENGTH: usize = 32;

/// By what a value is known for good: SHA-256.
pub fn digest(value: &str) -> [u8; 32] {
    Sha256::digest(value.as_bytes()).into()
}

/// What a token is for: 0 to 255 characters.
pub type Description = Text<255>;

/// The site that a token's devices stand at, an opaque id of the caller's world: 1 to 100
/// characters.
pub type SiteId = Label<100>;

/// How many devices may enrol with a token that has a limit: 1 to 1,000,000.
pub type MaxUses = Int<1, 1_000_000>;

/// What a token is good for at a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollmentTokenStatus {
    /// Devices may enrol with it.
    Active,
    /// Taken back, by a person, by a newer token, or by the mode `deleted`.
    Revoked,
    /// Past its `expires_at`.
    Expired,
    /// All its uses are spent.
    Exhausted,
}

impl EnrollmentTokenStatus {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Active, Self::Revoked, Self::Expired, Self::Exhausted];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Exhausted => "exhausted",
        }
    }
}

/// An enrolment token. Its value is no secret to those who may read the client (published
/// behaviour), so it is stored in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentToken {
    /// Its id.
    pub id: EnrollmentTokenId,
    /// The tenant of its client.
    pub tenant_id: TenantId,
    /// The client that devices join with it.
    pub client_id: ClientId,
    /// `enroll_` and 32 of `a-z0-9`.
    pub value: String,
    /// What it is for.
    pub description: Option<String>,
    /// The site its devices stand at: an id of the caller's world.
    pub site_id: Option<String>,
    /// How many devices may enrol, if limited.
    pub max_uses: Option<i64>,
    /// How many have.
    pub uses: i64,
    /// When it stops working, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

impl EnrollmentToken {
    /// What it is good for at `now`.
    pub fn status(&self, now: Timestamp) -> EnrollmentTokenStatus {
        if self.revoked_at.is_some() {
            EnrollmentTokenStatus::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            EnrollmentTokenStatus::Expired
        } else if self.remaining_uses() == Some(0) {
            EnrollmentTokenStatus::Exhausted
        } else {
            EnrollmentTokenStatus::Active
        }
    }

    /// How many devices may still enrol; `None` without a limit.
    pub fn remaining_uses(&self) -> Option<i64> {
        self.max_uses.map(|max| (max - self.uses).max(0))
    }
}
