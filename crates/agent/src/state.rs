//! What the agent knows from one start to the next: where it enrolled, its token, and the last
//! directive.

use crate::env::Millis;
use crate::failure::Failure;
use crate::files;
use crate::permits::Permits;
use crate::places::Places;
use clientbook_agent_protocol::{Collect, Config};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;

const ENROLLMENT: &str = "agent.json";
/// The device token.
pub(crate) const TOKEN: &str = "token";
const TOLD: &str = "directive.json";

/// How long a directive holds without a word from the server, in milliseconds: 7 days. Then nothing
/// is gathered until there is one.
const TOLD_FOR: Millis = 7 * 24 * 3_600_000;

/// Where this device has enrolled, and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Enrollment {
    pub(crate) server: Address,
    pub(crate) device_id: String,
    /// What the device was known by when it enrolled.
    pub(crate) unique_key: String,
    /// The browser extension's id, by browser.
    #[serde(default)]
    pub(crate) extensions: ExtensionIds,
    /// What the installation put in place: removed with the agent.
    #[serde(default)]
    pub(crate) installed: Vec<PathBuf>,
}

/// How the server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    /// `https://…`, or `http://…` where that was allowed.
    pub(crate) url: String,
    /// Certificates to trust beside the system's, as PEM: the file they came from may go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<String>,
    /// Whether `http` may lead to other machines.
    #[serde(default)]
    pub(crate) insecure_http: bool,
}

/// What the browser extension is called, by browser.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExtensionIds {
    pub(crate) chrome: Option<String>,
    pub(crate) edge: Option<String>,
    pub(crate) firefox: Option<String>,
}

/// The last directive.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    /// What the server said; `None` before it said anything.
    pub(crate) config: Option<Config>,
    /// When it last said so.
    pub(crate) at: Millis,
    /// Since when the visits of a user may be counted: earlier ones are never, even if the history
    /// still has them.
    pub(crate) web_since: BTreeMap<String, Millis>,
}

impl Told {
    /// Has visits count from `now` on: what came before may be of a time in which they might not,
    /// as nobody was there to hear it.
    pub(crate) fn count_from(&mut self, now: Millis) {
        let permits = self.permits(now);
        self.web_since =
            permits.users(Collect::WebUsage).map(|key| (key.to_owned(), now)).collect();
    }

    /// The client is suspended, or the directive has ended: visits count again from the moment that
    /// the server says so.
    pub(crate) fn count_no_more(&mut self) {
        self.web_since.clear();
    }

    /// The clock was set: the directive is as old as it was, and visits count from now on. By the
    /// clock's new time, those of before may be of a time in which they might not.
    pub(crate) fn clock_was_set(&mut self, by: Millis, now: Millis) {
        self.at = self.at.saturating_add(by);
        self.web_since.values_mut().for_each(|since| *since = now);
    }

    /// After the server has answered.
    pub(crate) fn hear(&mut self, config: Config, now: Millis) {
        let permits = Permits::of(&config);
        let before = std::mem::take(&mut self.web_since);
        let since = |key: &str| (key.to_owned(), before.get(key).copied().unwrap_or(now));
        self.web_since = permits.users(Collect::WebUsage).map(since).collect();
        self.config = Some(config);
        self.at = now;
    }

    /// What may be collected now.
    pub(crate) fn permits(&self, now: Millis) -> Permits {
        match &self.config {
            // A clock that was set back makes no directive last longer.
            Some(config) if now.saturating_sub(self.at).saturating_abs() < TOLD_FOR => {
                Permits::of(config)
            }
            _ => Permits::default(),
        }
    }

    pub(crate) fn version(&self) -> Option<&str> {
        self.config.as_ref().map(|config| config.config_version.as_str())
    }
}

/// The state's directory, held by one process at a time.
#[derive(Debug)]
pub(crate) struct Held {
    _directory: File,
}

/// Takes the directory. The lock is the directory itself, so that none is left behind.
pub(crate) fn hold(places: &Places) -> Result<Held, Failure> {
    let path = places.state();
    let directory = File::open(&path).map_err(|error| Failure::file("opened", &path, &error))?;
    match directory.try_lock() {
        Ok(()) => Ok(Held { _directory: directory }),
        Err(TryLockError::WouldBlock) => {
            let reason = format!("another clientbook-agent works in {}", path.display());
            Err(Failure::Failed(reason + ": stop it first"))
        }
        Err(TryLockError::Error(error)) => Err(Failure::file("locked", &path, &error)),
    }
}

/// The enrolment, even one that was not finished.
pub(crate) fn begun(places: &Places) -> Result<Option<Enrollment>, Failure> {
    read(places, ENROLLMENT)
}

/// Removes everything but what says where the device enrolled, and what is installed: that is replaced,
/// not removed. The token goes first: without it there is no enrolment.
pub(crate) fn forget(places: &Places) -> Result<(), Failure> {
    let forget = || {
        files::remove(&places.state_file(TOKEN))?;
        for entry in fs::read_dir(places.state())? {
            let entry = entry?;
            if entry.file_name() != ENROLLMENT {
                files::remove_all(&entry.path())?;
            }
        }
        Ok(())
    };
    forget().map_err(|error| Failure::file("emptied", &places.state(), &error))
}

/// The enrolment and its token; `None` if there is none, or one that was not finished.
pub(crate) fn enrollment(places: &Places) -> Result<Option<(Enrollment, String)>, Failure> {
    let Some(enrollment) = begun(places)? else { return Ok(None) };
    Ok(token(places)?.map(|token| (enrollment, token)))
}

/// The device token.
pub(crate) fn token(places: &Places) -> Result<Option<String>, Failure> {
    let path = places.state_file(TOKEN);
    let bytes = files::read(&path).map_err(|error| Failure::file("read", &path, &error))?;
    let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    Ok(text.filter(|token| !token.is_empty()))
}

/// Keeps an enrolment. The token comes last: it is what makes the device enrolled.
pub(crate) fn keep(
    places: &Places,
    enrollment: &Enrollment,
    token: &str,
    told: &Told,
) -> Result<(), Failure> {
    write(places, ENROLLMENT, enrollment)?;
    write(places, TOLD, told)?;
    let path = places.state_file(TOKEN);
    let written = files::write_private(&path, token.as_bytes());
    written.map_err(|error| Failure::file("written", &path, &error))
}

/// The last directive. One that cannot be read is none: nothing is gathered until the server speaks.
pub(crate) fn told(places: &Places) -> Told {
    read(places, TOLD).ok().flatten().unwrap_or_default()
}

/// Keeps the last directive.
pub(crate) fn keep_told(places: &Places, told: &Told) -> Result<(), Failure> {
    write(places, TOLD, told)
}

/// A file of the state, as JSON; `None` if there is none.
pub(crate) fn read<T: DeserializeOwned>(places: &Places, name: &str) -> Result<Option<T>, Failure> {
    let path = places.state_file(name);
    let bytes = files::read(&path).map_err(|error| Failure::file("read", &path, &error))?;
    let parse = |bytes: Vec<u8>| serde_json::from_slice(&bytes).map_err(io::Error::other);
    bytes.map(parse).transpose().map_err(|error| Failure::file("read", &path, &error))
}

/// Replaces a file of the state.
pub(crate) fn write(places: &Places, name: &str, value: &impl Serialize) -> Result<(), Failure> {
    let path = places.state_file(name);
    let bytes = serde_json::to_vec(value).map_err(io::Error::other);
    let written = bytes.and_then(|bytes| files::write_private(&path, &bytes));
    written.map_err(|error| Failure::file("written", &path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permits::tests::config;
    use clientbook_agent_protocol::Directive;

    const WEB: &[Collect] = &[Collect::WebUsage];

    #[test]
    fn visits_count_from_the_moment_they_may() {
        let mut told = Told::default();
        assert_eq!(told.permits(0), Permits::default());
        told.hear(config(Directive::Collect, WEB, &["uid:1"]), 10);
        told.hear(config(Directive::Collect, WEB, &["uid:1", "uid:2"]), 20);
        assert_eq!(told.web_since["uid:1"], 10);
        assert_eq!(told.web_since["uid:2"], 20);
        told.hear(config(Directive::Collect, &[Collect::Device], &["uid:1"]), 30);
        assert!(told.web_since.is_empty());
        told.hear(config(Directive::Collect, WEB, &["uid:1"]), 40);
        assert_eq!(told.web_since["uid:1"], 40);
    }

    #[test]
    fn visits_of_a_time_in_which_nobody_listened_do_not_count() {
        let mut told = Told::default();
        told.hear(config(Directive::Collect, WEB, &["uid:1"]), 10);
        told.count_from(1_000);
        assert_eq!(told.web_since["uid:1"], 1_000);
        told.hear(config(Directive::Collect, WEB, &["uid:1"]), 2_000);
        assert_eq!(told.web_since["uid:1"], 1_000);
        told.count_no_more();
        told.hear(config(Directive::Collect, WEB, &["uid:1"]), 3_000);
        assert_eq!(told.web_since["uid:1"], 3_000);
        // It has ended: nothing counts until the server speaks.
        told.count_from(3_000 + TOLD_FOR);
        assert!(told.web_since.is_empty());
    }

    #[test]
    fn a_clock_that_was_set_opens_no_time_and_shuts_none() {
        const YEAR: Millis = 365 * 24 * 3_600_000;
        for by in [YEAR, -YEAR, 60_000, -60_000] {
            let mut told = Told::default();
            told.hear(config(Directive::Collect, WEB, &["uid:1"]), 2 * YEAR);
            let now = 2 * YEAR + 5_000 + by;
            told.clock_was_set(by, now);
            assert_eq!(told.web_since["uid:1"], now);
            // It lasts as long as it would have.
            assert!(told.permits(now - 5_000 + TOLD_FOR - 1).anything());
            assert!(!told.permits(now - 5_000 + TOLD_FOR).anything());
        }
    }

    #[test]
    fn a_directive_that_nobody_repeats_ends() {
        let mut told = Told::default();
        told.hear(config(Directive::Collect, WEB, &["uid:1"]), 1_000);
        assert!(told.permits(1_000 + TOLD_FOR - 1).anything());
        assert!(!told.permits(1_000 + TOLD_FOR).anything());
        assert!(!told.permits(1_000 - TOLD_FOR).anything());
    }

    #[test]
    fn one_process_holds_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::new(dir.path(), dir.path()).unwrap();
        files::make_private_directory(&places.state()).unwrap();
        let held = hold(&places).unwrap();
        assert!(hold(&places).is_err());
        drop(held);
        hold(&places).unwrap();
    }
}
