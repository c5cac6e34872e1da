//! One operation: a method, a path, what it takes to call it, and what it does.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use axum::http::Method;
use clientbook_model::audit::Surface;
use clientbook_model::principal::Permission;
use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;

/// What it takes to call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it tells nothing about any tenant.
    Public,
    /// A principal with this permission.
    Permission(Permission),
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
    pub(crate) query: &'static [&'static str],
    pub(crate) body: BodyRule,
    pub(crate) handler: Handler,
}

impl Operation {
    pub(crate) fn new<F, R>(
        surface: Surface,
        method: Method,
        path: &'static str,
        access: Access,
        handler: F,
    ) -> Self
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Answer, ApiError>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |call| Box::pin(handler(call)));
        Self { surface, method, path, access, query: &[], body: BodyRule::None, handler }
    }

    /// Takes these query parameters.
    pub(crate) fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
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
