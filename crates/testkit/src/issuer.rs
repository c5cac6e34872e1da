//! Identity providers for tests: what they publish, and whether they answer.

use clientbook_app::{ClaimNames, FetchKeys, IssuerSettings, KeySource};
use clientbook_model::principal::Role;
use clientbook_model::tenant::TenantKey;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// An issuer that speaks for `tenant123` to the audience `clientbook`, as far as an admin goes,
/// with its keys at its own name.
pub fn issuer(name: &str) -> IssuerSettings {
    IssuerSettings {
        issuer: name.to_owned(),
        audiences: vec!["clientbook".to_owned()],
        keys: KeySource::Url(name.to_owned()),
        tenants: vec![TenantKey::parse("tenant123").expect("a slug")],
        claims: ClaimNames {
            tenant: "tenant_id".to_owned(),
            roles: "roles".to_owned(),
            permissions: "permissions".to_owned(),
            clients: "clients".to_owned(),
            org: "org_id".to_owned(),
            project: "project_id".to_owned(),
        },
        max_role: Role::Admin,
    }
}

/// Where every issuer's keys are fetched from.
#[derive(Clone)]
pub struct KeyServer {
    documents: Arc<Mutex<HashMap<String, Document>>>,
    open: Arc<watch::Sender<bool>>,
}

#[derive(Default)]
struct Document {
    text: Option<String>,
    fetches: usize,
}

impl Default for KeyServer {
    fn default() -> Self {
        Self { documents: Arc::default(), open: Arc::new(watch::Sender::new(true)) }
    }
}

impl KeyServer {
    fn documents(&self) -> MutexGuard<'_, HashMap<String, Document>> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, the keys at `url` are these.
    pub fn publish(&self, url: &str, keys: &[Value]) {
        self.answer(url, &json!({ "keys": keys }).to_string());
    }

    /// From now on, this is what stands at `url`.
    pub fn answer(&self, url: &str, text: &str) {
        self.documents().entry(url.to_owned()).or_default().text = Some(text.to_owned());
    }

    /// From now on, nothing is at `url`.
    pub fn take_away(&self, url: &str) {
        self.documents().entry(url.to_owned()).or_default().text = None;
    }

    /// How often `url` has been asked for.
    pub fn fetches(&self, url: &str) -> usize {
        self.documents().get(url).map_or(0, |document| document.fetches)
    }

    /// From now on, answers wait until `release`.
    pub fn hold(&self) {
        self.open.send_replace(false);
    }

    /// Sends the answers that wait.
    pub fn release(&self) {
        self.open.send_replace(true);
    }

    pub(crate) fn fetcher(&self) -> FetchKeys {
        let server = self.clone();
        Arc::new(move |source| {
            let server = server.clone();
            Box::pin(async move { server.fetch(source).await })
        })
    }

    async fn fetch(&self, source: KeySource) -> Result<String, String> {
        let KeySource::Url(url) = source else {
            return Err("only URLs are fetched here".to_owned());
        };
        self.documents().entry(url.clone()).or_default().fetches += 1;
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open).await.map_err(|error| error.to_string())?;
        let documents = self.documents();
        let text = documents.get(&url).and_then(|document| document.text.clone());
        text.ok_or_else(|| format!("nothing is at {url}"))
    }
}
