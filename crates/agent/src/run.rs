//! `run`: waits for what happens next, and lets the agent make of it what it will.

use crate::agent::{Agent, Contact, Contacted, Next, Sending, Upload};
use crate::cli::RunArgs;
use crate::failure::Failure;
use crate::gather::{Found, Gatherer, Order};
use crate::log;
use crate::pace::Pace;
use crate::places::Places;
use crate::server::Refusal;
use crate::signals::Signals;
use crate::state;
use crate::uninstall;
use std::fs;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep_until};

/// How long a look that was told to stop may take to do so.
const LOOK_ENDS: Duration = Duration::from_secs(10);

/// Does the agent's work.
pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    let ring = log::start(args.log);
    let mut signals = Signals::install()?;
    let (places, pace) = (args.places.places()?, args.pace.pace());
    let not_enrolled = || Failure::Setting("this device is not enrolled: enroll it first".into());
    if !places.state().is_dir() {
        return Err(not_enrolled());
    }
    let _held = state::hold(&places)?;
    if let Some(journal) = uninstall::begun(&places)? {
        return leave(&places, &journal, &pace, &mut signals).await;
    }
    let Some((enrollment, token)) = state::enrollment(&places)? else {
        // All that a kill at the very end of an uninstallation leaves. It is not empty otherwise, and
        // then it stays.
        let _stays = fs::remove_dir(places.state());
        return Err(not_enrolled());
    };
    let mut agent = Agent::start(places, enrollment, token, pace, ring)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    let gatherer = Some(agent.gatherer());
    let mut work = Work { contact: None, upload: None, upload_since: None, gatherer, job: None };
    loop {
        match work.step(&mut agent, &mut signals).await? {
            Step::Next => {}
            Step::Signal(name) => {
                tracing::info!(name, "stopping");
                return agent.stop();
            }
            Step::Uninstall => {
                tracing::info!("told to uninstall");
                let journal = uninstall::begin(&agent.places, &agent.enrollment)?;
                let (places, pace) = (agent.places.clone(), agent.pace.clone());
                work.end().await;
                // With it end the records that were not spooled.
                drop(agent);
                return leave(&places, &journal, &pace, &mut signals).await;
            }
        }
    }
}

async fn leave(
    places: &Places,
    journal: &uninstall::Journal,
    pace: &Pace,
    signals: &mut Signals,
) -> Result<(), Failure> {
    tokio::select! {
        left = uninstall::finish(places, journal, pace) => left,
        // The next start goes on.
        _ = signals.next() => Ok(()),
    }
}

/// What is under way.
struct Work {
    contact: Option<Contact>,
    upload: Option<Upload>,
    upload_since: Option<Instant>,
    /// Here unless it works.
    gatherer: Option<Gatherer>,
    job: Option<Job>,
}

/// A look at the device.
struct Job {
    handle: JoinHandle<(Gatherer, Found)>,
    stop: Arc<AtomicBool>,
}

enum Step {
    Next,
    Signal(&'static str),
    Uninstall,
}

/// A look that has ended.
type Worked = Result<(Gatherer, Found), JoinError>;

enum Event {
    Signal(&'static str),
    Contacted(Contacted),
    Uploaded(Sending, Result<(), Refusal>),
    Found(Box<Worked>, bool),
    Time,
}

impl Work {
    async fn step(&mut self, agent: &mut Agent, signals: &mut Signals) -> Result<Step, Failure> {
        self.begin(agent)?;
        let event = self.wait(agent, signals).await;
        // Before anything is taken in that was found by a clock that was set meanwhile.
        let changed = agent.expire()?;
        if changed {
            self.stop();
        }
        match event {
            Event::Time => {}
            Event::Signal(name) => return Ok(Step::Signal(name)),
            Event::Contacted(contacted) => match agent.contacted(contacted)? {
                Next::GoOn => {}
                Next::Stop => self.stop(),
                Next::Uninstall => return Ok(Step::Uninstall),
            },
            Event::Uploaded(sent, answer) => {
                agent.uploaded(sent, answer)?;
                if agent.is_in_doubt() {
                    // One that is held says what may not be said.
                    self.contact = None;
                }
            }
            Event::Found(worked, stopped) => self.found(agent, *worked, stopped || changed)?,
        }
        Ok(Step::Next)
    }

    /// Begins what is due. Something is sent only while no check-in is under way; only if it takes
    /// long does a check-in go beside it.
    fn begin(&mut self, agent: &mut Agent) -> Result<(), Failure> {
        let now = Instant::now();
        if agent.expire()? {
            self.stop();
        }
        if self.job.is_none()
            && let Some(order) = agent.order(now)
        {
            self.look(order);
        }
        if self.upload.is_none() && self.contact.is_none() {
            self.upload = agent.upload()?;
            self.upload_since = self.upload.is_some().then_some(now);
            agent.ask_sooner();
        }
        if self.contact.is_none() && now >= self.contact_at(agent) {
            self.contact = Some(agent.contact(self.upload.is_some()));
        }
        Ok(())
    }

    fn contact_at(&self, agent: &Agent) -> Instant {
        let contact_at = agent.contact_at(self.job.is_some());
        self.upload_since.map_or(contact_at, |since| contact_at.max(since + agent.pace.alone))
    }

    async fn wait(&mut self, agent: &Agent, signals: &mut Signals) -> Event {
        let contact_at = self.contact.is_none().then(|| self.contact_at(agent));
        let order_at = agent.order_at().filter(|_| self.job.is_none());
        tokio::select! {
            biased;
            name = signals.next() => Event::Signal(name),
            contacted = maybe(self.contact.as_mut()) => {
                self.contact = None;
                Event::Contacted(contacted)
            }
            answer = maybe(self.upload.as_mut().map(|upload| &mut upload.answer)) => {
                self.upload_since = None;
                match self.upload.take() {
                    Some(upload) => Event::Uploaded(upload.sent, answer),
                    None => Event::Time,
                }
            }
            worked = maybe(self.job.as_mut().map(|job| &mut job.handle)) => {
                let stopped = self.job.take().is_none_or(|job| job.stop.load(Ordering::Relaxed));
                Event::Found(Box::new(worked), stopped)
            }
            () = at(contact_at) => Event::Time,
            () = at(order_at) => Event::Time,
        }
    }

    fn look(&mut self, order: Order) {
        let Some(mut gatherer) = self.gatherer.take() else { return };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let handle = tokio::task::spawn_blocking(move || {
            let found = gatherer.work(&order, &stopped);
            (gatherer, found)
        });
        self.job = Some(Job { handle, stop });
    }

    /// Takes in what a look found, unless it was told to stop meanwhile: then it may hold what is not
    /// permitted any more.
    fn found(&mut self, agent: &mut Agent, worked: Worked, stopped: bool) -> Result<(), Failure> {
        let (mut gatherer, found) = match worked {
            Ok(worked) => worked,
            // The log has where it panicked.
            Err(_) => (agent.gatherer(), Found::default()),
        };
        if stopped {
            gatherer.forget();
        } else if agent.found(found, Instant::now())? {
            // A check-in that is held tells the server of nobody who comes or goes, and nothing is
            // sent beside it.
            self.contact = None;
        }
        self.gatherer = Some(gatherer);
        Ok(())
    }

    /// Ends all that is under way. A look that goes on would write to what is about to be removed.
    async fn end(mut self) {
        self.stop();
        if let Some(job) = self.job.take() {
            // How it ended does not matter any more.
            let _ended = tokio::time::timeout(LOOK_ENDS, job.handle).await;
        }
    }

    /// Ends what is being gathered and sent.
    fn stop(&mut self) {
        self.upload = None;
        self.upload_since = None;
        if let Some(job) = &self.job {
            job.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn maybe<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}
