//! A device to run the agent on: a directory that stands for a system, with one user, an application
//! that runs, and a browser's history.

use crate::double::{Double, ENROLLMENT_TOKEN, PATIENCE};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// What the user is called; it may be told only while usage is collected.
pub(crate) const USER: &str = "marked-anna";
/// What the application is called.
pub(crate) const APPLICATION: &str = "Marked Tool";

const BINARY: &str = env!("CARGO_BIN_EXE_clientbook-agent");
/// Quick, so that tests are.
const PACE: &[&str] = &[
    "--pace-wait=3",
    "--pace-retry=0.05",
    "--pace-inactive=0.3",
    "--pace-unknown=0.3",
    "--pace-sample=0.1",
    "--pace-window=1",
    "--pace-scan=0.2",
    "--pace-inventory=0.3",
    // A busy disk is not a slow line.
    "--pace-alone=5",
];

pub(crate) struct Device {
    pub(crate) dir: TempDir,
    application: Child,
    agent: Option<Child>,
}

impl Device {
    pub(crate) fn new() -> Self {
        let device = Self::without_history();
        device.history();
        device
    }

    /// One on which no browser was used yet.
    pub(crate) fn without_history() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let uid = fs::metadata(dir.path()).unwrap().uid();
        let tool = dir.path().join("tool");
        let sleep = ["/usr/bin/sleep", "/bin/sleep"].iter().find(|path| Path::new(path).exists());
        // By another process: what this one has open to write, each that it starts at that moment has
        // open too, and what somebody has open to write cannot be run.
        assert!(Command::new("cp").arg(sleep.unwrap()).arg(&tool).status().unwrap().success());
        let application = Command::new(&tool).arg("3600").spawn().unwrap();
        let device = Self { dir, application, agent: None };
        device.write("etc/passwd", &format!("{USER}:x:{uid}:1::/home/{USER}:/bin/sh\n"));
        device.write("etc/machine-id", "0b5e1c3d5a7c4d3e8f00112233445566\n");
        device.write("etc/hostname", "marked-laptop\n");
        device.write("etc/os-release", "NAME=\"Test Linux\"\nVERSION_ID=\"1\"\n");
        device.write("run/systemd/sessions/1", &format!("UID={uid}\nCLASS=user\nSTATE=active\n"));
        let status = "Package: marked-package\nStatus: install ok installed\nVersion: 1.0\n";
        device.write("var/lib/dpkg/status", status);
        let path = tool.display();
        let entry =
            format!("[Desktop Entry]\nType=Application\nName={APPLICATION}\nExec={path} %U\n");
        device.write("usr/share/applications/tool.desktop", &entry);
        symlink("/proc", device.system().join("proc")).unwrap();
        device
    }

    /// What stands for the device's system.
    pub(crate) fn system(&self) -> PathBuf {
        self.dir.path().join("system")
    }

    /// What the agent writes is below this.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.root().join("var/lib/clientbook-agent")
    }

    pub(crate) fn user_key(&self) -> String {
        let enrollment = fs::read(self.state().join("agent.json")).unwrap();
        let enrollment: serde_json::Value = serde_json::from_slice(&enrollment).unwrap();
        let device = &enrollment["unique_key"].as_str().unwrap()[..16];
        format!("uid:{}@{device}", fs::metadata(self.dir.path()).unwrap().uid())
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.system().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn history_path(&self) -> PathBuf {
        self.profile_path("Default")
    }

    fn profile_path(&self, profile: &str) -> PathBuf {
        self.system().join(format!("home/{USER}/.config/chromium/{profile}/History"))
    }

    fn history(&self) {
        self.profile("Default");
    }

    /// Makes a profile with an empty history.
    pub(crate) fn profile(&self, profile: &str) -> Connection {
        let path = self.profile_path(profile);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE urls(id INTEGER PRIMARY KEY AUTOINCREMENT, url LONGVARCHAR);
                 CREATE TABLE visits(id INTEGER PRIMARY KEY AUTOINCREMENT, url INTEGER NOT NULL,
                     visit_time INTEGER NOT NULL, transition INTEGER NOT NULL);",
            )
            .unwrap();
        connection
    }

    /// The user visits a page of a domain, now.
    pub(crate) fn visit(&self, domain: &str) {
        #[expect(clippy::disallowed_methods, reason = "the agent under test asks the same clock")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let at = i64::try_from(now).unwrap() + 11_644_473_600_000_000;
        let connection = Connection::open(self.history_path()).unwrap();
        let url = format!("https://www.{domain}/marked-path?marked-query#marked-fragment");
        connection.execute("INSERT INTO urls (url) VALUES (?1)", [url]).unwrap();
        let url = connection.last_insert_rowid();
        let sql = "INSERT INTO visits (url, visit_time, transition) VALUES (?1, ?2, 805306369)";
        connection.execute(sql, (url, at)).unwrap();
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(BINARY);
        command.arg(name).arg("--root").arg(self.root()).stdin(Stdio::null());
        command.env_remove("CLIENTBOOK_ENROLLMENT_TOKEN").env_remove("CLIENTBOOK_SERVER");
        command
    }

    /// Runs a command of the agent to its end.
    pub(crate) fn call(&self, name: &str, arguments: &[&str]) -> Output {
        self.command(name).args(arguments).output().unwrap()
    }

    pub(crate) fn try_enroll(&self, server: &str, token: &str, more: &[&str]) -> Output {
        let mut command = self.command("enroll");
        command.arg("--system").arg(self.system());
        command.args(["--server", server, "--token", token]).args(more);
        command.output().unwrap()
    }

    pub(crate) fn enroll(&self, server: &Double, more: &[&str]) {
        let output = self.try_enroll(&server.url(), ENROLLMENT_TOKEN, more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts the agent.
    pub(crate) fn run(&mut self) {
        self.start("run", &[PACE, &["--log=debug"]].concat());
    }

    /// Starts the agent at its ordinary pace.
    pub(crate) fn run_at_leisure(&mut self) {
        self.start("run", &["--log=debug"]);
    }

    /// Starts leaving by command.
    pub(crate) fn leave(&mut self) {
        self.start("uninstall", PACE);
    }

    fn start(&mut self, name: &str, more: &[&str]) {
        let mut command = self.command(name);
        command.arg("--system").arg(self.system()).args(more);
        let log = fs::OpenOptions::new().append(true).create(true).open(self.log_path()).unwrap();
        self.agent = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// All that the agent has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub(crate) fn agent_id(&self) -> u32 {
        self.agent.as_ref().unwrap().id()
    }

    /// Ends the agent without warning.
    pub(crate) fn kill(&mut self) {
        let mut agent = self.agent.take().unwrap();
        // It may have ended by itself.
        let _ended = agent.kill();
        agent.wait().unwrap();
    }

    /// Asks the agent to end, and waits until it has.
    pub(crate) fn terminate(&mut self) {
        let id = i32::try_from(self.agent_id()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert_eq!(self.wait_for_end(), Some(0));
    }

    /// Waits until the agent ends by itself; its exit code.
    pub(crate) fn wait_for_end(&mut self) -> Option<i32> {
        let begun = Instant::now();
        let mut agent = self.agent.take().unwrap();
        loop {
            if let Some(status) = agent.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it goes on: {}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Whether the agent runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.agent.as_mut().is_some_and(|agent| agent.try_wait().unwrap().is_none())
    }

    /// What lies in the state, by name.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.state()).into_iter().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The files in the spool.
    pub(crate) fn spooled(&self) -> usize {
        fs::read_dir(self.state().join("spool")).map_or(0, Iterator::count)
    }
}

/// Who may read a path.
pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

impl Drop for Device {
    fn drop(&mut self) {
        for child in self.agent.iter_mut().chain([&mut self.application]) {
            // It may have ended by itself.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}
