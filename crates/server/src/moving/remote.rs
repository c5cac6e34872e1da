//! An import through a running server: the file goes there in one request, and lines come back.

use super::import::{Source, Summary, stays};
use super::report::Report;
use super::state::State;
use super::{named, refused};
use crate::cli;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::remote::{bearer, endpoint, innermost, patient_client, read, refusal_of, unreachable};
use crate::settings;
use bytes::{Bytes, BytesMut};
use reqwest::{Body, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are sent at a time.
const BLOCK: usize = 64 << 10;

/// The longest line of an answer that is read.
const LINE: usize = 1 << 20;

/// Has the server import the file.
pub(super) async fn import(
    args: &cli::Import,
    server: &str,
    state: &State,
    source: Source,
    report: &mut Report,
) -> Result<Summary, Failure> {
    let server = settings::server(server).map_err(Failure::Setting)?;
    let token = args.place.token.as_deref();
    let bearer = bearer(token, "make and change clients").map_err(Failure::Setting)?;
    if !settings::is_private(&server) {
        output::note("note: the token and the clients pass the network in clear; https hides them");
    }
    let stays = stays(!source.is_stream);
    let broken = |error: &reqwest::Error| broken(&server, error, stays);
    let client = patient_client(&server).map_err(|error| broken(&error))?;
    let id = state.id.to_string();
    let mut query = vec![("import_id", id.as_str())];
    query.extend(args.place.tenant.as_deref().map(|tenant| ("tenant", tenant)));
    query.extend(args.match_by.map(|by| ("match", by.as_str())));
    query.extend(args.dry_run.then_some(("dry_run", "true")));
    query.extend(state.is_known.then_some(("resume", "true")));
    let (bytes, format) = (source.bytes, source.format);
    let sent = Arc::new(AtomicU64::new(0));
    let request = client
        .post(endpoint(&server, "/v2/clients/import"))
        .query(&query)
        .header("Authorization", bearer)
        .header("Content-Type", format.media_type())
        .body(body(source, Arc::clone(&sent)));
    let response = begin(&server, request, state, stays).await?;
    let mut lines = Lines { response, waiting: BytesMut::new(), stays };
    let mut progress = Progress::begin("importing", 0, 0);
    while let Some(line) = lines.next(&server).await? {
        let value: Value = serde_json::from_slice(&line).unwrap_or_default();
        if value["row"].is_i64() {
            report.line(&String::from_utf8_lossy(&line))?;
        } else if let Some(rows) = value["progress"]["rows"].as_u64() {
            let sent = u128::from(sent.load(Ordering::Relaxed).max(1));
            let all = u128::from(rows) * u128::from(bytes) / sent;
            progress.expect(u64::try_from(all).unwrap_or(u64::MAX).max(rows));
            progress.at("", rows);
        } else if value["summary"].is_object() {
            let summary: Option<Summary> = serde_json::from_value(value["summary"].clone()).ok();
            let summary = summary.ok_or_else(|| cut_off(&server, stays))?;
            progress.end(u64::try_from(summary.rows).unwrap_or_default());
            return Ok(summary);
        } else if value["error"].is_object() {
            let told = refusal_of(&server, StatusCode::OK, &value, named);
            let is_other = value["error"]["details"]["fields"][0]["rule"] == "other_content";
            let stays = if is_other { String::new() } else { format!(": {stays}") };
            return Err(Failure::Failed(told + &stays));
        }
    }
    Err(cut_off(&server, stays))
}

/// Sends the request; its answer, once it has begun. Until then nobody knows if rows are in.
async fn begin(
    server: &Url,
    request: RequestBuilder,
    state: &State,
    stays: &str,
) -> Result<Response, Failure> {
    state.may_begin();
    let response = request.send().await.map_err(|error| {
        if error.is_connect() {
            state.was_refused();
        }
        broken(server, &error, stays)
    })?;
    let response = accepted(server, response, state, stays).await?;
    state.begins()?;
    Ok(response)
}

/// The answer, unless it is a refusal. One in the server's own words says that no row is in; a proxy
/// knows nothing of it.
async fn accepted(
    server: &Url,
    response: Response,
    state: &State,
    stays: &str,
) -> Result<Response, Failure> {
    if response.status() == StatusCode::OK {
        return Ok(response);
    }
    let status = response.status();
    let answer = read(response).await.map_err(|error| broken(server, &error, stays))?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    if answer["error"]["code"].is_string() {
        state.was_refused();
    }
    Err(refused(server, status, &answer))
}

fn cut_off(server: &Url, stays: &str) -> Failure {
    Failure::Failed(format!("{server} broke off: {stays}"))
}

fn broken(server: &Url, error: &reqwest::Error, stays: &str) -> Failure {
    unreachable(server, error).unwrap_or_else(|| {
        let why = innermost(error);
        Failure::Failed(format!("{server} broke off ({why}): {stays}"))
    })
}

/// The file, read as fast as the server takes it.
fn body(source: Source, sent: Arc<AtomicU64>) -> Body {
    let blocks = futures_util::stream::try_unfold(source, move |mut source| {
        let sent = Arc::clone(&sent);
        async move {
            let mut block = vec![0; BLOCK];
            let read = source.file.read(&mut block)?;
            if read == 0 {
                return Ok::<_, std::io::Error>(None);
            }
            block.truncate(read);
            sent.fetch_add(read as u64, Ordering::Relaxed);
            Ok(Some((Bytes::from(block), source)))
        }
    });
    Body::wrap_stream(blocks)
}

/// The answer, line by line.
struct Lines {
    response: Response,
    waiting: BytesMut,
    stays: &'static str,
}

impl Lines {
    async fn next(&mut self, server: &Url) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') {
                let mut line = self.waiting.split_to(end + 1);
                line.truncate(end);
                return Ok(Some(line.freeze()));
            }
            if self.waiting.len() > LINE {
                return Err(Failure::Failed(format!("{server} answered a line without an end")));
            }
            match self.response.chunk().await.map_err(|error| broken(server, &error, self.stays))? {
                Some(bytes) => self.waiting.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }
}
