//! Reads a request's body within its limits.

use super::error::ApiError;
use super::operation::{BodyRule, Operation};
use axum::http::{HeaderMap, Method, header};
use bytes::{Bytes, BytesMut};
use clientbook_model::unique::Unique;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};
use std::time::Duration;

/// The largest body: 1 MiB.
pub(crate) const LIMIT: usize = 1024 * 1024;

/// The largest body of a call about many clients: 16 MiB.
pub(crate) const BULK_LIMIT: usize = 16 * LIMIT;

/// The most JSON values in a body. Read, each takes many times the two bytes that it may take here.
const MAX_VALUES: usize = 200_000;

/// How much is read, beyond the limit too, so that the sender of a larger one gets to read the
/// answer.
const DRAIN: usize = 4 * 1024 * 1024;

/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body that was read; empty where none was sent.
pub(crate) type Body = Bytes;

/// Reads the body that `operation` asks for.
pub(crate) async fn read(
    operation: &Operation,
    method: &Method,
    headers: &HeaderMap,
    body: axum::body::Body,
) -> Result<Body, ApiError> {
    let limit = operation.limit;
    if operation.body == BodyRule::None {
        drain(headers, body).await;
        return Ok(Body::new());
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    // A sender that waits for `100 Continue` reads the answer without sending the rest.
    if waits(headers) && announced > limit {
        return Err(ApiError::TooLarge(limit));
    }
    let bytes = Box::pin(tokio::time::timeout(PATIENCE, collect(body, limit))).await;
    let bytes = bytes.map_err(|_| ApiError::SlowBody)??;
    if !bytes.is_empty() {
        check_encoding(headers)?;
        check_media_type(method, headers)?;
    }
    Ok(bytes)
}

/// Throws away the body of a request that is answered without it. Clients that send everything
/// before they read find a broken pipe instead of an answer where a server hangs up on them.
pub(crate) async fn drain(headers: &HeaderMap, body: axum::body::Body) {
    if waits(headers) || body.is_end_stream() {
        return;
    }
    let thrown_away = async move {
        let (mut body, mut seen) = (body, 0);
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DRAIN {
                break;
            }
        }
    };
    // Late or broken off: the answer is the same.
    let _in_time = Box::pin(tokio::time::timeout(PATIENCE, thrown_away)).await;
}

fn waits(headers: &HeaderMap) -> bool {
    headers.contains_key(header::EXPECT)
}

async fn collect(mut body: axum::body::Body, limit: usize) -> Result<Body, ApiError> {
    let drain = limit - LIMIT + DRAIN;
    let (mut kept, mut seen) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let broken = |_| ApiError::Unreadable("The body broke off before its end".into());
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            seen += data.len();
            if seen > drain {
                break;
            }
            if seen <= limit {
                kept.extend_from_slice(&data);
            }
        }
    }
    if seen > limit { Err(ApiError::TooLarge(limit)) } else { Ok(kept.freeze()) }
}

/// Refuses a body in an encoding: none is read here.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = codings.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_plain = |coding: &[u8]| {
        let coding = coding.trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    };
    if codings.all(is_plain) { Ok(()) } else { Err(ApiError::Encoded) }
}

fn check_media_type(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let json = essence.eq_ignore_ascii_case("application/json");
    let patch = method == Method::PATCH;
    if json || (patch && essence.eq_ignore_ascii_case("application/merge-patch+json")) {
        return Ok(());
    }
    Err(ApiError::UnsupportedMediaType(if patch {
        "application/json or application/merge-patch+json"
    } else {
        "application/json"
    }))
}

/// The JSON object in `body`.
pub(crate) fn object(body: &Body) -> Result<Map<String, Value>, ApiError> {
    if !has_few_values(body) {
        let message = format!("The body must not hold more than {MAX_VALUES} values");
        return Err(ApiError::Unreadable(message));
    }
    let unreadable = |error| ApiError::Unreadable(format!("The body is not JSON: {error}"));
    match serde_json::from_slice::<Unique>(body).map_err(unreadable)?.0 {
        Value::Object(object) => Ok(object),
        _ => Err(ApiError::Unreadable("The body must be a JSON object".into())),
    }
}

/// Whether `body` holds no more values than it may: each but the first of its list or object comes
/// after a comma, and each of those after a bracket.
fn has_few_values(body: &[u8]) -> bool {
    let (mut values, mut in_text, mut is_escaped) = (1, false, false);
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'[' | b'{' if !in_text => values += 1,
            _ => {}
        }
        if values > MAX_VALUES {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_texts() {
        let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert!(has_few_values(list(MAX_VALUES - 1).as_bytes()));
        assert!(!has_few_values(list(MAX_VALUES).as_bytes()));
        let text = ",[{\\\"\\\\".repeat(MAX_VALUES);
        assert!(has_few_values(format!("[\"{text}\"]").as_bytes()));
        assert!(!has_few_values(format!("[\"{text}\", {}]", list(MAX_VALUES)).as_bytes()));
        assert!(!has_few_values("[{}".repeat(MAX_VALUES).as_bytes()));
    }
}
