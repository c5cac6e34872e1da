//! The audit trail: one entry per affected entity and change, chained so that nobody can quietly
//! edit, remove, insert or reorder one.
//!
//! # Canonical form
//!
//! An entry's hash is the SHA-256 of one JSON object in the form of RFC 8785: keys sorted, no
//! spaces, UTF-8. All its values are strings, apart from `changes`, a list of
//! `[field, digest before, digest after]`. Values, the actor's name and the source address appear
//! only as digests, `SHA-256(salt || text)`, where text is the value's JSON; each has a salt of its
//! own. Salts and texts are kept beside the chain, so erasing them leaves the chain whole.

pub use crate::sealed::{Contents, Sealed, SealedChange};

use crate::id::{EntryId, TenantId, hex};
use crate::principal::{Actor, ActorKind};
use crate::time::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use uuid::Uuid;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Random bytes that keep an erased value from being guessed by trying.
pub type Salt = [u8; 16];

/// The end of a chain: how many entries it has and the hash of the newest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainHead {
    /// Number of entries.
    pub count: i64,
    /// Hash of the newest entry; zeros for an empty chain.
    pub hash: Hash,
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name on the wire and in the store.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads the name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

names! {
    /// What kind of thing an entry is about.
    EntityType {
        /// A client.
        Client = "client",
        /// A device of a client.
        Device = "device",
        /// A user seen on a device.
        User = "user",
        /// An enrolment token.
        EnrollmentToken = "enrollment_token",
        /// An API token.
        ApiToken = "api_token",
        /// A tenant.
        Tenant = "tenant",
        /// A client type.
        ClientType = "client_type",
        /// The definition of a custom field.
        Field = "field",
        /// A department of a client.
        Department = "department",
    }
}

names! {
    /// What happened.
    Action {
        /// A client was made.
        ClientCreated = "client_created",
        /// A client was erased: values of the entries before this one are gone.
        ClientErased = "client_erased",
        /// Two clients became one: this one was kept, or was given up.
        ClientMerged = "client_merged",
        /// Fields of a client other than its collection mode changed.
        ClientUpdated = "client_updated",
        /// A client's collection mode changed.
        CollectionModeChanged = "collection_mode_changed",
        /// A device's collection state changed.
        CollectionStateChanged = "collection_state_changed",
        /// A device's log shipping was switched.
        LogShippingChanged = "log_shipping_changed",
        /// A user's status changed.
        UserStatusChanged = "user_status_changed",
        /// A device joined a client, or joined it again.
        DeviceEnrolled = "device_enrolled",
        /// A device's agent has removed itself.
        DeviceUninstalled = "device_uninstalled",
        /// A user was put in departments, or taken out.
        UserDepartmentsChanged = "user_departments_changed",
        /// What was collected of a user was erased.
        UserTelemetryErased = "user_telemetry_erased",
        /// A department was made.
        DepartmentCreated = "department_created",
        /// A department's name or description changed.
        DepartmentUpdated = "department_updated",
        /// A department is gone, and nobody is in it any more.
        DepartmentDeleted = "department_deleted",
        /// An enrolment token was made.
        EnrollmentTokenCreated = "enrollment_token_created",
        /// An enrolment token was revoked.
        EnrollmentTokenRevoked = "enrollment_token_revoked",
        /// An API token was made.
        ApiTokenCreated = "api_token_created",
        /// An API token was revoked.
        ApiTokenRevoked = "api_token_revoked",
        /// A tenant was made.
        TenantCreated = "tenant_created",
        /// A tenant's slug or name changed.
        TenantUpdated = "tenant_updated",
        /// A client type was made.
        ClientTypeCreated = "client_type_created",
        /// A custom field was defined.
        FieldCreated = "field_created",
        /// The definition of a custom field changed.
        FieldUpdated = "field_updated",
        /// The definition of a custom field is gone, and so are all of its values.
        FieldDeleted = "field_deleted",
    }
}

impl Action {
    /// Whether the entry also belongs to the collection-control audit log.
    pub fn is_collection_control(self) -> bool {
        matches!(
            self,
            Self::CollectionModeChanged
                | Self::CollectionStateChanged
                | Self::LogShippingChanged
                | Self::UserStatusChanged
        )
    }
}

names! {
    /// The door a change came through.
    Surface {
        /// `/v2`
        Organizations = "organizations",
        /// `/clients/v1`
        Tenants = "tenants",
        /// `/v1/workspace`
        Workspace = "workspace",
        /// `/client`
        CustomerSuccess = "customer_success",
        /// The command line.
        Cli = "cli",
        /// Clientbook itself.
        System = "system",
    }
}

impl Surface {
    /// Whether it shows custom fields and can set them: what is required is demanded only there.
    pub fn has_custom_fields(self) -> bool {
        matches!(self, Self::Workspace | Self::CustomerSuccess)
    }
}

/// One entry of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// The chain it stands in: the client's id, or the tenant's own.
    pub chain_id: Uuid,
    /// Its place in the chain, from 1.
    pub sequence: i64,
    /// When it happened.
    pub created_at: Timestamp,
    /// What it is about.
    pub entity_type: EntityType,
    /// Which one.
    pub entity_id: Uuid,
    /// What happened.
    pub action: Action,
    /// Who did it.
    pub actor_kind: ActorKind,
    /// Which one.
    pub actor_id: String,
    /// Through which door.
    pub surface: Surface,
    /// In which request.
    pub request_id: String,
    /// In which run of a use case: unique per operation, so that a lost answer to a commit can be
    /// looked up.
    pub operation_id: Uuid,
    /// The erasable part.
    pub contents: Contents,
    /// Hash of the entry before it; zeros for the first.
    pub previous_hash: Hash,
    /// Its own hash.
    pub hash: Hash,
}

/// Where a change came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The door.
    pub surface: Surface,
    /// The request.
    pub request_id: String,
    /// The caller's address, where there is one.
    pub source_address: Option<core::net::IpAddr>,
}

/// What an entry says before it takes its place in a chain.
#[derive(Debug)]
pub struct Event<'a> {
    /// What it is about.
    pub entity_type: EntityType,
    /// Which one.
    pub entity_id: Uuid,
    /// What happened.
    pub action: Action,
    /// The fields that changed.
    pub changes: &'a [crate::client::FieldChange],
}

/// The circumstances that the entries of one operation share.
#[derive(Debug)]
pub struct Circumstances<'a> {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The chain.
    pub chain_id: Uuid,
    /// Who.
    pub actor: &'a Actor,
    /// From where.
    pub origin: &'a Origin,
    /// The operation.
    pub operation_id: Uuid,
    /// When.
    pub now: Timestamp,
}

impl Entry {
    /// Makes the entry that follows `head`, and moves `head` to it.
    pub fn append(
        head: &mut ChainHead,
        id: EntryId,
        event: &Event,
        from: &Circumstances,
        mut salt: impl FnMut() -> Salt,
    ) -> Self {
        let address = from.origin.source_address.map(|address| address.to_string());
        let changes = event.changes.iter().map(|change| SealedChange {
            field: change.field.to_string(),
            before: Sealed::new(&change.before, salt()),
            after: Sealed::new(&change.after, salt()),
        });
        let changes = changes.collect();
        let mut entry = Self {
            id,
            tenant_id: from.tenant_id,
            chain_id: from.chain_id,
            sequence: head.count + 1,
            created_at: from.now,
            entity_type: event.entity_type,
            entity_id: event.entity_id,
            action: event.action,
            actor_kind: from.actor.kind,
            actor_id: from.actor.id.clone(),
            surface: from.origin.surface,
            request_id: from.origin.request_id.clone(),
            operation_id: from.operation_id,
            contents: Contents {
                actor_name: Sealed::new(&Value::from(from.actor.name.as_str()), salt()),
                source_address: Sealed::new(&Value::from(address), salt()),
                changes,
            },
            previous_hash: head.hash,
            hash: Hash::default(),
        };
        entry.hash = entry.canonical_hash();
        *head = ChainHead { count: entry.sequence, hash: entry.hash };
        entry
    }

    /// Hides the values of fields that a reader may not see.
    pub fn hide(&mut self, shows: impl Fn(&str) -> bool) {
        for change in self.contents.changes.iter_mut().filter(|change| !shows(&change.field)) {
            change.before.hide();
            change.after.hide();
        }
    }

    /// Hides the actor's name; its id stays.
    pub fn hide_actor_name(&mut self) {
        self.contents.actor_name.hide();
    }

    /// The canonical form, as the module says.
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(1024);
        let quoted = |value: &str| Value::from(value).to_string();
        // Writing to a String cannot fail.
        let _infallible = write!(
            text,
            r#"{{"action":"{}","actor_id":{},"actor_kind":"{}","actor_name":"{}","chain_id":"{}","changes":["#,
            self.action.as_str(),
            quoted(&self.actor_id),
            self.actor_kind.as_str(),
            hex(&self.contents.actor_name.digest()),
            self.chain_id,
        );
        for (at, change) in self.contents.changes.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let (before, after) = (hex(&change.before.digest()), hex(&change.after.digest()));
            let field = quoted(&change.field);
            let _infallible = write!(text, r#"{comma}[{field},"{before}","{after}"]"#);
        }
        let _infallible = write!(
            text,
            r#"],"created_at":"{}","entity_id":"{}","entity_type":"{}","format":"1","id":"{}","operation_id":"{}","previous_hash":"{}","request_id":{},"sequence":"{}","source_address":"{}","surface":"{}","tenant_id":"{}"}}"#,
            self.created_at,
            self.entity_id,
            self.entity_type.as_str(),
            self.id,
            self.operation_id,
            hex(&self.previous_hash),
            quoted(&self.request_id),
            self.sequence,
            hex(&self.contents.source_address.digest()),
            self.surface.as_str(),
            self.tenant_id,
        );
        text
    }

    fn canonical_hash(&self) -> Hash {
        Sha256::digest(self.canonical().as_bytes()).into()
    }
}

/// What is wrong with a chain, at the first place where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// An entry's own hash is not that of its contents.
    #[error("entry {sequence} was edited: its hash does not match its contents")]
    Edited {
        /// Its place.
        sequence: i64,
    },
    /// An entry does not follow the one before it.
    #[error(
        "entry {sequence} does not follow the entry before it: one was removed, inserted or moved"
    )]
    Broken {
        /// Its place.
        sequence: i64,
    },
    /// The chain ends elsewhere than its head says.
    #[error(
        "the chain ends at entry {found}, but its head says {expected} and another hash or count: the newest entries were removed or added"
    )]
    Head {
        /// The head's count.
        expected: i64,
        /// The entries there are.
        found: i64,
    },
}

/// Checks a chain entry by entry, oldest first.
#[derive(Debug, Default)]
pub struct ChainCheck {
    at: ChainHead,
}

impl ChainCheck {
    /// Checks the next entry.
    pub fn next(&mut self, entry: &Entry) -> Result<(), ChainFault> {
        let sequence = self.at.count + 1;
        if entry.sequence != sequence || entry.previous_hash != self.at.hash {
            return Err(ChainFault::Broken { sequence });
        }
        if entry.canonical_hash() != entry.hash {
            return Err(ChainFault::Edited { sequence });
        }
        self.at = ChainHead { count: sequence, hash: entry.hash };
        Ok(())
    }

    /// Checks that the chain ends where its head says.
    pub fn finish(self, head: &ChainHead) -> Result<(), ChainFault> {
        if self.at == *head {
            return Ok(());
        }
        Err(ChainFault::Head { expected: head.count, found: self.at.count })
    }
}
