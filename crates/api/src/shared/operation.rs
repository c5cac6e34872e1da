//! One operation: a method, a path, what it takes to call it, and what it does.

use super::answer::Answer;
use super::body;
use super::call::Call;
use super::error::ApiError;
use super::query::Parameter;
use crate::openapi::Doc;
use axum::http::Method;
use clientbook_model::audit::Surface;
use clientbook_model::principal::{Permission, Permissions};
use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a use case may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one may take that is about many clients.
const BULK_PATIENCE: Duration = Duration::from_mins(5);

/// What it takes to call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it tells nothing about any tenant.
    Public,
    /// A principal with this permission.
    Permission(Permission),
    /// A principal with one of these permissions.
    Either(Permission, Permission),
    /// A device's token, which opens nothing else.
    Device,
    /// An enrolment token in the body.
    Enrollment,
}

impl Access {
    /// The permissions that will do, each by itself; none for what is public or a device's.
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        let (one, other) = match self {
            Self::Public | Self::Device | Self::Enrollment => (None, None),
            Self::Permission(permission) => (Some(permission), None),
            Self::Either(one, other) => (Some(one), Some(other)),
        };
        one.into_iter().chain(other)
    }

    /// Of the permissions that will do, the one that is held, and the first where none is.
    pub(crate) fn counting(self, held: Permissions) -> Option<Permission> {
        let mut all = self.permissions().peekable();
        let first = all.peek().copied();
        all.find(|permission| held.has(*permission)).or(first)
    }
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Self::Permission(permission)
    }
}

impl From<(Permission, Permission)> for Access {
    fn from((one, other): (Permission, Permission)) -> Self {
        Self::Either(one, other)
    }
}

/// Whether an operation reads a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyRule {
    /// None is read.
    None,
    /// JSON, which must be there.
    Json,
    /// JSON or nothing.
    Optional,
    /// Rows of a file, read by the handler while they come, without a limit on all of them.
    Stream,
}

pub(crate) type Handler =
    Arc<dyn Fn(Call) -> BoxFuture<'static, Result<Answer, ApiError>> + Send + Sync>;

/// One row of the access table, with the code behind it.
#[derive(Clone)]
pub struct Operation {
    /// The surface it belongs to; `Surface::System` for what belongs to none.
    pub surface: Surface,
    /// GET stands for HEAD too.
    pub method: Method,
    /// With `{name}` for each segment that varies.
    pub path: &'static str,
    /// What it takes.
    pub access: Access,
    pub(crate) query: &'static [Parameter],
    pub(crate) body: BodyRule,
    /// The most bytes of a body.
    pub(crate) limit: usize,
    /// How long its use case may take.
    pub(crate) patience: Duration,
    pub(crate) handler: Handler,
    /// Its description; made when asked for, which is once.
    pub(crate) doc: fn() -> Doc,
}

impl Operation {
    pub(crate) fn new<F, R>(
        surface: Surface,
        method: Method,
        path: &'static str,
        access: impl Into<Access>,
        handler: F,
        doc: fn() -> Doc,
    ) -> Self
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Answer, ApiError>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |call| Box::pin(handler(call)));
        let access = access.into();
        let (query, body, limit, patience) = (&[], BodyRule::None, body::LIMIT, PATIENCE);
        Self { surface, method, path, access, query, body, limit, patience, handler, doc }
    }

    /// Takes these query parameters.
    pub(crate) fn query(mut self, parameters: &'static [Parameter]) -> Self {
        self.query = parameters;
        self
    }

    /// Takes as much, and as long, as calls about many clients do.
    pub(crate) fn bulk(mut self) -> Self {
        (self.limit, self.patience) = (body::BULK_LIMIT, BULK_PATIENCE);
        self
    }

    /// Takes this long.
    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether it answers requests of this method.
    pub(crate) fn answers(&self, method: &Method) -> bool {
        self.method == *method || (self.method == Method::GET && method == Method::HEAD)
    }

    /// The names of its query parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.query.iter().map(|parameter| parameter.name)
    }

    /// Reads a body.
    pub(crate) fn body(mut self, body: BodyRule) -> Self {
        self.body = body;
        self
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.path, self.access)
    }
}
