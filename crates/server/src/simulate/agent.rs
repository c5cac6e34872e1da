//! One device's agent: it joins, asks what to do, hands over what it may, and goes when it is told to.
//! When it does what is as in `clientbook-agent`.

use super::figures::{self, Figures};
use super::kept::Kept;
use super::plausible::{Kinds, Made};
use super::server::{Line, Refusal, Server};
use crate::failure::Failure;
use clientbook_agent_protocol::pace::{self, Contacts, Failed, Pauses};
use clientbook_agent_protocol::{
    CheckIn, Collect, Config, Directive, Enroll, Inventory, Usage, limits,
};
use clientbook_app::Env;
use clientbook_model::secret::Secret;
use clientbook_model::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// After a call that failed, what is gathered waits at least so long.
const PAUSE: Duration = Duration::from_secs(20);

/// Stretches of usage that one call holds.
const STRETCHES: usize = 5;

/// How long a device tries to say its last word once the run ends.
const GOODBYE: Duration = Duration::from_secs(30);

const CHECK_TOKEN: &str = "; check the enrolment token: it may be unknown, spent, revoked or expired, \
                           or its client inactive or deleted";

/// What all devices of a run share.
pub(super) struct Run {
    pub(super) server: Server,
    pub(super) figures: Arc<Figures>,
    pub(super) env: Env,
    pub(super) prefix: String,
    pub(super) enrollment_token: Option<Secret>,
    /// Devices that start in a second.
    pub(super) per_second: u32,
    /// How many times as often as an ordinary agent's is what is used told and a check-in answered.
    pub(super) pace: u32,
    pub(super) kept: Option<Kept>,
    /// Whether devices say their last word when the run ends.
    pub(super) leave: bool,
    /// What ends the run: the first one counts.
    pub(super) failures: mpsc::Sender<Failure>,
}

/// A device.
pub(super) struct Agent {
    run: Arc<Run>,
    number: u32,
    token: Option<String>,
    /// The token is of a run before, and the server has not been asked yet whether it works.
    doubtful: bool,
    line: Line,
    contacts: Contacts,
    version: Option<String>,
    mode: Option<&'static str>,
    permits: Permits,
    /// The last check-in succeeded: what may be sent is known.
    confirmed: bool,
    /// The inventory is to be looked at.
    due: bool,
    sent: Sent,
    /// From when on usage has not been told yet.
    since: Option<Timestamp>,
    uploads_at: Instant,
}

/// What the server has of the inventory.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    device: bool,
    software: bool,
}

/// What may be collected. The default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Permits {
    device: bool,
    software: bool,
    usage: Kinds,
    /// The device's user is one whose usage is collected.
    user: bool,
}

/// What comes after a step.
enum Next {
    After(Duration),
    Gone,
}

impl Agent {
    pub(super) fn new(run: Arc<Run>, number: u32, token: Option<String>) -> Self {
        Self {
            run,
            number,
            doubtful: token.is_some(),
            token,
            line: Line::default(),
            contacts: Contacts::default(),
            version: None,
            mode: None,
            permits: Permits::default(),
            confirmed: false,
            due: true,
            sent: Sent::default(),
            since: None,
            uploads_at: Instant::now(),
        }
    }

    /// Lives until it is told to go, or the run ends.
    pub(super) async fn live(mut self, mut ended: watch::Receiver<bool>) {
        tokio::select! {
            () = self.work() => return,
            // It changes once. An error says that nobody can end it any more, which ends it.
            _changed = ended.changed() => {}
        }
        if self.run.leave && self.token.is_some() {
            // What held the check-in goes with its connection.
            self.line = Line::default();
            // Those who could not are told in the summary: they have not gone.
            let _said = timeout(GOODBYE, self.uninstall()).await;
        }
    }

    async fn work(&mut self) {
        sleep(Duration::from_secs(self.number.into()) / self.run.per_second).await;
        loop {
            let next = match self.token.clone() {
                None => self.enroll().await,
                Some(token) => self.check_in(&token).await,
            };
            match next {
                Next::After(pause) => sleep(pause).await,
                Next::Gone => return,
            }
        }
    }

    fn made(&self) -> Made<'_> {
        Made { prefix: &self.run.prefix, number: self.number }
    }

    /// Somewhere between `low` and `high` hundredths of `duration`.
    fn jitter(&self, duration: Duration, low: u32, high: u32) -> Duration {
        let drawn = u16::from_be_bytes(self.run.env.bytes());
        let hundredths = f64::from(low) + f64::from(high - low) * f64::from(drawn) / 65_535.0;
        duration.mul_f64(hundredths / 100.0)
    }

    async fn enroll(&mut self) -> Next {
        let run = Arc::clone(&self.run);
        let Some(secret) = &run.enrollment_token else {
            // Asked for before the run, where a device lacks a token.
            return self.fail("an enrolment token is missing");
        };
        let enrollment_token = secret.expose().to_owned();
        let enroll = Enroll { enrollment_token, device: self.made().device() };
        match run.server.enroll(&enroll).await {
            Ok(enrolled) => {
                run.figures.enrolled.add(1);
                if let Some(kept) = &run.kept
                    && let Err(why) = kept.joined(self.number, &enrolled.device_token)
                {
                    return self.fail(&why);
                }
                self.contacts = Contacts::default();
                self.token = Some(enrolled.device_token);
                self.obey(&enrolled.check_in);
                Next::After(Duration::ZERO)
            }
            Err(refusal) => self.not_enrolled(&refusal),
        }
    }

    fn not_enrolled(&mut self, refusal: &Refusal) -> Next {
        let check = match refusal.failed {
            Failed::Unauthenticated => CHECK_TOKEN,
            Failed::Invalid | Failed::NotPermitted | Failed::ClientInactive => "",
            // Somebody else's answer, or that of a path that is none.
            Failed::Away { .. }
                if (300..500).contains(&refusal.status) && refusal.status != 429 =>
            {
                "; check --server (CLIENTBOOK_SERVER)"
            }
            Failed::Away { .. } => return Next::After(self.pause(refusal)),
        };
        self.fail(&format!("{} {}{check}", self.run.server.name(), refusal.why))
    }

    /// Ends the run.
    fn fail(&self, why: &str) -> Next {
        let joined = self.run.figures.now().enrolled;
        let told = format!("{why} ({joined} devices had joined)");
        // Another one may have been first.
        let _first = self.run.failures.try_send(Failure::Failed(told));
        Next::Gone
    }

    /// How long to wait after a refusal.
    fn pause(&mut self, refusal: &Refusal) -> Duration {
        self.run.figures.failed(&refusal.why);
        let pause = self.contacts.failed(refusal.failed, &Pauses::ORDINARY);
        match refusal.failed {
            Failed::Away { .. } => self.jitter(pause, 50, 100),
            _ => self.jitter(pause, 90, 110),
        }
    }

    async fn check_in(&mut self, token: &str) -> Next {
        let run = Arc::clone(&self.run);
        // The first one after a start or a failure says nothing that a mode could forbid.
        let wait = if self.confirmed {
            self.jitter(pace::WAIT / run.pace, 85, 100).max(Duration::from_secs(1))
        } else {
            Duration::ZERO
        };
        let wait = u8::try_from(wait.as_secs()).unwrap_or(limits::WAIT_SECONDS);
        let waited_for = Duration::from_secs(wait.into());
        let tells_users = self.confirmed && self.permits.usage.any();
        let told = CheckIn {
            agent_version: env!("CARGO_PKG_VERSION").into(),
            config_version: self.version.clone(),
            users: tells_users.then(|| vec![self.made().user()]),
            deployment_errors: None,
            wait_seconds: Some(wait),
        };
        let begun = Instant::now();
        match run.server.check_in(&mut self.line, token, &told).await {
            Ok(config) => self.heard(token, &config, waited_for, begun.elapsed()).await,
            Err(refusal) => self.not_heard(&refusal),
        }
    }

    async fn heard(
        &mut self,
        token: &str,
        config: &Config,
        waited_for: Duration,
        took: Duration,
    ) -> Next {
        let news = self.version.as_ref() != Some(&config.config_version);
        let asked = Duration::from_secs(u64::from(config.next_check_in_seconds));
        let pause = self.contacts.answered(news, took, waited_for, asked);
        self.confirmed = true;
        if std::mem::take(&mut self.doubtful) {
            self.run.figures.taken_up.add(1);
        }
        self.obey(config);
        if config.directive == Directive::Uninstall {
            self.uninstall().await;
            return Next::Gone;
        }
        let next = Instant::now() + self.jitter(pause, 90, 110);
        if let Err(refusal) = self.hand_over(token).await {
            self.not_handed_over(&refusal);
        }
        if !self.confirmed {
            return Next::After(Duration::ZERO);
        }
        Next::After(next.saturating_duration_since(Instant::now()))
    }

    /// From now on what this directive lists may be collected; what it forbids is thrown away.
    fn obey(&mut self, config: &Config) {
        let mode = figures::mode(&config.effective_mode);
        self.run.figures.moved(self.mode, Some(mode));
        self.mode = Some(mode);
        self.version = Some(config.config_version.clone());
        let collects =
            |kind| config.directive == Directive::Collect && config.collect.contains(&kind);
        let key = self.made().user().user_key;
        let permits = Permits {
            device: collects(Collect::Device),
            software: collects(Collect::Software),
            usage: Kinds {
                applications: collects(Collect::AppUsage),
                domains: collects(Collect::WebUsage),
            },
            user: config.users.iter().any(|user| user.collect && user.user_key == key),
        };
        if permits != self.permits {
            self.permits = permits;
            self.due = true;
            let collects = permits.user && permits.usage.any();
            self.since = collects.then(|| self.run.env.now());
        }
    }

    fn not_heard(&mut self, refusal: &Refusal) -> Next {
        self.confirmed = false;
        if matches!(refusal.failed, Failed::ClientInactive | Failed::Unauthenticated) {
            self.run.figures.moved(self.mode.take(), None);
            self.permits = Permits::default();
            self.since = None;
        }
        // Of a run before, and replaced or taken back since.
        let again = self.doubtful && refusal.failed == Failed::Unauthenticated;
        if again && self.run.enrollment_token.is_some() {
            (self.token, self.doubtful) = (None, false);
            return Next::After(Duration::ZERO);
        }
        Next::After(self.pause(refusal))
    }

    /// Hands over what may be, once the server has just said what.
    async fn hand_over(&mut self, token: &str) -> Result<(), Refusal> {
        if Instant::now() < self.uploads_at {
            return Ok(());
        }
        let run = Arc::clone(&self.run);
        if self.due {
            let device = self.permits.device && !self.sent.device;
            let software = self.permits.software && !self.sent.software;
            if device || software {
                let made = self.made();
                let inventory = || Inventory {
                    device: device.then(|| made.device()),
                    software: software.then(|| made.software()),
                };
                run.server.inventory(token, inventory).await?;
                self.sent.device |= device;
                self.sent.software |= software;
            }
            self.due = false;
        }
        while let Some((usage, until)) = self.used() {
            run.server.usage(token, &usage).await?;
            self.since = Some(until);
        }
        Ok(())
    }

    /// What was used and is not told yet, a few stretches of it, and until when; `None` before a
    /// stretch is over.
    fn used(&self) -> Option<(Usage, Timestamp)> {
        let stretch = i64::try_from((pace::WINDOW / self.run.pace).as_millis()).ok()?;
        let now = self.run.env.now();
        let (mut since, mut usage) = (self.since?, Usage::default());
        for _ in 0..STRETCHES {
            let until = Timestamp::clamped(since.millis() + stretch);
            if until > now {
                break;
            }
            let used = self.made().usage(&self.run.env, since, until, self.permits.usage);
            usage.records.extend(used.records);
            since = until;
        }
        (!usage.records.is_empty()).then_some((usage, since))
    }

    fn not_handed_over(&mut self, refusal: &Refusal) {
        self.run.figures.failed(&refusal.why);
        match refusal.failed {
            Failed::Away { retry_after } => {
                let pause = retry_after.unwrap_or(PAUSE).clamp(PAUSE, Duration::from_hours(1));
                self.uploads_at = Instant::now() + self.jitter(pause, 50, 100);
            }
            // It is dropped. Sent again, it would be refused again.
            Failed::Invalid => self.drop_gathered(),
            Failed::NotPermitted => {
                self.drop_gathered();
                self.confirmed = false;
            }
            Failed::ClientInactive | Failed::Unauthenticated => self.confirmed = false,
        }
    }

    fn drop_gathered(&mut self) {
        self.due = false;
        self.since = self.since.map(|_| self.run.env.now());
    }

    /// Says the last word for as long as it takes. Where the token is none any more, it was said.
    async fn uninstall(&mut self) {
        let Some(token) = self.token.clone() else { return };
        let run = Arc::clone(&self.run);
        loop {
            match run.server.uninstalled(&token).await {
                Ok(()) => break,
                Err(refusal) if refusal.failed == Failed::Unauthenticated => break,
                Err(refusal) => {
                    let pause = self.pause(&refusal);
                    sleep(pause).await;
                }
            }
        }
        self.token = None;
        run.figures.gone.add(1);
        run.figures.moved(self.mode.take(), None);
        if let Some(kept) = &run.kept
            && let Err(why) = kept.left(self.number)
        {
            self.fail(&why);
        }
    }
}
