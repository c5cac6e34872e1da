//! Signed checkpoints of the audit trail: what was there at a time, for whoever keeps them where
//! those who can rewrite the store cannot.
//!
//! A checkpoint is lines of JSON. Per tenant it has one line for each chain, with the chain's length
//! and newest hash, and then the tenant's head: a digest of those lines, signed. The last line signs
//! all heads. It is written and read line by line, whatever the number of clients.

mod compare;
mod lines;

pub use lines::Checkpoint;

use crate::App;
use crate::env::Env;
use crate::error::{AppError, invalid};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use clientbook_model::audit::ChainHead;
use clientbook_model::id::{ClientId, TenantId, hex, unhex};
use clientbook_store::{RawId, Tx, audit, clients, erased_clients, tenants};
use lines::Writer;

/// The key that checkpoints are signed with (Ed25519, RFC 8032).
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

/// The other half, which everyone may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(pub [u8; 32]);

/// Chains read at a time.
const PAGE: i64 = 500;

impl SigningKey {
    /// A new key.
    pub fn generate(env: &Env) -> Result<Self, AppError> {
        Self::from_seed(env.bytes())
    }

    /// The key of a file that `to_text` wrote.
    pub fn from_text(text: &str) -> Result<Self, AppError> {
        let seed = unhex(text.trim());
        Self::from_seed(seed.ok_or_else(|| invalid("/key", "key", "must hold 64 hex digits"))?)
    }

    fn from_seed(seed: [u8; 32]) -> Result<Self, AppError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        let pair = pair.map_err(|error| AppError::Internal(error.to_string()))?;
        Ok(Self { seed, pair })
    }

    /// Its secret, as a file keeps it.
    pub fn to_text(&self) -> String {
        format!("{}\n", hex(&self.seed))
    }

    /// What its signatures are checked with.
    pub fn public(&self) -> VerifyingKey {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        VerifyingKey(public)
    }

    fn sign(&self, message: &str) -> String {
        hex(self.pair.sign(message.as_bytes()).as_ref())
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", hex(&self.public().0))
    }
}

impl VerifyingKey {
    /// From 64 hex digits.
    pub fn from_text(text: &str) -> Option<Self> {
        unhex(text.trim()).map(Self)
    }

    /// Whether `signature`, in hex, is this key's of `message`.
    fn verifies(&self, message: &str, signature: &str) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        unhex::<64>(signature)
            .is_some_and(|signature| key.verify(message.as_bytes(), &signature).is_ok())
    }
}

impl std::fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl App {
    /// Tells `write` the lines of a checkpoint, of all tenants or of one, by any of its three names.
    /// Beside a server that writes, too: each chain is told as it is when its turn comes.
    pub async fn checkpoint(
        &self,
        key: &SigningKey,
        tenant: Option<String>,
        write: impl FnMut(&str) -> Result<(), AppError>,
    ) -> Result<(), AppError> {
        let only = self.tenant_by_name(tenant).await?;
        let mut writer = Writer::new(key, self.0.env.now(), write)?;
        if let Some(only) = only {
            self.tell_tenant(only, &mut writer).await?;
            return writer.end();
        }
        let (mut from, mut seen) = (RawId::FIRST, 0);
        loop {
            let page = self
                .0
                .db
                .scan(async move |tx: &mut Tx| {
                    Ok::<_, AppError>(audit::tenant_chains_across_tenants(tx, &from, PAGE).await?)
                })
                .await?;
            for tenant in page.iter().skip(seen) {
                let damaged =
                    || AppError::Internal(format!("the id of tenant {tenant} is damaged"));
                let id = TenantId(tenant.uuid().ok_or_else(damaged)?);
                self.tell_tenant(id, &mut writer).await?;
            }
            match page.into_iter().nth(usize::try_from(PAGE).unwrap_or(usize::MAX) - 1) {
                Some(last) => (from, seen) = (last, 1),
                None => return writer.end(),
            }
        }
    }

    async fn tell_tenant<W: FnMut(&str) -> Result<(), AppError>>(
        &self,
        tenant: TenantId,
        writer: &mut Writer<'_, W>,
    ) -> Result<(), AppError> {
        let own = self
            .0
            .db
            .scan(async move |tx: &mut Tx| {
                Ok::<_, AppError>(tenants::chain_head(tx, tenant).await?)
            })
            .await?;
        writer.chain(tenant, tenant.0, own.unwrap_or_default())?;
        // The erased come last: whoever is erased meanwhile is told twice, and never left out.
        for erased in [false, true] {
            let mut next = Some(ClientId::FIRST);
            while let Some(from) = next {
                let page = self
                    .0
                    .db
                    .scan(async move |tx: &mut Tx| heads(tx, tenant, from, erased).await)
                    .await?;
                for (client, head) in &page {
                    writer.chain(tenant, client.0, *head)?;
                }
                let full = i64::try_from(page.len()).is_ok_and(|length| length >= PAGE);
                next = page.last().filter(|_| full).and_then(|(last, _)| last.next());
            }
        }
        writer.tenant(tenant)
    }
}

async fn heads(
    tx: &mut Tx,
    tenant: TenantId,
    from: ClientId,
    erased: bool,
) -> Result<Vec<(ClientId, ChainHead)>, AppError> {
    if !erased {
        return Ok(clients::heads(tx, tenant, from, PAGE).await?);
    }
    let page = erased_clients::page(tx, tenant, from, PAGE).await?;
    Ok(page.into_iter().map(|client| (client.id, client.audit)).collect())
}
