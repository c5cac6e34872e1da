//! Leaving the device without a trace, however often that is interrupted.
//!
//! A journal is written first; from then on every start goes on here and does nothing else. What was
//! gathered and what was told go first, then the last word is said, then the token goes, the service,
//! and at last the journal and its directory. The service outlives the last word so that a machine
//! that loses power amid all this starts the agent once more to end it.

use crate::cli::UninstallArgs;
use crate::env;
use crate::failure::Failure;
use crate::files;
use crate::output;
use crate::pace::{Contacts, Pace};
use crate::places::Places;
use crate::server::{Refusal, Server};
use crate::state::{self, Address, Enrollment, TOKEN};
use crate::transport::Target;
use crate::unit;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

/// How long the command tries to reach the server.
const COMMAND: Duration = Duration::from_secs(30);
/// What every start looks for.
const JOURNAL: &str = "uninstall.json";

/// All that is needed to end what was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    server: Address,
    installed: Vec<PathBuf>,
    /// Whether the server has heard the last word, or need not.
    said: bool,
}

/// `uninstall`: leaves by command. If the server is away, the service goes on trying.
pub(crate) async fn run(args: UninstallArgs) -> Result<(), Failure> {
    let places = args.places.places()?;
    if !places.state().is_dir() {
        return Err(Failure::Setting("there is nothing to uninstall".into()));
    }
    unit::stop(&places)
        .map_err(|error| Failure::Failed(format!("the service cannot be stopped: {error}")))?;
    let held = state::hold(&places)?;
    let journal = match (begun(&places)?, state::enrollment(&places)?) {
        (Some(journal), _) => journal,
        (None, Some((enrollment, _))) => begin(&places, &enrollment)?,
        (None, None) => begin_without_server(&places)?,
    };
    let journal = Journal { said: journal.said || args.without_server, ..journal };
    let pace = args.pace.pace();
    let finish = finish(&places, &journal, &pace);
    if let Ok(finished) = tokio::time::timeout(COMMAND, finish).await {
        finished?;
        let said = output::print("Uninstalled");
        return said.map_err(|error| Failure::Failed(format!("standard output: {error}")));
    }
    drop(held);
    let has_service = !journal.installed.is_empty() && places.is_machine();
    if has_service {
        unit::start(&places)?;
    }
    let then = if has_service { "the service goes on trying" } else { "run this again later" };
    let reason = format!("all data is removed, but the server could not be told: {then}");
    Err(Failure::Failed(reason + ", or add --without-server"))
}

/// What was begun; `None` if nothing was.
pub(crate) fn begun(places: &Places) -> Result<Option<Journal>, Failure> {
    state::read(places, JOURNAL)
}

/// Begins. From here there is no way back.
pub(crate) fn begin(places: &Places, enrollment: &Enrollment) -> Result<Journal, Failure> {
    let journal = Journal {
        server: enrollment.server.clone(),
        installed: enrollment.installed.clone(),
        said: false,
    };
    state::write(places, JOURNAL, &journal)?;
    Ok(journal)
}

/// An enrolment that was not finished: no server is to be told of it, but something may be installed.
fn begin_without_server(places: &Places) -> Result<Journal, Failure> {
    let server = Address { url: String::new(), ca: None, insecure_http: false };
    let installed = state::begun(places)?.map(|begun| begun.installed).unwrap_or_default();
    let journal = Journal { server, installed, said: true };
    state::write(places, JOURNAL, &journal)?;
    Ok(journal)
}

/// Removes everything but the journal, the token and the service.
pub(crate) fn remove_data(places: &Places) -> io::Result<()> {
    for entry in fs::read_dir(places.state())? {
        let entry = entry?;
        if entry.file_name() != JOURNAL && entry.file_name() != TOKEN {
            files::remove_all(&entry.path())?;
        }
    }
    Ok(())
}

/// Says the last word, until the server has heard it.
pub(crate) async fn say(places: &Places, journal: &Journal, pace: &Pace) -> Result<(), Failure> {
    let Some(token) = state::token(places)?.filter(|_| !journal.said) else { return Ok(()) };
    let server = Server::new(Target::new(&journal.server)?, Some(token));
    let mut contacts = Contacts::default();
    loop {
        let refusal = match server.uninstalled().await {
            // If the agent was killed after the word, the token died with it.
            Ok(()) | Err(Refusal::Unauthenticated) => return Ok(()),
            Err(refusal) => refusal,
        };
        let pause = env::jitter(contacts.failed(refusal.failed(), &pace.pauses()), 0.5, 1.0);
        let why = refusal.why();
        tracing::warn!(why, pause = pause.as_secs(), "the last word was not heard, again later");
        tokio::time::sleep(pause).await;
    }
}

/// The server has heard the last word, or need not: removes what is left.
pub(crate) fn end(places: &Places, journal: &Journal) -> Result<(), Failure> {
    let said = Journal { said: true, ..journal.clone() };
    state::write(places, JOURNAL, &said)?;
    let remove = || {
        files::remove(&places.state_file(TOKEN))?;
        unit::remove(places, &journal.installed)?;
        // What a kill left of writing either.
        remove_data(places)?;
        files::remove(&places.state_file(JOURNAL))?;
        match fs::remove_dir(places.state()) {
            // In a container it may be a mount.
            Err(error) if error.kind() == ErrorKind::ResourceBusy => Ok(()),
            removed => removed,
        }
    };
    remove().map_err(|error| Failure::file("removed", &places.state(), &error))
}

/// Ends what was begun, to the last.
pub(crate) async fn finish(places: &Places, journal: &Journal, pace: &Pace) -> Result<(), Failure> {
    remove_data(places).map_err(|error| Failure::file("removed", &places.state(), &error))?;
    say(places, journal, pace).await?;
    end(places, journal)?;
    tracing::info!("uninstalled");
    Ok(())
}
