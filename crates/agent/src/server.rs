//! The server: the protocol's calls, and what their answers mean for the agent.

use crate::env::Millis;
use crate::transport::{Answer, Call, Connection, Target};
use bytes::Bytes;
use clientbook_agent_protocol::{
    CheckIn, Collect, Config, Enroll, Enrolled, Inventory, Logs, Usage, UsageAccepted, code, path,
};
use hyper::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// For an answer that nobody holds back, with a slow line in mind.
const LIMIT: Duration = Duration::from_mins(1);
/// For an inventory: some megabytes.
const INVENTORY_LIMIT: Duration = Duration::from_mins(3);

/// Why a call did not do what it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The server is away, overloaded or not itself: try again later.
    Away {
        /// Why, for people.
        why: String,
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The client is suspended.
    ClientInactive,
    /// The token is none, or none any more.
    Unauthenticated,
    /// What was sent may not be collected.
    NotPermitted {
        /// What may; `None` if the answer does not say.
        collect: Option<Vec<Collect>>,
        /// Whose data was in the way, if only theirs was.
        user_keys: Vec<String>,
    },
    /// The server does not understand it: sent again, it fares no better.
    Invalid(String),
}

impl Refusal {
    fn away(why: String) -> Self {
        Self::Away { why, retry_after: None }
    }

    /// In words, without what was sent.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Away { why, .. } => why.clone(),
            Self::ClientInactive => "the client is suspended".into(),
            Self::Unauthenticated => "the server does not know the token".into(),
            Self::NotPermitted { .. } => "the server says that this may not be collected".into(),
            Self::Invalid(why) => format!("the server does not understand it: {why}"),
        }
    }
}

/// A server as a device speaks to it.
#[derive(Clone)]
pub(crate) struct Server {
    target: Target,
    token: Option<String>,
}

impl Server {
    pub(crate) fn new(target: Target, token: Option<String>) -> Self {
        Self { target, token }
    }

    /// Joins a client.
    pub(crate) async fn enroll(&self, enroll: &Enroll) -> Result<Enrolled, Refusal> {
        parse(&self.once(Method::POST, path::ENROLL, enroll, LIMIT).await?)
    }

    /// Says the last word.
    pub(crate) async fn uninstalled(&self) -> Result<(), Refusal> {
        let nothing = serde_json::json!({});
        self.once(Method::POST, path::UNINSTALLED, &nothing, LIMIT).await.map(drop)
    }

    /// Sends an inventory.
    pub(crate) async fn inventory(&self, inventory: &Inventory) -> Result<(), Refusal> {
        self.once(Method::PUT, path::INVENTORY, inventory, INVENTORY_LIMIT).await.map(drop)
    }

    /// Sends records of usage.
    pub(crate) async fn usage(&self, usage: &Usage) -> Result<UsageAccepted, Refusal> {
        parse(&self.once(Method::POST, path::USAGE, usage, LIMIT).await?)
    }

    /// Sends records of the log.
    pub(crate) async fn logs(&self, logs: &Logs) -> Result<(), Refusal> {
        self.once(Method::POST, path::LOGS, logs, LIMIT).await.map(drop)
    }

    /// Checks in on a connection that lasts: the one that is left over is given back. With the answer
    /// comes the server's time.
    pub(crate) async fn check_in(
        &self,
        connection: Option<Connection>,
        check_in: &CheckIn,
    ) -> (Option<Connection>, Result<(Config, Option<Millis>), Refusal>) {
        let wait = u64::from(check_in.wait_seconds.unwrap_or_default());
        let call = match call(Method::POST, path::CHECK_IN, check_in, LIMIT) {
            Ok(call) => Call { limit: Duration::from_secs(wait + 20), ..call },
            Err(refusal) => return (None, Err(refusal)),
        };
        let reused = connection.is_some();
        let (connection, answer) = self.on(connection, &call).await;
        // A server closes a connection that it has not used for a while; then one more is tried.
        let (connection, answer) = match answer {
            Err(Refusal::Away { .. }) if reused && connection.is_none() => {
                self.on(None, &call).await
            }
            other => (connection, other),
        };
        (connection, answer.and_then(|answer| Ok((parse(&answer)?, answer.date))))
    }

    async fn on(
        &self,
        connection: Option<Connection>,
        call: &Call,
    ) -> (Option<Connection>, Result<Answer, Refusal>) {
        let mut connection = match connection.filter(Connection::is_open) {
            Some(connection) => connection,
            None => match Connection::open(&self.target).await {
                Ok(connection) => connection,
                Err(why) => return (None, Err(Refusal::away(why))),
            },
        };
        match connection.call(&self.target, self.token.as_deref(), call).await {
            Ok(answer) => {
                let left = connection.is_open().then_some(connection);
                (left, judge(answer))
            }
            Err(why) => (None, Err(Refusal::away(why))),
        }
    }

    /// One request on a connection of its own.
    async fn once(
        &self,
        method: Method,
        path: &'static str,
        body: &impl Serialize,
        limit: Duration,
    ) -> Result<Answer, Refusal> {
        self.on(None, &call(method, path, body, limit)?).await.1
    }
}

fn call(
    method: Method,
    path: &'static str,
    body: &impl Serialize,
    limit: Duration,
) -> Result<Call, Refusal> {
    let body = serde_json::to_vec(body).map_err(|error| Refusal::Invalid(error.to_string()))?;
    Ok(Call { method, path, body: Bytes::from(body), limit })
}

/// An error of the protocol.
#[derive(Deserialize)]
struct Problem {
    error: ProblemError,
}

#[derive(Deserialize)]
struct ProblemError {
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Details,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    collect: Option<Vec<Collect>>,
    user_keys: Vec<String>,
}

/// What an answer means. Only an error in the protocol's own words counts as a refusal: a proxy or a
/// portal on the way that says 401 or 403 knows nothing of tokens and modes.
fn judge(answer: Answer) -> Result<Answer, Refusal> {
    let Answer { status, retry_after, .. } = answer;
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    let away = || Refusal::Away { why: format!("the server answers {status}"), retry_after };
    let Ok(Problem { error }) = serde_json::from_slice::<Problem>(&answer.body) else {
        return Err(away());
    };
    Err(match (status, error.code.as_str()) {
        (401, code::CLIENT_INACTIVE) => Refusal::ClientInactive,
        (401, code::UNAUTHENTICATED) => Refusal::Unauthenticated,
        (403, code::COLLECTION_NOT_PERMITTED) => Refusal::NotPermitted {
            collect: error.details.collect,
            user_keys: error.details.user_keys,
        },
        (400 | 413 | 415 | 422, _) => Refusal::Invalid(error.message.chars().take(200).collect()),
        _ => away(),
    })
}

fn parse<T: DeserializeOwned>(answer: &Answer) -> Result<T, Refusal> {
    let parsed = serde_json::from_slice(&answer.body);
    parsed.map_err(|_| Refusal::away("the answer is none of the protocol".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Result<Answer, Refusal> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        judge(Answer { status, retry_after: None, date: None, body })
    }

    fn problem(code: &str, details: &str) -> String {
        format!(r#"{{"error": {{"code": "{code}", "message": "m", "details": {details}}}}}"#)
    }

    #[test]
    fn refusals_are_told_apart_by_their_code() {
        let refusal = |status, code| judged(status, &problem(code, "{}")).unwrap_err();
        assert_eq!(refusal(401, "client_inactive"), Refusal::ClientInactive);
        assert_eq!(refusal(401, "unauthenticated"), Refusal::Unauthenticated);
        assert_eq!(refusal(400, "invalid_request"), Refusal::Invalid("m".into()));
        for (status, code) in [(503, "unavailable"), (404, "not_found"), (401, "else")] {
            assert!(matches!(refusal(status, code), Refusal::Away { .. }));
        }
    }

    #[test]
    fn a_refused_kind_says_what_is_left() {
        let details = r#"{"collect": ["device"], "user_keys": ["uid:1"], "directive": "collect"}"#;
        assert_eq!(
            judged(403, &problem("collection_not_permitted", details)).unwrap_err(),
            Refusal::NotPermitted {
                collect: Some(vec![Collect::Device]),
                user_keys: vec!["uid:1".into()]
            }
        );
    }

    #[test]
    fn who_does_not_speak_the_protocol_refuses_nothing() {
        for status in [301, 400, 401, 403, 407, 511] {
            for body in ["", "<html>Log in</html>", r#"{"error": "no"}"#] {
                assert!(matches!(judged(status, body), Err(Refusal::Away { .. })));
            }
        }
        assert!(judged(204, "").is_ok());
        let portal = judged(200, "<html>Log in</html>").unwrap();
        assert!(matches!(parse::<Config>(&portal), Err(Refusal::Away { .. })));
    }
}
