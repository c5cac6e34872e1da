//! `clientbook agents simulate`: many devices' agents from one process, to see what a server carries.

mod agent;
mod figures;
mod kept;
mod plausible;
mod server;
mod show;
mod transport;

use crate::cli::Simulate;
use crate::failure::Failure;
use crate::signals::Signals;
use crate::{log, open_files, output, settings};
use agent::{Agent, Run};
use clientbook_app::Env;
use clientbook_model::secret::Secret;
use figures::{Figures, Snapshot};
use kept::{Kept, Place};
use reqwest::Url;
use server::{CALLS, Server};
use show::Show;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::future::pending;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep_until};

/// Files that are open beside the devices' connections.
const FILES: u32 = CALLS + 64;

/// What every enrolment token begins with.
const TOKEN_PREFIX: &str = "enroll_";

/// Simulates devices until the time is over, a signal comes, all have left or it cannot go on.
pub(crate) fn run(args: &Simulate) -> Result<ExitCode, Failure> {
    let server = settings::server(&args.server).map_err(Failure::Setting)?;
    let token = args.enrollment_token.as_deref().map(enrollment_token).transpose()?;
    if !settings::is_private(&server) {
        output::note("note: the tokens pass the network in clear; https would hide them");
    }
    let ca = args.ca.as_deref().map(certificates).transpose()?;
    files(args.count)?;
    log::start(settings::log_filter("warn").map_err(Failure::Setting)?);
    let runtime = crate::runtime()?;
    let signals = {
        let _context = runtime.enter();
        Signals::install()?
    };
    let all = runtime.block_on(simulate(args, &server, ca.as_deref(), token, signals));
    // Nobody waits for the devices that are left as they are.
    runtime.shutdown_background();
    let all = all?;
    let told = if args.json { output::json(&all) } else { show::summary(&all) };
    let unread = |error| Failure::Failed(format!("the figures could not be printed: {error}"));
    output::print(&told).map_err(unread)?;
    Ok(ExitCode::SUCCESS)
}

fn enrollment_token(text: &str) -> Result<Secret, Failure> {
    // It is a secret, so it is not repeated.
    if text.starts_with(TOKEN_PREFIX) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(text));
    }
    let why = "--enrollment-token (CLIENTBOOK_ENROLLMENT_TOKEN) is no enrolment token: those begin \
               with enroll_, and a client shows its own as enrollment_token";
    Err(Failure::Setting(why.into()))
}

/// What is in the file of `--ca`.
fn certificates(path: &Path) -> Result<String, Failure> {
    let read = || {
        // To open a named pipe is to wait for who writes to it.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
        }
        clientbook_agent_link::certificates(File::open(path)?)
    };
    let unread = |error| Failure::Failed(format!("{} cannot be read: {error}", path.display()));
    let wrong = || Failure::Setting(format!("--ca {}: more than 1 MiB", path.display()));
    read().map_err(unread)?.ok_or_else(wrong)
}

/// Room for a connection of each device, before anything is done.
fn files(devices: u32) -> Result<(), Failure> {
    let wanted = u64::from(devices) + u64::from(FILES);
    open_files::raise(wanted).map_err(|most| {
        Failure::Setting(format!(
            "--count (CLIENTBOOK_COUNT) is {devices}, for which {wanted} files must be open at a \
             time, but this process may have {most}: raise the limit (ulimit -Hn), or take fewer \
             devices"
        ))
    })
}

async fn simulate(
    args: &Simulate,
    server: &Url,
    ca: Option<&str>,
    token: Option<Secret>,
    signals: Signals,
) -> Result<Snapshot, Failure> {
    let figures = Figures::new(args.count).map_err(|error| Failure::Failed(error.to_string()))?;
    let figures = Arc::new(figures);
    let place = Place { server: server.to_string(), prefix: args.prefix.clone() };
    let kept = args.state.as_deref().map(|path| Kept::open(path, &place)).transpose()?;
    let (kept, mut tokens) =
        kept.map_or((None, BTreeMap::new()), |(kept, tokens)| (Some(kept), tokens));
    if token.is_none() && (0..args.count).any(|number| !tokens.contains_key(&number)) {
        let why = "--enrollment-token (CLIENTBOOK_ENROLLMENT_TOKEN) is missing: set it to an \
                   enrolment token of the client that the devices are to join";
        return Err(Failure::Setting(why.into()));
    }
    let server = Server::find(server, ca, Arc::clone(&figures)).await?;
    server.reach().await?;
    let (failures, failed) = mpsc::channel(1);
    let run = Arc::new(Run {
        server,
        figures: Arc::clone(&figures),
        env: Env::system(),
        prefix: args.prefix.clone(),
        enrollment_token: token,
        per_second: args.per_second,
        pace: args.pace,
        kept,
        leave: args.leave,
        failures,
    });
    let (end, ended) = watch::channel(false);
    let mut devices = JoinSet::new();
    for number in 0..args.count {
        let device = Agent::new(Arc::clone(&run), number, tokens.remove(&number));
        devices.spawn(device.live(ended.clone()));
    }
    let (figures, show) = (Arc::clone(&figures), Show::begin());
    let mut watch = Watch { devices, figures, show, failed, signals };
    let outcome = watch.over(args.duration.map(|time| Instant::now() + time)).await;
    let last = watch.figures.now();
    // An error says that all have ended already.
    let _all_ended = end.send(true);
    let outcome = if args.leave { outcome.and(watch.over(None).await) } else { outcome };
    watch.devices.shutdown().await;
    watch.show.end();
    outcome?;
    Ok(Snapshot {
        seconds: last.seconds,
        check_ins_per_second: last.check_ins_per_second,
        waiting: last.waiting,
        modes: last.modes,
        ..watch.figures.now()
    })
}

/// Devices that are simulated, and who looks on.
struct Watch {
    devices: JoinSet<()>,
    figures: Arc<Figures>,
    show: Show,
    failed: mpsc::Receiver<Failure>,
    signals: Signals,
}

impl Watch {
    /// Shows figures until every device has ended, the time is over or a signal comes. An error if a
    /// device says that the run cannot go on.
    async fn over(&mut self, until: Option<Instant>) -> Result<(), Failure> {
        let every = self.show.every();
        let mut tick = interval_at(Instant::now() + every, every);
        let time_is_over = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => pending().await,
            }
        };
        tokio::pin!(time_is_over);
        loop {
            tokio::select! {
                biased;
                Some(failure) = self.failed.recv() => return Err(failure),
                ended = self.devices.join_next() => match ended {
                    None => return Ok(()),
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        return Err(Failure::Failed(format!("a device broke: {error}")));
                    }
                },
                _signal = self.signals.next() => return Ok(()),
                () = &mut time_is_over => return Ok(()),
                _ = tick.tick() => self.show.update(&self.figures.now()),
            }
        }
    }
}
