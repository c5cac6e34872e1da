//! What of an audit entry can be hidden or erased: each value with its salt, beside the chain that
//! holds its digest.

use crate::audit::{Hash, Salt};
use crate::id::{hex, unhex};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A value in the trail: readable, or no more of it than its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sealed {
    /// The value's JSON text with its salt.
    Open {
        /// Its salt, hex.
        #[serde(with = "hex_bytes")]
        salt: Salt,
        /// The value's JSON. The digest covers this very text.
        text: String,
    },
    /// All that erasure leaves.
    Erased {
        /// SHA-256 of salt and text, hex.
        #[serde(with = "hex_bytes")]
        digest: Hash,
    },
    /// What a reader who may not see it gets; never stored.
    #[serde(skip)]
    Hidden {
        /// SHA-256 of salt and text.
        digest: Hash,
    },
}

impl Sealed {
    /// Seals a value.
    pub fn new(value: &Value, salt: Salt) -> Self {
        Self::Open { salt, text: value.to_string() }
    }

    /// What the chain holds of the value.
    pub fn digest(&self) -> Hash {
        match self {
            Self::Open { salt, text } => {
                Sha256::new().chain_update(salt).chain_update(text.as_bytes()).finalize().into()
            }
            Self::Erased { digest } | Self::Hidden { digest } => *digest,
        }
    }

    /// The value, or `{"erased": true}`; null where it is hidden.
    pub fn value(&self) -> Value {
        match self {
            Self::Open { text, .. } => serde_json::from_str(text).unwrap_or(Value::Null),
            Self::Erased { .. } => serde_json::json!({ "erased": true }),
            Self::Hidden { .. } => Value::Null,
        }
    }

    /// The value, unless it was erased.
    pub fn open(&self) -> Option<Value> {
        match self {
            Self::Open { text, .. } => Some(serde_json::from_str(text).unwrap_or(Value::Null)),
            Self::Erased { .. } | Self::Hidden { .. } => None,
        }
    }

    /// Leaves nothing but the digest.
    pub fn erase(&mut self) {
        *self = Self::Erased { digest: self.digest() };
    }

    /// Keeps it from whom it is shown to next.
    pub(crate) fn hide(&mut self) {
        if !matches!(self, Self::Erased { .. }) {
            *self = Self::Hidden { digest: self.digest() };
        }
    }
}

/// One field of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedChange {
    /// The field's name.
    pub field: String,
    /// Its value before.
    pub before: Sealed,
    /// Its value after.
    pub after: Sealed,
}

/// What of an entry can be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The actor's name.
    pub actor_name: Sealed,
    /// The address the request came from.
    pub source_address: Sealed,
    /// The fields that changed.
    pub changes: Vec<SealedChange>,
}

impl SealedChange {
    /// Whether its values are hidden from whom it is shown to.
    pub fn is_hidden(&self) -> bool {
        matches!(self.before, Sealed::Hidden { .. }) || matches!(self.after, Sealed::Hidden { .. })
    }
}

impl Contents {
    /// Leaves nothing but digests, and the names of the fields.
    pub fn erase(&mut self) {
        self.actor_name.erase();
        self.source_address.erase();
        for change in &mut self.changes {
            change.before.erase();
            change.after.erase();
        }
    }

    /// Whether anything of it was erased.
    pub fn is_erased(&self) -> bool {
        self.sealed().any(|sealed| matches!(sealed, Sealed::Erased { .. }))
    }

    /// Whether anything of it can be read.
    pub fn is_readable(&self) -> bool {
        self.sealed().any(|sealed| matches!(sealed, Sealed::Open { .. }))
    }

    fn sealed(&self) -> impl Iterator<Item = &Sealed> {
        let values = self.changes.iter().flat_map(|change| [&change.before, &change.after]);
        [&self.actor_name, &self.source_address].into_iter().chain(values)
    }
}

mod hex_bytes {
    use super::{hex, unhex};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(bytes))
    }

    pub(super) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(deserializer)?;
        unhex(&text).ok_or_else(|| D::Error::custom("not hex digits of that length"))
    }
}
