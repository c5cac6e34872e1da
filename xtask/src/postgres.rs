//! A PostgreSQL cluster for the tests and the bench: made for one run, and thrown away.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::step::{self, Failure};

/// Names a cluster's maintenance database to the tests; to us, one to use instead of our own, or
/// `off`.
const VARIABLE: &str = "CLIENTBOOK_TEST_POSTGRES";

/// Where Debian keeps the programs of a server, which it leaves out of `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Debian would make and start a cluster of its own, which nobody has asked for.
const INSTALL: &str = "
set -eu
conf=/etc/postgresql-common/createcluster.d/clientbook-tests.conf
mkdir -p \"${conf%/*}\"
trap 'rm -f \"$conf\"' EXIT
echo 'create_main_cluster = false' > \"$conf\"
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --yes --no-install-recommends postgresql";

/// A zone that shows where something rests on the machine's own; what is stored is worth nothing.
const FOR_TESTS: &str = "timezone = 'Pacific/Chatham'
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off";

/// What the databases of tests that run at once take, with their log and much to spare.
const MEMORY_MIB: u64 = 2_048;

/// As durable as PostgreSQL is; with room for a run's log, so that no checkpoint falls into one
/// measurement and not into the other.
const DURABLE: &str = "fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 512MB
max_wal_size = 8GB
checkpoint_timeout = 30min";

/// The PostgreSQL that tests run on.
pub(crate) enum Postgres {
    /// None, as somebody wished.
    Off,
    /// One that was there before.
    Given(OsString),
    /// Our own.
    Started(Cluster),
}

/// A running cluster, which ends with this value, or with this process.
pub(crate) struct Cluster {
    child: Child,
    url: OsString,
}

impl Postgres {
    /// The one that the environment names, or one of our own; its programs are installed first
    /// where they are missing.
    pub(crate) fn for_tests() -> Result<Self, Failure> {
        match std::env::var_os(VARIABLE) {
            Some(off) if off == "off" => {
                println!("nothing is tested on PostgreSQL: {VARIABLE}=off");
                Ok(Self::Off)
            }
            Some(url) => Ok(Self::Given(url)),
            None => Cluster::start(&programs()?, FOR_TESTS, memory()).map(Self::Started),
        }
    }

    fn url(&self) -> Option<&OsString> {
        match self {
            Self::Off => None,
            Self::Given(url) | Self::Started(Cluster { url, .. }) => Some(url),
        }
    }

    /// Whether there is one.
    pub(crate) fn is_on(&self) -> bool {
        self.url().is_some()
    }

    /// Tells the tests that `command` runs where it is.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self.url() {
            Some(url) => command.env(VARIABLE, url),
            None => command.env_remove(VARIABLE),
        }
    }
}

impl Cluster {
    /// A durable one below `directory`, which is made for it.
    pub(crate) fn durable(programs: &Path, directory: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(directory).map_err(Failure::new)?;
        if is_root() {
            let mut give = Command::new("chown");
            if !step::works(give.arg("postgres").arg(directory)) {
                let message = format!("{} cannot be given to postgres", directory.display());
                return Err(Failure::new(message));
            }
        }
        Self::start(programs, DURABLE, Some(directory))
    }

    /// The URL of its maintenance database.
    pub(crate) fn url(&self) -> &OsString {
        &self.url
    }

    fn start(programs: &Path, settings: &str, directory: Option<&Path>) -> Result<Self, Failure> {
        let failed = |error| Failure::new(format!("PostgreSQL cannot start: {error}"));
        let [port] = free_ports().map_err(failed)?;
        let password = password();
        let mut command = as_anyone_but_root();
        command.args(["sh", "-c", include_str!("postgres.sh")]);
        command.env("BIN", programs).env("PORT", port.to_string()).env("PASSWORD", &password);
        command.env("SETTINGS", settings);
        command.envs(directory.map(|directory| ("TMPDIR", directory)));
        // A group of its own: Ctrl-C is for us, and the cluster ends after us.
        command.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let mut said = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut said).map_err(failed)?;
        }
        let url = format!("postgres://clientbook:{password}@127.0.0.1:{port}/postgres");
        let cluster = Self { child, url: url.into() };
        if said.trim() != "ready" {
            return Err(Failure::new("PostgreSQL cannot start: see above"));
        }
        Ok(cluster)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("the PostgreSQL that was started may still run: {error}");
        }
    }
}

/// Ports that are free now; whoever takes one before the server does makes the start fail, and say
/// so.
pub(crate) fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        // Until all are found: none twice.
        held.push(listener);
    }
    Ok(ports)
}

/// A password for a cluster that lives as long as this process.
pub(crate) fn password() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// Runs what follows as somebody: PostgreSQL refuses to run as root.
pub(crate) fn as_anyone_but_root() -> Command {
    if !is_root() {
        return Command::new("env");
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    command
}

/// Files in memory, where there is room: each test has a database of some hundred files, and on a disk
/// making and removing them takes longer than the test.
fn memory() -> Option<&'static Path> {
    let path = "/dev/shm";
    let free =
        Command::new("df").args(["--output=avail", "--block-size=1M", path]).output().ok()?;
    let free = String::from_utf8_lossy(&free.stdout).lines().nth(1)?.trim().parse::<u64>().ok()?;
    (free >= MEMORY_MIB).then(|| Path::new(path))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Where the server's programs are; they are installed where they are missing.
pub(crate) fn programs() -> Result<PathBuf, Failure> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let missing = |why: &str| {
        let ways = format!(
            "install PostgreSQL 15 or newer, set {VARIABLE} to the URL of a server where the tests \
             may create databases, or set it to `off`"
        );
        Failure::new(format!("the tests need PostgreSQL's server, and {why}: {ways}"))
    };
    if !can_install() {
        return Err(missing("it cannot be installed from here"));
    }
    println!("PostgreSQL's server is missing; installing Debian's package `postgresql`");
    install("postgresql", INSTALL)?;
    find().ok_or_else(|| missing("Debian's package has none"))
}

/// Whether Debian's packages can be installed from here.
pub(crate) fn can_install() -> bool {
    step::works(Command::new("apt-get").arg("--version"))
        && (is_root() || step::works(Command::new("sudo").args(["-n", "true"])))
}

/// Runs a script that installs packages.
pub(crate) fn install(title: &str, script: &str) -> Result<(), Failure> {
    let mut command = if is_root() { Command::new("env") } else { Command::new("sudo") };
    if !is_root() {
        command.arg("-n");
    }
    step::run(title, command.args(["sh", "-c", script]))
}

/// The newest of Debian's, or else what `PATH` has.
fn find() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let version = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let newest = versions
        .filter_map(version)
        .filter(|version| has_server(&debian(*version)))
        .max()
        .map(debian);
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest.or_else(|| std::env::split_paths(&path).find(|directory| has_server(directory)))
}

fn debian(version: u32) -> PathBuf {
    Path::new(DEBIAN).join(version.to_string()).join("bin")
}

fn has_server(directory: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| directory.join(program).is_file())
}
