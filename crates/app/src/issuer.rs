//! Issuers of JWTs: whom this installation believes, how far, and with which keys.

use clientbook_model::principal::Role;
use clientbook_model::secret::Secret;
use clientbook_model::tenant::TenantKey;
use clientbook_model::time::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A JWKS document (RFC 7517) at this URL.
    Url(String),
    /// A JWKS document in this file.
    File(PathBuf),
    /// A secret shared with the issuer: HS256, at least 32 bytes.
    Secret(Secret),
}

/// Names of the claims that say what a token's bearer holds.
#[derive(Debug, Clone)]
pub struct ClaimNames {
    /// The tenant, in any of its three forms.
    pub tenant: String,
    /// Role names, as a list or one text.
    pub roles: String,
    /// Permission names, as a list.
    pub permissions: String,
    /// The only clients the bearer may touch.
    pub clients: String,
    /// The only organization.
    pub org: String,
    /// The only project.
    pub project: String,
}

/// What the installation says of an issuer.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim must name one of these.
    pub audiences: Vec<String>,
    /// Where its keys come from.
    pub keys: KeySource,
    /// The tenants it may speak for.
    pub tenants: Vec<TenantKey>,
    /// How its claims are called.
    pub claims: ClaimNames,
    /// The most that its tokens can hold.
    pub max_role: Role,
}

/// Reads a JWKS document; the error is for the log.
pub type FetchKeys = Arc<
    dyn Fn(KeySource) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> + Send + Sync,
>;

/// Milliseconds between two fetches of the same issuer's keys, whatever asks for them: unknown key
/// ids are free to invent.
const FETCH_PAUSE: i64 = 30_000;

/// Milliseconds after which known keys are fetched again, so that a withdrawn one stops working.
const FRESH: i64 = 300_000;

/// How long a caller whose key is known waits for newer ones: an issuer that hangs slows nobody
/// down by more.
const PATIENCE: Duration = Duration::from_secs(1);

/// An issuer with the keys that are known of it.
pub(crate) struct Issuer {
    pub(crate) settings: IssuerSettings,
    keys: RwLock<Arc<[Key]>>,
    fetching: Arc<Mutex<Fetched>>,
    fetch: FetchKeys,
}

#[derive(Default)]
struct Fetched {
    tried: Option<Timestamp>,
    succeeded: Option<Timestamp>,
}

/// A key and the one algorithm it is for: what a token's header asks for never picks another.
#[derive(Clone)]
pub(crate) struct Key {
    id: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) verifying: DecodingKey,
}

impl Issuer {
    pub(crate) fn new(settings: IssuerSettings, fetch: FetchKeys) -> Self {
        let keys: Arc<[Key]> = match &settings.keys {
            KeySource::Secret(secret) => [Key {
                id: None,
                algorithm: Algorithm::HS256,
                verifying: DecodingKey::from_secret(secret.expose().as_bytes()),
            }]
            .into(),
            KeySource::Url(_) | KeySource::File(_) => [].into(),
        };
        let fetching = Arc::default();
        Self { settings, keys: RwLock::new(keys), fetching, fetch }
    }

    /// The key for a token whose header names `id` and `algorithm`. Keys that are known answer at
    /// once, whether the issuer is there or not; an unknown id makes it fetch, now and then.
    pub(crate) async fn key(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Option<Key> {
        let known = self.known(id, algorithm);
        let shared = matches!(self.settings.keys, KeySource::Secret(_));
        if shared || (known.is_some() && !self.is_stale(now)) {
            return known;
        }
        self.refresh(now, known.is_some()).await;
        self.known(id, algorithm)
    }

    fn known(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Key> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let mut fitting = keys.iter().filter(|key| match id {
            // A shared secret has no id; its issuer may send one all the same.
            Some(id) => key.id.as_deref() == Some(id) || key.algorithm == Algorithm::HS256,
            None => true,
        });
        let found = fitting.find(|key| key.algorithm == algorithm).cloned();
        // Without an id, only a single candidate is no guess.
        let single = || keys.iter().filter(|key| key.algorithm == algorithm).count() == 1;
        found.filter(|_| id.is_some() || single())
    }

    fn is_stale(&self, now: Timestamp) -> bool {
        // Someone is fetching: what is known is good enough meanwhile.
        self.fetching
            .try_lock()
            .is_ok_and(|fetched| fetched.succeeded.is_none_or(|time| apart(now, time) > FRESH))
    }

    async fn refresh(self: &Arc<Self>, now: Timestamp, known: bool) {
        let fetching = Arc::clone(&self.fetching);
        // Who has a key need not wait for the one who fetches.
        let mut fetched = match Arc::clone(&fetching).try_lock_owned() {
            Ok(fetched) => fetched,
            Err(_) if known => return,
            Err(_) => fetching.lock_owned().await,
        };
        if fetched.tried.is_some_and(|time| apart(now, time) < FETCH_PAUSE) {
            return;
        }
        fetched.tried = Some(now);
        // On its own: a caller who hangs up in time could otherwise end each fetch, and with it
        // keep out everybody whose key is not known yet.
        let fetch = tokio::spawn(Arc::clone(self).fetch(now, fetched));
        if known {
            // Whether it ends in time or not, there is a key to go on with.
            let _late = tokio::time::timeout(PATIENCE, fetch).await;
        } else if let Err(error) = fetch.await {
            tracing::error!(issuer = %self.settings.issuer, %error, "a fetch of keys broke off");
        }
    }

    async fn fetch(self: Arc<Self>, now: Timestamp, mut fetched: OwnedMutexGuard<Fetched>) {
        let issuer = &self.settings.issuer;
        let document = (self.fetch)(self.settings.keys.clone()).await;
        match document.and_then(|document| read(&document)) {
            Ok(keys) => {
                if keys.is_empty() {
                    tracing::warn!(%issuer, "an issuer has no RS256, ES256 or EdDSA key any more");
                }
                tracing::info!(%issuer, keys = keys.len(), "fetched an issuer's keys");
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
                fetched.succeeded = Some(now);
            }
            Err(error) => {
                tracing::warn!(%issuer, %error, "an issuer's keys cannot be fetched; known ones stay");
            }
        }
    }
}

/// Milliseconds between two times, in whichever order: a clock that was set back must not stop
/// fetches until it has caught up.
fn apart(one: Timestamp, other: Timestamp) -> i64 {
    (one.millis() - other.millis()).abs()
}

/// Whether a JWKS document holds a key that we can use. The error says what is wrong with it.
pub fn check_keys(document: &str) -> Result<(), String> {
    match read(document)?.as_slice() {
        [] => Err("it holds no RS256, ES256 or EdDSA key".into()),
        _ => Ok(()),
    }
}

/// A JWKS document (RFC 7517, section 5).
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// The keys of a JWKS document that we can use; others are left out. There may be none: that is how
/// an issuer withdraws them all.
fn read(document: &str) -> Result<Vec<Key>, String> {
    let document: Document = serde_json::from_str(document)
        .map_err(|error| format!("it is no JWKS document: {error}"))?;
    // One by one: a key of a kind that nobody knows yet does not spoil the others.
    let keys = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
    Ok(keys.filter_map(|key| usable(&key)).collect())
}

fn usable(jwk: &Jwk) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDSA
        }
        // A secret has no place in a public document.
        _ => return None,
    };
    let signs = jwk.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
    let operations = jwk.common.key_operations.as_ref();
    let verifies = operations.is_none_or(|all| all.contains(&KeyOperations::Verify));
    let named = jwk.common.key_algorithm.map(|named| named.to_string());
    if !signs || !verifies || named.is_some_and(|named| named != format!("{algorithm:?}")) {
        return None;
    }
    let verifying = DecodingKey::from_jwk(jwk).ok()?;
    Some(Key { id: jwk.common.key_id.clone(), algorithm, verifying })
}
