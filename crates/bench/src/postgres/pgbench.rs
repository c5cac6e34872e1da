//! pgbench, PostgreSQL's own load generator, with a script of ours.

use crate::Failure;
use crate::generator::Load;
use crate::machine;
use crate::round::{Pace, pace_of};
use crate::stats::Latencies;
use clientbook_store::Script;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time before a measurement, in which each connection has all its statements planned. A script
/// repeats them for each of its transactions, so that takes a while.
const WARM_UP: Duration = Duration::from_secs(2);

pub(crate) struct Pgbench {
    pub(crate) program: PathBuf,
    /// For what it writes.
    pub(crate) directory: PathBuf,
    pub(crate) load: Load,
    /// Its threads: as many as it can use.
    pub(crate) threads: usize,
}

/// When it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// As long as a server is measured; arguments are used again.
    Time,
    /// When all arguments have been used once.
    Done,
}

/// A run of the script, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ran {
    client: u64,
    took: u64,
    /// Since 1970.
    done: u64,
}

impl Pgbench {
    /// Runs a script, whose arguments are loaded, with as many connections as the server's load.
    pub(crate) fn run(&self, url: &str, script: &Script, until: Until) -> Result<Pace, Failure> {
        let clients = self.load.connections;
        let each = script.runs() / clients;
        if each == 0 {
            return Err("too little was recorded: measure longer, or with fewer connections".into());
        }
        let directory = tempfile::tempdir_in(&self.directory)?;
        let file = directory.path().join("script.sql");
        std::fs::write(&file, &script.text)?;
        let mut command = Command::new(&self.program);
        command.current_dir(directory.path()).args(["--no-vacuum", "--protocol=prepared", "--log"]);
        command.arg(format!("--client={clients}")).arg(format!("--jobs={}", self.threads));
        command.arg("--file").arg(&file);
        for (name, value) in [("turn", 0), ("batches", each * clients), ("clients", clients)] {
            command.arg(format!("--define={name}={value}"));
        }
        command
            .args(script.constants.iter().map(|(name, value)| format!("--define={name}={value}")));
        match until {
            Until::Time => {
                let seconds = (WARM_UP.as_secs_f64() + self.load.seconds).ceil();
                command.arg(format!("--time={seconds:.0}"));
            }
            Until::Done => {
                command.arg(format!("--transactions={each}"));
            }
        }
        // The server's statements each run so often that theirs are generic from the sixth on.
        command.env("PGOPTIONS", "-c plan_cache_mode=force_generic_plan").arg(url);
        let children = machine::children()?;
        let process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        thread::sleep(WARM_UP);
        let warm = micros()?;
        let usage = machine::usage(&[process.id()], self.load.engine)?;
        let output = process.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("pgbench: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let cpu = machine::children()? - children - usage.server;
        let engine = machine::usage(&[], self.load.engine)?.engine - usage.engine;
        measured(&logged(directory.path())?, script.size, warm, (cpu, engine))
    }
}

/// Since 1970, as pgbench's log has it.
#[expect(clippy::disallowed_methods, reason = "compared with times that another program has taken")]
fn micros() -> Result<u64, Failure> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?)
}

fn logged(directory: &Path) -> Result<Vec<Ran>, Failure> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if !path.to_string_lossy().contains("pgbench_log") {
            continue;
        }
        for line in BufReader::new(std::fs::File::open(&path)?).lines() {
            all.push(ran(&line?)?);
        }
    }
    all.sort_by_key(|ran| ran.done);
    Ok(all)
}

/// Client, transaction, time, script, and when it was done in seconds and microseconds.
fn ran(line: &str) -> Result<Ran, Failure> {
    let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [client, _, took, _, seconds, micros, ..] = numbers[..] else {
        return Err(format!("pgbench has logged {line:?}").into());
    };
    Ok(Ran { client, took, done: seconds * 1_000_000 + micros })
}

/// What the log says from `warm` on, without the end, when some clients have no more to do. The CPU
/// seconds, of pgbench and of the database server, are those from `warm` to the very end.
#[expect(clippy::cast_precision_loss, reason = "not so much is measured")]
fn measured(all: &[Ran], size: usize, warm: u64, cpu: (f64, f64)) -> Result<Pace, Failure> {
    let (mut first, mut last) = (HashMap::new(), HashMap::new());
    for ran in all {
        first.entry(ran.client).or_insert(ran.done);
        last.insert(ran.client, ran.done);
    }
    let (Some(planned), Some(end)) = (first.values().max(), last.values().min().copied()) else {
        return Err("pgbench has done nothing".into());
    };
    if *planned > warm || end <= warm {
        return Err("pgbench has not run long enough to be measured".into());
    }
    let mut latencies = Latencies::new()?;
    for ran in all.iter().filter(|ran| ran.done > warm && ran.done <= end) {
        let each = Duration::from_micros(ran.took) / u32::try_from(size)?;
        latencies.record_many(each, size as u64)?;
    }
    let seconds = Duration::from_micros(end - warm).as_secs_f64();
    let counted = all.iter().filter(|ran| ran.done > warm).count() * size;
    let each = |seconds: f64| seconds * 1e6 / counted as f64;
    Ok(pace_of(&latencies, seconds, each(cpu.0), Some(each(cpu.1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_how_fast_it_was() {
        // Two clients of a hundred runs each, 10 ms long; the second has a pause at its end.
        let lines = (0..100).flat_map(|number| {
            let done = 20_000_000 + 10_000 * (number + 1);
            let late = if number == 99 { 500_000 } else { 0 };
            [(0, done), (1, done + late)].map(|(client, done)| {
                format!("{client} {number} 10000 0 {} {}", done / 1_000_000, done % 1_000_000)
            })
        });
        let all: Vec<_> = lines.map(|line| ran(&line).unwrap()).collect();
        let warm = 20_200_000;
        let pace = measured(&all, 8, warm, (1.28, 0.64)).unwrap();
        assert!((pace.per_second - 1_600.0).abs() < 20.0, "{pace:?}");
        assert!((pace.p50 - 1.25).abs() < 0.01, "{pace:?}");
        assert!((pace.cpu - 1_000.0).abs() < 1.0, "{pace:?}");
        assert_eq!(pace.engine_cpu.map(f64::round), Some(500.0));
        let too_long = all.iter().map(|ran| ran.done).max();
        for never in [20_000_000, too_long.unwrap()] {
            assert!(measured(&all, 8, never, (1.0, 1.0)).is_err());
        }
        assert!(ran("progress: 1.0 s").is_err() && measured(&[], 8, 0, (0.0, 0.0)).is_err());
    }
}
