//! The protocol's calls, counted, and what their answers mean for a device.

use super::figures::Figures;
use super::transport::{Answer, Call, Connection, Target};
use crate::failure::Failure;
use bytes::Bytes;
use clientbook_agent_protocol::pace::Failed;
use clientbook_agent_protocol::{
    CheckIn, Config, Enroll, Enrolled, Inventory, Usage, UsageAccepted, code, path,
};
use hyper::Method;
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// For an answer that nobody holds back.
const LIMIT: Duration = Duration::from_mins(1);

/// Calls at a time that take a connection of their own.
pub(super) const CALLS: u32 = 128;

/// Why a call did not do what it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) failed: Failed,
    /// 0 where there was no answer.
    pub(super) status: u16,
    /// Whether the answer was the server's own: a proxy knows nothing of tokens and modes.
    pub(super) own: bool,
    /// In words.
    pub(super) why: String,
}

/// A server, for all devices.
pub(super) struct Server {
    name: String,
    target: Target,
    figures: Arc<Figures>,
    calls: Semaphore,
}

impl Server {
    /// Finds the server.
    pub(super) async fn find(server: &Url, figures: Arc<Figures>) -> Result<Self, Failure> {
        let (name, target) = (server.to_string(), Target::new(server).await?);
        Ok(Self { name, target, figures, calls: Semaphore::new(CALLS as usize) })
    }

    /// Its URL.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it can be connected to.
    pub(super) async fn reach(&self) -> Result<(), Failure> {
        let opened = Connection::open(&self.target, &self.figures).await;
        opened.map(drop).map_err(|why| {
            Failure::Failed(format!(
                "{} cannot be reached ({why}): is the server running, and is --server \
                 (CLIENTBOOK_SERVER) its address?",
                self.name
            ))
        })
    }

    /// Joins a client.
    pub(super) async fn enroll(&self, enroll: &Enroll) -> Result<Enrolled, Refusal> {
        parse(&self.once(Method::POST, path::ENROLL, None, || enroll).await?)
    }

    /// Says the last word.
    pub(super) async fn uninstalled(&self, token: &str) -> Result<(), Refusal> {
        let nothing = || serde_json::json!({});
        self.once(Method::POST, path::UNINSTALLED, Some(token), nothing).await.map(drop)
    }

    /// Sends an inventory, which is made when it is sent: a device that waits for its turn keeps none.
    pub(super) async fn inventory(
        &self,
        token: &str,
        make: impl FnOnce() -> Inventory,
    ) -> Result<(), Refusal> {
        self.once(Method::PUT, path::INVENTORY, Some(token), make).await?;
        self.figures.inventories.add(1);
        Ok(())
    }

    /// Sends records of usage.
    pub(super) async fn usage(&self, token: &str, usage: &Usage) -> Result<(), Refusal> {
        let answer = self.once(Method::POST, path::USAGE, Some(token), || usage).await?;
        let accepted: UsageAccepted = parse(&answer)?;
        self.figures.records.add(accepted.accepted);
        Ok(())
    }

    /// Checks in on the connection that lasts, which is opened if there is none.
    pub(super) async fn check_in(
        &self,
        line: &mut Line,
        token: &str,
        check_in: &CheckIn,
    ) -> Result<Config, Refusal> {
        let wait = u64::from(check_in.wait_seconds.unwrap_or_default());
        let limit = if wait == 0 { LIMIT } else { Duration::from_secs(wait + 20) };
        let call = call(Method::POST, path::CHECK_IN, check_in, limit)?;
        let held = wait > 0;
        let reused = line.connection.is_some();
        let mut answer = self.on(line, token, &call, held).await;
        // A server closes a connection that it has not used for a while; then one more is tried.
        if reused && answer.is_err() && line.connection.is_none() {
            answer = self.on(line, token, &call, held).await;
        }
        let answer = answer.map_err(|why| self.unanswered(why))?;
        self.figures.check_ins.add(1);
        parse(&judge(answer)?)
    }

    /// Asks on `line`, which has no connection afterwards if that broke.
    async fn on(
        &self,
        line: &mut Line,
        token: &str,
        call: &Call,
        held: bool,
    ) -> Result<Answer, String> {
        let kept = line.connection.take().filter(Connection::is_open);
        let mut connection = if let Some(kept) = kept {
            kept
        } else {
            let connection = Connection::open(&self.target, &self.figures).await?;
            if std::mem::replace(&mut line.opened, true) {
                self.figures.reconnects.add(1);
            }
            connection
        };
        let begun = Instant::now();
        let answer = {
            let _held = held.then(|| self.figures.held());
            connection.call(&self.target, Some(token), call).await?
        };
        line.connection = connection.is_open().then_some(connection);
        self.figures.answered(answer.status, (!held).then(|| begun.elapsed()));
        Ok(answer)
    }

    /// One request on a connection of its own.
    async fn once<B: Serialize>(
        &self,
        method: Method,
        path: &'static str,
        token: Option<&str>,
        body: impl FnOnce() -> B,
    ) -> Result<Answer, Refusal> {
        // Waiting for a turn counts: calls wait where the server lets others wait.
        let begun = Instant::now();
        // Nobody closes it.
        let _turn = self.calls.acquire().await;
        let call = call(method, path, &body(), LIMIT)?;
        let asked = async {
            let mut connection = Connection::open(&self.target, &self.figures).await?;
            connection.call(&self.target, token, &call).await
        };
        let answer = asked.await.map_err(|why| self.unanswered(why))?;
        self.figures.answered(answer.status, Some(begun.elapsed()));
        judge(answer)
    }

    fn unanswered(&self, why: String) -> Refusal {
        self.figures.unanswered.add(1);
        away(0, None, why)
    }
}

/// The connection of a device's check-ins.
#[derive(Default)]
pub(super) struct Line {
    connection: Option<Connection>,
    /// Whether there has been one.
    opened: bool,
}

fn away(status: u16, retry_after: Option<Duration>, why: String) -> Refusal {
    Refusal { failed: Failed::Away { retry_after }, status, own: false, why }
}

fn call(
    method: Method,
    path: &'static str,
    body: &impl Serialize,
    limit: Duration,
) -> Result<Call, Refusal> {
    let body = serde_json::to_vec(body).map_err(|error| away(0, None, error.to_string()))?;
    Ok(Call { method, path, body: Bytes::from(body), limit })
}

#[derive(Deserialize)]
struct Problem {
    error: Told,
}

#[derive(Deserialize)]
struct Told {
    code: String,
    message: String,
}

/// What an answer means, as agents see it: only an error in the protocol's own words is a refusal.
fn judge(answer: Answer) -> Result<Answer, Refusal> {
    let Answer { status, retry_after, .. } = answer;
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    let Ok(Problem { error }) = serde_json::from_slice::<Problem>(&answer.body) else {
        let why = format!("answered {status}, not as a Clientbook server does");
        return Err(away(status, retry_after, why));
    };
    let failed = match (status, error.code.as_str()) {
        (401, code::CLIENT_INACTIVE) => Failed::ClientInactive,
        (401, code::UNAUTHENTICATED) => Failed::Unauthenticated,
        (403, code::COLLECTION_NOT_PERMITTED) => Failed::NotPermitted,
        (400 | 413 | 415 | 422, _) => Failed::Invalid,
        _ => Failed::Away { retry_after },
    };
    // The answer is someone else's text: it must not play with the terminal.
    let message = error.message.chars().take(300);
    let message: String = message.map(|c| if c.is_control() { ' ' } else { c }).collect();
    Err(Refusal { failed, status, own: true, why: format!("refused ({status}): {message}") })
}

fn parse<T: DeserializeOwned>(answer: &Answer) -> Result<T, Refusal> {
    let parsed = serde_json::from_slice(&answer.body);
    let why = || "answered what is none of the protocol".to_owned();
    parsed.map_err(|_| away(answer.status, None, why()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Refusal {
        let body = Bytes::copy_from_slice(body.as_bytes());
        judge(Answer { status, retry_after: None, body }).err().expect("a refusal")
    }

    fn problem(code: &str) -> String {
        format!(r#"{{"error": {{"code": "{code}", "message": "a\u001bb", "details": {{}}}}}}"#)
    }

    #[test]
    fn refusals_are_told_apart_by_their_code() {
        for (status, code, failed) in [
            (401, "client_inactive", Failed::ClientInactive),
            (401, "unauthenticated", Failed::Unauthenticated),
            (403, "collection_not_permitted", Failed::NotPermitted),
            (400, "invalid_request", Failed::Invalid),
            (409, "conflict", Failed::Away { retry_after: None }),
            (503, "unavailable", Failed::Away { retry_after: None }),
        ] {
            let refusal = judged(status, &problem(code));
            assert_eq!((refusal.failed, refusal.own), (failed, true), "{status}");
            assert_eq!(refusal.why, format!("refused ({status}): a b"));
        }
    }

    #[test]
    fn who_does_not_speak_the_protocol_refuses_nothing() {
        for status in [301, 400, 401, 403, 404, 502] {
            let refusal = judged(status, "<html>Log in</html>");
            assert_eq!(refusal.failed, Failed::Away { retry_after: None });
            assert!(!refusal.own && refusal.why.contains("not as a Clientbook server"));
        }
    }
}
