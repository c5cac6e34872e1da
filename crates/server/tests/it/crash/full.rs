//! A disk that is full, and has room again.

use super::load::Load;
use super::model::{self, Lane, Open, Steps};
use crate::process::{Caller, PATIENCE, Server, serve_store};
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const FULL: &[StatusCode] = &[StatusCode::INSUFFICIENT_STORAGE];

/// Set in the second process, which may mount.
const MAY_MOUNT: &str = "CLIENTBOOK_TEST_MAY_MOUNT";

/// What the test came to.
#[derive(Default)]
struct Sum {
    answered: u64,
    refused: u64,
    read: u64,
    refused_starts: u32,
    starts: u32,
}

#[test]
fn a_full_disk() {
    if Disk::mount("4m").is_some() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(fill_and_free());
    }
    assert!(std::env::var_os(MAY_MOUNT).is_none(), "a user namespace may mount, but cannot");
    // Who is not root may be it in a namespace of his own, if the system lets him.
    let mut other = Command::new("unshare");
    let this = std::env::current_exe().expect("this program");
    let name = "crash::full::a_full_disk";
    let other = other.arg("-rm").arg(this).args(["--exact", name, "--nocapture"]);
    let may = Command::new("unshare").args(["-rm", "true"]).stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        println!(
            "full disk: not tried: neither this user nor a namespace (unshare -rm) may mount a \
             tmpfs; ENOSPC is injected by `crash::faults` all the same"
        );
        return;
    }
    assert!(other.env(MAY_MOUNT, "1").status().expect("unshare").success());
}

async fn fill_and_free() {
    let cycles = super::cycles(3);
    let mut sum = Sum::default();
    for cycle in 0..cycles {
        let disk = Disk::mount("48m").expect("it was mounted before");
        let mut steps = [0; Lane::ALL.len()];
        let server = Server::start(disk.path());
        let load = Load::start(&server, steps, FULL);
        // With more or less of a log, and of a file that checkpoints let grow; but once it serves.
        let work = u64::from(cycle % 4) * 400 + 1;
        load.until("work", |load| load.answered() >= work).await;
        disk.fill();
        load.until("refused writes", |load| load.refused().values().sum::<u64>() >= 10).await;
        let read = load.read();
        load.until("reads", |load| load.read() > read + 10).await;
        assert_told(&server).await;
        let server = if cycle % 3 == 0 {
            disk.free();
            load.goes_on().await;
            sum.end(load, &mut steps).await;
            model::compare(&server, disk.path(), &mut steps, Open::MustNot).await;
            server
        } else {
            server.kill();
            sum.end(load, &mut steps).await;
            if cycle % 3 == 2 {
                start_while_full(&disk, &mut steps, &mut sum).await;
            }
            disk.free();
            let server = Server::start(disk.path());
            model::compare(&server, disk.path(), &mut steps, Open::MayStand).await;
            server
        };
        let load = Load::start(&server, steps, &[]);
        load.goes_on().await;
        sum.end(load, &mut steps).await;
        model::compare(&server, disk.path(), &mut steps, Open::MustNot).await;
    }
    let Sum { answered, refused, read, refused_starts, starts } = sum;
    println!(
        "full disk: {cycles} cycles, {answered} answered writes: none lost, none half there; \
         {refused} refused with 507; {read} reads answered; of {starts} starts on the full disk \
         {refused_starts} were refused"
    );
}

/// Either it serves what there is, or it says what to do; both without a change.
async fn start_while_full(disk: &Disk, steps: &mut Steps, sum: &mut Sum) {
    disk.fill();
    sum.starts += 1;
    let mut command = serve_store(disk.path());
    let server = match Server::try_launch(&mut command) {
        Ok(server) => server,
        Err(ended) => {
            sum.refused_starts += 1;
            assert_eq!(ended.code, Some(1), "{ended:?}");
            let path = disk.path().join("clientbook.db").display().to_string();
            for part in [&path, "the disk is full", "make some room"] {
                assert!(ended.log.contains(part), "{part:?} is not in {:?}", ended.log);
            }
            return;
        }
    };
    assert_told(&server).await;
    model::compare(&server, disk.path(), steps, Open::MayStand).await;
    server.kill();
}

/// The server says that it takes no writes, and why; it lives and reads.
async fn assert_told(server: &Server) {
    let caller = Caller::new(server);
    // It tries once a second.
    let said = full(async |_| caller.call(Method::GET, "/readyz", None).await).await;
    let said = said.text().await.expect("words");
    assert!(said.contains("disk is full"), "{said}");
    assert_eq!(caller.reads("/healthz").await, 200);
    // A small write may still find room at the end of the log; each of these takes 800 kB of it, in
    // a field that no writer touches.
    let refused = full(async |attempt| {
        let body = json!({ "note": attempt.to_string().repeat(800_000) });
        caller.call(Method::PATCH, model::GLOBEX, Some(&body)).await
    });
    assert_eq!(refused.await.headers()["content-type"], "application/problem+json");
}

/// Calls until the answer is 507.
async fn full(call: impl AsyncFn(u32) -> Response) -> Response {
    let begun = Instant::now();
    for attempt in 0.. {
        let answer = call(attempt % 10).await;
        if answer.status() == StatusCode::INSUFFICIENT_STORAGE {
            return answer;
        }
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(begun.elapsed() < PATIENCE, "the disk is full, and nobody says so");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!("it counts for ever")
}

impl Sum {
    async fn end(&mut self, load: Load, steps: &mut Steps) {
        self.refused += load.refused().values().sum::<u64>();
        self.read += load.read();
        let before: u64 = steps.iter().sum();
        *steps = load.stop().await;
        self.answered += steps.iter().sum::<u64>() - before;
    }
}

/// A small disk of its own, unmounted when dropped.
struct Disk {
    directory: TempDir,
}

impl Disk {
    /// `None` where this user may not mount.
    fn mount(size: &str) -> Option<Self> {
        let directory = TempDir::new().expect("a temporary directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]);
        let mounted = mount.arg(directory.path()).stderr(Stdio::null()).status();
        let mounted = mounted.is_ok_and(|status| status.success());
        mounted.then_some(Self { directory })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut options = File::options();
        let mut filler = options.append(true).create(true).open(self.filler()).expect("a filler");
        for block in [1 << 20, 1 << 16, 1 << 12] {
            let block = vec![0; block];
            let full = loop {
                if let Err(error) = filler.write_all(&block) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).expect("a filler");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is being killed may still hold a file.
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        let unmounted = unmounted.is_ok_and(|status| status.success());
        assert!(unmounted || std::thread::panicking(), "a disk stays mounted");
    }
}
