//! The server: the protocol's calls, and what their answers mean for the agent.

use crate::env::{self, Millis};
use crate::transport::{Connection, Target};
use clientbook_agent_link::{Answer, Call, Method, Refused};
use clientbook_agent_protocol::pace::Failed;
use clientbook_agent_protocol::{
    CheckIn, Collect, Config, Enroll, Enrolled, Inventory, Logs, Usage, UsageAccepted, path,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
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

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let Refused { status, failed, told } = refused;
        let told = told.unwrap_or_default();
        match failed {
            Failed::Away { retry_after } => {
                Self::Away { why: format!("the server answers {status}"), retry_after }
            }
            Failed::ClientInactive => Self::ClientInactive,
            Failed::Unauthenticated => Self::Unauthenticated,
            Failed::NotPermitted => Self::NotPermitted {
                collect: told.details.collect,
                user_keys: told.details.user_keys,
            },
            Failed::Invalid => Self::Invalid(told.message.chars().take(200).collect()),
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
        let limit = Duration::from_secs(wait + 20);
        let call = match Call::new(Method::POST, path::CHECK_IN, check_in, limit) {
            Ok(call) => call,
            Err(why) => return (None, Err(Refusal::Invalid(why))),
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
        let heard = |answer: Answer| {
            let date = answer.date.as_deref().and_then(env::http_date);
            Ok((parse(&answer)?, date))
        };
        (connection, answer.and_then(heard))
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
                (left, answer.judge().map_err(Refusal::from))
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
        let call = Call::new(method, path, body, limit).map_err(Refusal::Invalid)?;
        self.on(None, &call).await.1
    }
}

fn parse<T: DeserializeOwned>(answer: &Answer) -> Result<T, Refusal> {
    let parsed = serde_json::from_slice(&answer.body);
    parsed.map_err(|_| Refusal::away("the answer is none of the protocol".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clientbook_agent_link::{Details, Told};

    fn refusal(failed: Failed, told: Option<Told>) -> Refusal {
        Refused { status: 418, failed, told }.into()
    }

    #[test]
    fn a_refusal_says_what_is_left() {
        let details =
            Details { collect: Some(vec![Collect::Device]), user_keys: vec!["uid:1".into()] };
        let told = Told { message: "m".repeat(1_000), details: details.clone(), ..Told::default() };
        assert_eq!(
            refusal(Failed::NotPermitted, Some(told.clone())),
            Refusal::NotPermitted { collect: details.collect, user_keys: details.user_keys }
        );
        assert_eq!(refusal(Failed::Invalid, Some(told)), Refusal::Invalid("m".repeat(200)));
    }

    #[test]
    fn a_portal_is_no_server() {
        let retry_after = Some(Duration::from_secs(7));
        let away = refusal(Failed::Away { retry_after }, None);
        assert_eq!(away, Refusal::Away { why: "the server answers 418".into(), retry_after });
        let body = b"<html>Log in</html>".as_slice().into();
        let portal = Answer { status: 200, retry_after: None, date: None, body };
        assert!(matches!(parse::<Config>(&portal), Err(Refusal::Away { .. })));
    }
}
