//! pgbench, PostgreSQL's own load generator, with a script of ours.

use crate::Failure;
use crate::generator::{self, Load};
use crate::machine;
use crate::round::{Pace, pace_of};
use crate::stats::Latencies;
use clientbook_store::Script;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

pub(crate) struct Pgbench {
    pub(crate) program: PathBuf,
    /// For what it writes.
    pub(crate) directory: PathBuf,
    pub(crate) load: Load,
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
        command.arg(format!("--client={clients}")).arg(format!("--jobs={}", self.load.threads));
        command.arg("--file").arg(&file);
        for (name, value) in [("turn", 0), ("batches", each * clients), ("clients", clients)] {
            command.arg(format!("--define={name}={value}"));
        }
        command
            .args(script.constants.iter().map(|(name, value)| format!("--define={name}={value}")));
        match until {
            Until::Time => {
                let seconds = (self.load.seconds * 1.2).ceil();
                command.arg(format!("--time={seconds:.0}"));
            }
            Until::Done => {
                command.arg(format!("--transactions={each}"));
            }
        }
        // The server's statements each run so often that theirs are generic from the sixth on.
        command.env("PGOPTIONS", "-c plan_cache_mode=force_generic_plan").arg(url);
        let usage = || machine::usage(&[], self.load.engine);
        let (before, children) = (usage()?, machine::children()?);
        let output = command.output()?;
        let (usage, cpu) = (usage()? - before, machine::children()? - children);
        if !output.status.success() {
            return Err(format!("pgbench: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        measured(&logged(directory.path())?, script.size, cpu, usage.engine)
    }
}

fn logged(directory: &std::path::Path) -> Result<Vec<Ran>, Failure> {
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

/// What the log says, without a first stretch and without the end, when some clients have no more
/// to do.
#[expect(clippy::cast_precision_loss, reason = "not so much is measured")]
fn measured(all: &[Ran], size: usize, cpu: f64, engine: f64) -> Result<Pace, Failure> {
    let begun = all.iter().map(|ran| ran.done.saturating_sub(ran.took)).min();
    let mut last = std::collections::HashMap::new();
    for ran in all {
        last.insert(ran.client, ran.done);
    }
    let (Some(begun), Some(end)) = (begun, last.values().min().copied()) else {
        return Err("pgbench has done nothing".into());
    };
    let whole = Duration::from_micros(end.saturating_sub(begun));
    let warm = begun + u64::try_from(generator::warm_up(whole).as_micros())?;
    let mut latencies = Latencies::new()?;
    for ran in all.iter().filter(|ran| ran.done > warm && ran.done <= end) {
        let each = Duration::from_micros(ran.took) / u32::try_from(size)?;
        latencies.record_many(each, size as u64)?;
    }
    let seconds = Duration::from_micros(end.saturating_sub(warm)).as_secs_f64();
    let each = |seconds: f64| seconds * 1e6 / (all.len() * size) as f64;
    Ok(pace_of(&latencies, seconds, each(cpu), Some(each(engine))))
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
        let pace = measured(&all, 8, 1.6, 0.8).unwrap();
        assert!((pace.per_second - 1_600.0).abs() < 20.0, "{pace:?}");
        assert!((pace.p50 - 1.25).abs() < 0.01, "{pace:?}");
        assert!((pace.cpu - 1_000.0).abs() < 1.0, "{pace:?}");
        assert_eq!(pace.engine_cpu.map(f64::round), Some(500.0));
        assert!(ran("progress: 1.0 s").is_err() && measured(&[], 8, 0.0, 0.0).is_err());
    }
}
