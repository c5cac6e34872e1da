//! The protocol's calls, counted, and what their answers mean for a device.

use super::figures::Figures;
use super::transport::{Connection, Target};
use crate::failure::Failure;
use clientbook_agent_link::{Answer, Call, Method, Refused};
use clientbook_agent_protocol::pace::Failed;
use clientbook_agent_protocol::{
    CheckIn, Config, Enroll, Enrolled, Inventory, Usage, UsageAccepted, path,
};
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;
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
    pub(super) async fn find(
        server: &Url,
        ca: Option<&str>,
        figures: Arc<Figures>,
    ) -> Result<Self, Failure> {
        let (name, target) = (server.to_string(), Target::new(server, ca).await?);
        Ok(Self { name, target, figures, calls: Semaphore::new(CALLS as usize) })
    }

    /// Its URL.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it can be connected to.
    pub(super) async fn reach(&self) -> Result<(), Failure> {
        let opened = self.target.connect(&self.figures).await;
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
        let call = Call::new(Method::POST, path::CHECK_IN, check_in, limit);
        let call = call.map_err(unsaid)?;
        let held = wait > 0;
        let reused = line.connection.is_some();
        let mut answer = self.on(line, token, &call, held).await;
        // A server closes a connection that it has not used for a while; then one more is tried.
        if reused && answer.is_err() && line.connection.is_none() {
            answer = self.on(line, token, &call, held).await;
        }
        let answer = answer.map_err(|why| self.unanswered(why))?;
        self.figures.check_ins.add(1);
        parse(&answer.judge()?)
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
            let connection = self.target.connect(&self.figures).await?;
            if std::mem::replace(&mut line.opened, true) {
                self.figures.reconnects.add(1);
            }
            connection
        };
        let begun = Instant::now();
        let answer = {
            let _held = held.then(|| self.figures.held());
            connection.call(self.target.base(), Some(token), call).await?
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
        let call = Call::new(method, path, &body(), LIMIT).map_err(unsaid)?;
        let asked = async {
            let mut connection = self.target.connect(&self.figures).await?;
            connection.call(self.target.base(), token, &call).await
        };
        let answer = asked.await.map_err(|why| self.unanswered(why))?;
        self.figures.answered(answer.status, Some(begun.elapsed()));
        Ok(answer.judge()?)
    }

    fn unanswered(&self, why: String) -> Refusal {
        self.figures.unanswered.add(1);
        unsaid(why)
    }
}

/// The connection of a device's check-ins.
#[derive(Default)]
pub(super) struct Line {
    connection: Option<Connection>,
    /// Whether there has been one.
    opened: bool,
}

/// There was no answer.
fn unsaid(why: String) -> Refusal {
    Refusal { failed: Failed::Away { retry_after: None }, status: 0, why }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let Refused { status, failed, told } = refused;
        let why = match told {
            Some(told) => {
                // The answer is someone else's text: it must not play with the terminal.
                let message = told.message.chars().take(300);
                let message: String =
                    message.map(|c| if c.is_control() { ' ' } else { c }).collect();
                format!("refused ({status}): {message}")
            }
            None => format!("answered {status}, not as a Clientbook server does"),
        };
        Self { failed, status, why }
    }
}

fn parse<T: DeserializeOwned>(answer: &Answer) -> Result<T, Refusal> {
    let parsed = serde_json::from_slice(&answer.body);
    let why = || "answered what is none of the protocol".to_owned();
    parsed.map_err(|_| Refusal { status: answer.status, ..unsaid(why()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clientbook_agent_link::Told;

    #[test]
    fn what_a_server_says_is_plain_text() {
        let told = Told { message: "a\u{1b}b".repeat(200), ..Told::default() };
        let refused = Refused { status: 400, failed: Failed::Invalid, told: Some(told) };
        assert_eq!(Refusal::from(refused).why, format!("refused (400): {}", "a b".repeat(100)));
    }

    #[test]
    fn who_is_no_server_is_told_as_such() {
        let failed = Failed::Away { retry_after: None };
        let refusal = Refusal::from(Refused { status: 401, failed, told: None });
        assert_eq!(refusal.failed, failed);
        assert!(refusal.why.contains("not as a Clientbook server"), "{refusal:?}");
    }
}
