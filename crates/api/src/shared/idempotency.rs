//! `Idempotency-Key`: what callers may write there, and how a handler has its change made once.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use super::operation::{Access, BodyRule, Operation};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use clientbook_app::{AppError, Caller, Done, Key, KeyedCall, Once, Show, Told};
use std::sync::Arc;

/// The header.
pub(crate) const HEADER: &str = "idempotency-key";

/// The longest key, in characters.
pub(crate) const MAX_LENGTH: usize = 255;

/// Whether calls of this operation look at the header. The rows of a file are no body that could be
/// compared with an earlier one; agents' calls may be repeated as they are.
pub(crate) fn counts(operation: &Operation) -> bool {
    matches!(operation.method, Method::POST | Method::PATCH)
        && operation.body != BodyRule::Stream
        && !matches!(operation.access, Access::Device | Access::Enrollment)
}

/// The key that a request has, to the letter.
pub(crate) fn read<'h>(
    operation: &Operation,
    headers: &'h HeaderMap,
) -> Result<Option<&'h str>, ApiError> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if operation.body == BodyRule::Stream {
        let message = "An import takes no Idempotency-Key: repeat it with the same import_id";
        return Err(ApiError::Unreadable(message.into()));
    }
    if !counts(operation) {
        return Ok(None);
    }
    let key = value.to_str().ok().filter(|key| {
        let visible = key.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
        visible && (1..=MAX_LENGTH).contains(&key.len())
    });
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(ApiError::Unreadable(format!(
            "The header Idempotency-Key must be there once at most, with 1 to {MAX_LENGTH} visible \
             ASCII characters"
        ))),
    }
}

/// The key of a request whose body has been read.
pub(crate) fn key(
    app: &clientbook_app::App,
    caller: &Caller,
    operation: &Operation,
    parts: &Parts,
    body: &[u8],
) -> Result<Option<Key>, ApiError> {
    let Some(key) = read(operation, &parts.headers)? else {
        return Ok(None);
    };
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let query = parts.uri.query().unwrap_or_default();
    let call = KeyedCall { key, method, path, query, body };
    Ok(Some(app.key(caller, &call)))
}

impl Call {
    /// Has `run` make a change, once for the call's key if it has one, and answers what `show` makes
    /// of it.
    pub(crate) async fn once<T, F>(
        &self,
        run: impl FnOnce(Once<T>) -> F,
        show: impl Fn(&T) -> Result<Answer, ApiError> + Send + Sync + 'static,
    ) -> Result<Answer, ApiError>
    where
        F: Future<Output = Result<Done<T>, AppError>>,
    {
        let Some(key) = &self.key else {
            return show(&run(Once::free()).await?.now()?);
        };
        let show = Arc::new(show);
        let kept = Arc::clone(&show);
        let words: Show<T> = Arc::new(move |value| {
            let answer = kept(value).map_err(|error| AppError::Internal(format!("{error:?}")))?;
            Ok(told(answer))
        });
        match run(Once::keyed(key, words)).await? {
            // A dry run: nothing is kept of it.
            Done::Now(value) => show(&value),
            Done::Told(told) => Ok(told.into()),
        }
    }
}

fn told(answer: Answer) -> Told {
    let Answer { status, version, location, body, secret, .. } = answer;
    Told { status: status.as_u16(), version, location, body, secret }
}
