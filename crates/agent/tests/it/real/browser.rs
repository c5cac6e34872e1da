//! Chromium, as somebody uses it, and the web that it sees.

use super::until;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Stands in every path, query, title and name of a host, but in no registrable domain: nothing that
/// holds it may leave the device.
pub(super) const SECRET: &str = "quokka";

/// How long Chromium may take to end.
const END: Duration = Duration::from_secs(10);

/// What is visited while it may be counted.
pub(super) const SHOP: &str = "shop.test";
pub(super) const WIKI: &str = "wiki.test";
/// What is visited while it may not be.
pub(super) const HIDDEN: &str = "hidden.test";
/// What only redirects, and what only frames show: nobody visits these.
pub(super) const DETOUR: &str = "detour.test";
pub(super) const FRAME: &str = "frame.test";

/// Chromium with a profile in a home; ends with this value.
pub(super) struct Browser {
    child: Child,
    profile: PathBuf,
    control: u16,
}

impl Browser {
    pub(super) fn start(home: &Path) -> Self {
        let site = site();
        let profile = home.join(".config/chromium");
        fs::create_dir_all(&profile).unwrap();
        let names = [SHOP, WIKI, HIDDEN, DETOUR, FRAME];
        let rules = names.map(|name| format!("MAP *.{name} 127.0.0.1:{site}")).join(", ");
        let log = File::create(home.join("chromium.log")).unwrap();
        let child = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--disable-features=HttpsUpgrades"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--host-resolver-rules={rules}"))
            .args(["--remote-debugging-port=0", "about:blank"])
            .env("HOME", home)
            .env_remove("XDG_CONFIG_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut browser = Self { child, profile, control: 0 };
        let told = browser.profile.join("DevToolsActivePort");
        browser.control =
            until("Chromium", || fs::read_to_string(&told).ok()?.lines().next()?.parse().ok());
        browser
    }

    /// Opens a page in a new tab. Its address has nothing that would have to be escaped.
    pub(super) fn visit(&self, address: &str) {
        let request = format!(
            "PUT /json/new?http://{address} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\
             Connection: close\r\nContent-Length: 0\r\n\r\n",
            self.control
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.control)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        assert!(answer.contains(" 200 "), "Chromium opens no page: {answer}");
    }

    /// Waits until the history, as it lies on the disk, has a word: Chromium writes it every 10 s.
    pub(super) fn wait_until_written(&self, word: &str) {
        let history = self.profile.join("Default/History");
        until(word, || {
            let bytes = fs::read(&history).ok()?;
            String::from_utf8_lossy(&bytes).contains(word).then_some(())
        });
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked, it ends its other processes first: none writes to a home that goes.
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let asked = id.map(|id| rustix::process::kill_process(id, rustix::process::Signal::TERM));
        let begun = Instant::now();
        let ends = |child: &mut Child| child.try_wait().is_ok_and(|ended| ended.is_some());
        while asked.is_some() && !ends(&mut self.child) && begun.elapsed() < END {
            thread::sleep(Duration::from_millis(20));
        }
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A web server for all names; its port.
fn site() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Who hangs up gets no page.
            thread::spawn(move || drop(page(&stream)));
        }
    });
    port
}

fn page(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut head = BufReader::new(stream).take(64 << 10);
    let mut first = String::new();
    head.read_line(&mut first)?;
    let mut line = String::from("-");
    while !line.trim().is_empty() {
        line.clear();
        head.read_line(&mut line)?;
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let frame = format!("<iframe src=\"http://{SECRET}.{FRAME}/{SECRET}-frame\"></iframe>");
    let body = format!(
        "<!doctype html><title>{SECRET} title of {path}</title>{}",
        if path.contains("-framed") { &frame } else { "" }
    );
    let (status, more) = if path.contains("-redirected") {
        ("302 Found", format!("Location: http://{SECRET}.{SHOP}/{SECRET}-landing\r\n"))
    } else {
        ("200 OK", String::new())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n{more}\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())
}
