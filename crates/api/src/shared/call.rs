//! A request on its way to a handler: authenticated, its query checked, its body read.

use super::body;
use super::body::Body;
use super::error::ApiError;
use super::incoming::Incoming;
use super::query::Query;
use super::rate_limit::RateLimit;
use super::routes::Segments;
use clientbook_app::{
    Agent, App, AppError, Caller, ClientRef, Home, Key, Precondition, Unauthenticated,
};
use clientbook_model::principal::Permission;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex};

/// What a handler gets.
pub(crate) struct Call {
    pub(crate) app: App,
    pub(crate) caller: Caller,
    /// The device whose agent calls, where one does.
    pub(crate) agent: Option<Arc<Agent>>,
    /// How often an enrolment token may be used.
    pub(crate) enrollments: Option<Arc<RateLimit>>,
    /// The permission that the access table names for the operation.
    pub(crate) permission: Permission,
    /// The path of the operation, with `{name}` for each segment that varies.
    pub(crate) route: &'static str,
    pub(crate) path: Segments,
    pub(crate) query: Query,
    /// What `If-Match` demands.
    pub(crate) precondition: Precondition,
    pub(crate) body: Body,
    /// The body of an operation that reads it piece by piece.
    pub(crate) stream: Mutex<Option<Incoming>>,
    /// Its idempotency key, where it has one.
    pub(crate) key: Option<Key>,
    /// The address that callers use.
    pub(crate) public_url: Arc<str>,
}

impl Call {
    /// A segment of the path, decoded.
    pub(crate) fn segment(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The device whose agent calls.
    pub(crate) fn agent(&self) -> Result<Arc<Agent>, ApiError> {
        let nobody = AppError::Unauthenticated(Unauthenticated::Missing);
        self.agent.clone().ok_or_else(|| nobody.into())
    }

    /// The body, which must be a JSON object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, ApiError> {
        body::object(&self.body)
    }

    /// Refuses a body with anything in it.
    pub(crate) fn without_fields(&self) -> Result<(), ApiError> {
        if self.body.is_empty() || self.object()?.is_empty() {
            return Ok(());
        }
        Err(ApiError::Unreadable("The body must be empty or {}".into()))
    }

    /// What was read of the request, or why it could not be; the latter is told only to those who
    /// may do with `target` what they ask.
    pub(crate) async fn admitted<T>(
        &self,
        target: ClientRef,
        read: Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        if read.is_err() {
            self.app.admit(&self.caller, target, self.permission).await?;
        }
        read
    }

    /// Likewise, of a request that makes something in the tenant that `home` names.
    pub(crate) async fn admitted_home<T>(
        &self,
        home: Home,
        read: Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        if read.is_err() {
            self.app.admit_home(&self.caller, home, self.permission).await?;
        }
        read
    }
}
