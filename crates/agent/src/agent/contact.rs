//! Checking in: what is said, and what the answer changes.

use super::{Agent, Kind};
use crate::env;
use crate::failure::Failure;
use crate::permits::Permits;
use crate::server::Refusal;
use crate::state;
use crate::transport::Connection;
use clientbook_agent_protocol::{CheckIn, Config, DeploymentError, Directive};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// A directive is kept this often, in milliseconds, even if it is the same: its age counts.
const KEEP_EVERY: env::Millis = 3_600_000;
/// How long after an answer something may still be sent without asking anew.
const FRESH: Duration = Duration::from_mins(1);

/// How far the device's clock may be from the server's, in milliseconds. The server takes no usage that
/// is further ahead.
const CLOCKS_DIFFER: env::Millis = 600_000;

/// How long a check-in waits for the first look.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// A check-in under way.
pub(crate) type Contact = Pin<Box<dyn Future<Output = Contacted>>>;

/// A check-in that has ended.
pub(crate) struct Contacted {
    connection: Option<Connection>,
    answer: Result<(Config, Option<env::Millis>), Refusal>,
    errors: Option<Vec<DeploymentError>>,
    waited_for: Duration,
    took: Duration,
}

/// What to do after an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing has changed.
    GoOn,
    /// Something else is permitted than before: what is being gathered and sent stops.
    Stop,
    /// Leave the device.
    Uninstall,
}

impl Agent {
    /// Begins a check-in.
    ///
    /// The first one after a start or a failure says nothing that a mode could forbid, and is not
    /// held: what may be said is known only after it.
    /// Nor is one that an inventory is to follow, unless something is being sent already.
    pub(crate) fn contact(&mut self, sends: bool) -> Contact {
        let hurries = !sends && self.has_inventory() && self.uploads_at <= Instant::now();
        let holds = self.confirmed && !hurries;
        let wait = if holds { env::jitter(self.pace.wait, 0.85, 1.0) } else { Duration::ZERO };
        let usage = self.confirmed && self.gathers().usage();
        let errors = self.all_errors();
        let tell = self.confirmed && self.gathers().anything() && errors != self.errors_told;
        let check_in = CheckIn {
            agent_version: env!("CARGO_PKG_VERSION").into(),
            config_version: self.told.version().map(str::to_owned),
            users: self.users.clone().filter(|_| usage),
            deployment_errors: tell.then(|| errors.clone()),
            wait_seconds: Some(u8::try_from(wait.as_secs()).unwrap_or(0)),
        };
        let waited_for = Duration::from_secs(wait.as_secs());
        let (server, connection) = (self.server.clone(), self.connection.take());
        Box::pin(async move {
            let begun = Instant::now();
            let (connection, answer) = server.check_in(connection, &check_in).await;
            let errors = tell.then_some(errors);
            Contacted { connection, answer, errors, waited_for, took: begun.elapsed() }
        })
    }

    /// When to check in next. If `looks`, a look at the device is under way; should it be the first
    /// that tells who has a session, it is waited for, though not for long.
    pub(crate) fn contact_at(&self, looks: bool) -> Instant {
        let lacks_users = self.confirmed && self.gathers().usage() && self.users.is_none();
        let until = self.answered_at + FIRST_LOOK;
        if looks && lacks_users { self.contact_at.max(until) } else { self.contact_at }
    }

    /// Takes in the answer to a check-in.
    pub(crate) fn contacted(&mut self, contacted: Contacted) -> Result<Next, Failure> {
        let Contacted { connection, answer, errors, waited_for, took } = contacted;
        self.connection = connection;
        self.answered_at = Instant::now();
        let next = match answer {
            Ok((config, date)) => {
                if let Some(errors) = errors {
                    self.errors_told = errors;
                }
                let differs = date.is_some_and(|date| self.compare_clocks(date, env::now()));
                match self.heard(config, waited_for, took)? {
                    Next::GoOn if differs => Next::Stop,
                    next => next,
                }
            }
            Err(refusal) => self.not_heard(&refusal)?,
        };
        self.status.contacted(&self.places, &self.told, self.spool.bytes());
        Ok(next)
    }

    /// Usage that was stamped by a wrong clock would be of times that nobody permitted, or that are
    /// yet to come. True if the clock has become wrong or right.
    fn compare_clocks(&mut self, date: env::Millis, now: env::Millis) -> bool {
        let is_off = (now - date).abs() > CLOCKS_DIFFER;
        if is_off == self.clock_is_off {
            return false;
        }
        self.clock_is_off = is_off;
        let message = "the clock is not the server's: no usage is gathered";
        if is_off {
            tracing::warn!("{message}");
        } else {
            tracing::info!("the clock is the server's again");
        }
        let error = || DeploymentError { code: "clock_wrong".into(), message: message.into() };
        self.errors.insert("clock", is_off.then(error).into_iter().collect());
        self.clock_was_set(0, now);
        true
    }

    fn heard(
        &mut self,
        config: Config,
        waited_for: Duration,
        took: Duration,
    ) -> Result<Next, Failure> {
        if self.contacts.is_failing() {
            tracing::info!("the server answers again");
        }
        let first = !self.confirmed;
        let news = self.told.config.as_ref().is_none_or(|before| {
            // How often to ask is no news.
            let next_check_in_seconds = config.next_check_in_seconds;
            Config { next_check_in_seconds, ..before.clone() } != config
        });
        let asked = Duration::from_secs(u64::from(config.next_check_in_seconds));
        let pause = self.contacts.answered(news, took, waited_for, asked);
        self.contact_at = Instant::now() + env::jitter(pause, 0.9, 1.1);
        self.confirmed = true;
        let resumes = std::mem::take(&mut self.refused);
        self.status.answered(env::now());
        let now = env::now();
        if news {
            let Config { effective_mode, directive, .. } = &config;
            tracing::info!(effective_mode, ?directive, "the server says what to do");
        }
        self.told.hear(config, now);
        if self.told.config.as_ref().is_some_and(|it| it.directive == Directive::Uninstall) {
            return Ok(Next::Uninstall);
        }
        let changed = self.permit(self.told.permits(now))?;
        if news || resumes || (now - self.kept_at).abs() > KEEP_EVERY {
            self.keep_told(now);
        }
        if first {
            // What waited for the server to be back.
            self.uploads_at = Instant::now();
        }
        Ok(if changed || news || resumes { Next::Stop } else { Next::GoOn })
    }

    /// Keeps what was said for the next start. Where the disk is full it is obeyed all the same, and
    /// the next start asks before it does anything.
    fn keep_told(&mut self, at: env::Millis) {
        match state::keep_told(&self.places, &self.told) {
            Ok(()) => self.kept_at = at,
            Err(error) => tracing::error!(?error, "what the server said could not be kept"),
        }
    }

    fn not_heard(&mut self, refusal: &Refusal) -> Result<Next, Failure> {
        let pause = self.contacts.failed(refusal.failed(), &self.pace.pauses());
        let pause = match refusal {
            Refusal::Away { .. } => env::jitter(pause, 0.5, 1.0),
            _ => env::jitter(pause, 0.9, 1.1),
        };
        self.contact_at = Instant::now() + pause;
        self.confirmed = false;
        self.errors_told.clear();
        let why = refusal.why();
        tracing::warn!(why, pause = pause.as_secs(), "no check-in, again later");
        self.status.refused(&why);
        if matches!(refusal, Refusal::ClientInactive | Refusal::Unauthenticated) {
            // What was used until now was permitted.
            self.stop()?;
            self.told.count_no_more();
            self.keep_told(self.told.at);
            self.users = None;
            self.looked_at = None;
            self.refused = true;
            return Ok(Next::Stop);
        }
        Ok(if matches!(refusal, Refusal::NotPermitted { .. }) { Next::Stop } else { Next::GoOn })
    }

    /// What may be sent is not known any more: the next check-in comes at once and says nothing that
    /// could be forbidden.
    pub(super) fn doubt(&mut self) {
        self.confirmed = false;
        self.contact_at = self.contact_at.min(Instant::now());
    }

    /// Whether the next check-in is to find out what may be said.
    pub(crate) fn is_in_doubt(&self) -> bool {
        !self.confirmed
    }

    /// Whether something may be sent now: the server has just said what.
    pub(super) fn may_send(&self) -> bool {
        self.confirmed && !self.refused && self.answered_at.elapsed() < FRESH
    }

    /// Something waits to be sent, and the server has not said for a while whether it may.
    pub(crate) fn ask_sooner(&mut self) {
        let waits = self.permits != Permits::default() && self.uploads_at <= Instant::now();
        let stale = self.confirmed && self.answered_at.elapsed() >= FRESH;
        if waits && stale && self.next_kind().is_some_and(|kind| kind != Kind::Logs) {
            self.contact_at = Instant::now();
        }
    }
}
