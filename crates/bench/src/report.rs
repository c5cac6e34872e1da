//! What is told at the end.

use crate::Args;
use crate::generator::Load;
use crate::machine::Machine;
use crate::round::{Method, Pace, Round, Seen};
use crate::stats::Spread;
use crate::surface::Surface;
use serde::Serialize;
use std::fmt::Write as _;

/// The dependencies that both the server and what it is measured by are built from.
const LOCK: &str = include_str!("../../../Cargo.lock");
const VERSIONS: [&str; 4] = ["hyper", "tokio", "rusqlite", "libsqlite3-sys"];

/// Cores that others may keep busy: SQLite alone is one thread, and loses more to them than the
/// server's many.
const QUIET: f64 = 0.1;

/// What the figures stand for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ran {
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    pub(crate) versions: Vec<(String, String)>,
    pub(crate) pragmas: Vec<(String, String)>,
    pub(crate) clients: u32,
    pub(crate) connections: usize,
    pub(crate) generator_threads: usize,
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
}

impl Ran {
    pub(crate) fn new(
        args: &Args,
        machine: Machine,
        load: &Load,
        pragmas: Vec<(String, String)>,
    ) -> Self {
        let version = |name: &str| Some((name.to_owned(), locked(LOCK, name)?));
        Self {
            commit: args.commit.clone(),
            machine,
            versions: VERSIONS.into_iter().filter_map(version).collect(),
            pragmas,
            clients: args.clients,
            connections: load.connections,
            generator_threads: load.threads,
            rounds: args.rounds,
            seconds: load.seconds,
        }
    }
}

fn locked(lock: &str, name: &str) -> Option<String> {
    let at = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?.1;
    Some(at.split('"').next()?.to_owned())
}

/// Requests of one kind, over all rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) surface: Surface,
    pub(crate) method: Method,
    pub(crate) requests_per_second: Spread,
    pub(crate) p50_ms: Spread,
    pub(crate) p99_ms: Spread,
    pub(crate) cpu_us: Spread,
    /// Bare hyper for GET, raw SQLite for PATCH.
    pub(crate) baseline: Baseline,
    /// Of requests per second, to those of the baseline in the same round.
    pub(crate) ratio: Spread,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Baseline {
    pub(crate) requests_per_second: Spread,
    pub(crate) p50_ms: Spread,
    pub(crate) p99_ms: Spread,
    pub(crate) cpu_us: Spread,
    /// Changes of one group and fsync, on average.
    pub(crate) group_size: Option<f64>,
}

/// What is aimed at.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) at_least: f64,
    pub(crate) seen: f64,
    pub(crate) met: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) ran: Ran,
    pub(crate) rows: Vec<Row>,
    pub(crate) peak_memory_bytes: Spread,
    /// Cores that other programs kept busy during a measurement.
    pub(crate) others_cores: Spread,
    pub(crate) targets: Vec<Target>,
}

impl Report {
    /// `group_size` tells the changes of a group.
    pub(crate) fn new(ran: Ran, rounds: &[Round], group_size: impl Fn(Surface) -> f64) -> Self {
        let seen: Vec<Seen> = rounds.iter().flat_map(|round| round.seen.iter().copied()).collect();
        let mut rows = Vec::new();
        for surface in Surface::ALL {
            rows.push(row(&seen, surface, Method::Get, None));
            let size = group_size(surface);
            rows.push(row(&seen, surface, Method::Patch, Some(size)));
        }
        #[expect(clippy::cast_precision_loss, reason = "no server takes so much")]
        let memory = rounds.iter().map(|round| round.peak_memory as f64);
        Self {
            peak_memory_bytes: Spread::of(memory),
            others_cores: Spread::of(seen.iter().map(|one| one.others)),
            targets: targets(&rows),
            ran,
            rows,
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = self.ran.text();
        let [head, figures] = ["requests/s", "lowest   highest   p50 ms   p99 ms   CPU µs"];
        line(&mut text, format_args!("\n{head:>40}    {figures}"));
        for row in &self.rows {
            row.write(&mut text);
        }
        let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
        let Spread { median, lowest, highest } = self.peak_memory_bytes;
        let (median, lowest, highest) = (mebibytes(median), mebibytes(lowest), mebibytes(highest));
        line(
            &mut text,
            format_args!(
                "\nThe server's peak memory: {median:.0} MiB ({lowest:.0} to {highest:.0})"
            ),
        );
        let Spread { median, highest, .. } = self.others_cores;
        let disturbed = if median > QUIET { ": too many for figures to quote" } else { "" };
        line(
            &mut text,
            format_args!(
                "Other programs kept {median:.2} cores busy, at most {highest:.2}{disturbed}"
            ),
        );
        for Target { what, at_least, seen, met } in &self.targets {
            let verdict = if *met { "met" } else { "MISSED" };
            line(&mut text, format_args!("Target: {what} ≥ {at_least}: {seen:.3}, {verdict}"));
        }
        text
    }
}

impl Ran {
    fn text(&self) -> String {
        let pairs = |pairs: &[(String, String)], between: &str| {
            let pair = |(name, value): &(String, String)| format!("{name}{between}{value}");
            pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
        };
        let Machine { cpu, cores, kernel, file_system, memory_bytes } = &self.machine;
        let mut text = format!("Clientbook {}, {}\n", self.commit, pairs(&self.versions, " "));
        line(
            &mut text,
            format_args!(
                "{cores} cores ({cpu}), {} GiB, Linux {kernel}, store on {file_system}",
                memory_bytes >> 30
            ),
        );
        line(&mut text, format_args!("SQLite: {}", pairs(&self.pragmas, "=")));
        let Self { clients, connections, generator_threads, rounds, seconds, .. } = self;
        line(
            &mut text,
            format_args!(
                "{clients} clients, {connections} connections from {generator_threads} thread(s), \
                 medians of {rounds} rounds of {seconds} s each"
            ),
        );
        text
    }
}

impl Row {
    fn write(&self, text: &mut String) {
        let baseline = &self.baseline;
        let (method, beside) = match (self.method, baseline.group_size) {
            (Method::Patch, size) => {
                ("PATCH", format!("SQLite in groups of {:.0}", size.unwrap_or(f64::NAN)))
            }
            (Method::Get, _) => ("GET", "bare hyper".to_owned()),
        };
        let figures = |text: &mut String, name: &str, pace: [&Spread; 4]| {
            let [Spread { median, lowest, highest }, p50, p99, cpu] = pace;
            let [p50, p99, cpu] = [p50, p99, cpu].map(|spread| spread.median);
            line(
                text,
                format_args!(
                    "{name:28}  {median:>10.0}{lowest:>10.0}{highest:>10.0}{p50:>9.2}{p99:>9.2}\
                     {cpu:>9.1}"
                ),
            );
        };
        let name = format!("{} {method}", self.surface.name());
        let own = [&self.requests_per_second, &self.p50_ms, &self.p99_ms, &self.cpu_us];
        figures(text, &name, own);
        let Baseline { requests_per_second, p50_ms, p99_ms, cpu_us, .. } = baseline;
        figures(text, &format!("  {beside}"), [requests_per_second, p50_ms, p99_ms, cpu_us]);
        let Spread { median, lowest, highest } = self.ratio;
        let name = "  ratio";
        line(text, format_args!("{name:28}  {median:>10.3}{lowest:>10.3}{highest:>10.3}"));
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _infallible = writeln!(text, "{arguments}");
}

fn row(seen: &[Seen], surface: Surface, method: Method, group_size: Option<f64>) -> Row {
    let of = |figure: fn(&Seen) -> f64| {
        let these = seen.iter().filter(|one| one.surface == surface && one.method == method);
        Spread::of(these.map(figure))
    };
    Row {
        surface,
        method,
        requests_per_second: of(|one| one.served.per_second),
        p50_ms: of(|one| one.served.p50),
        p99_ms: of(|one| one.served.p99),
        cpu_us: of(|one| one.served.cpu),
        baseline: Baseline {
            requests_per_second: of(|one| one.baseline.per_second),
            p50_ms: of(|one| one.baseline.p50),
            p99_ms: of(|one| one.baseline.p99),
            cpu_us: of(|one| one.baseline.cpu),
            group_size,
        },
        ratio: of(|one| ratio(one.served, one.baseline)),
    }
}

fn ratio(served: Pace, baseline: Pace) -> f64 {
    served.per_second / baseline.per_second
}

fn targets(rows: &[Row]) -> Vec<Target> {
    let target = |what: &str, at_least, ratios: &mut dyn Iterator<Item = f64>| {
        let seen = ratios.fold(f64::INFINITY, f64::min);
        Target { what: what.to_owned(), at_least, seen, met: seen >= at_least }
    };
    let of = |method| rows.iter().filter(move |row| row.method == method);
    let v2 = of(Method::Get).filter(|row| row.surface == Surface::Organizations);
    vec![
        target("GET of organizations v2, of bare hyper", 0.7, &mut v2.map(|row| row.ratio.median)),
        target(
            "PATCH of every surface, of raw SQLite",
            0.4,
            &mut of(Method::Patch).map(|row| row.ratio.median),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(per_second: f64) -> Pace {
        Pace { per_second, p50: 1e3 / per_second, p99: 5e3 / per_second, cpu: 4e5 / per_second }
    }

    /// Two rounds in which Clientbook reads at `read` and writes at `write` of the baselines' pace.
    fn rounds(read: f64, write: f64) -> Vec<Round> {
        let round = |busy: f64| {
            let seen = |method, of: f64, baseline: f64| {
                move |surface| {
                    let (served, baseline) = (pace(busy * of * baseline), pace(baseline));
                    Seen { surface, method, served, others: 0.25, baseline }
                }
            };
            let reads = Surface::ALL.into_iter().map(seen(Method::Get, read, 100_000.0));
            let writes = Surface::ALL.into_iter().map(seen(Method::Patch, write, 12_000.0));
            Round { seen: reads.chain(writes).collect(), peak_memory: 40 << 20 }
        };
        vec![round(0.9), round(1.1)]
    }

    fn report(read: f64, write: f64) -> Report {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let ran = Ran {
            commit: "0123456789ab-dirty".into(),
            machine: Machine {
                cpu: "A CPU".into(),
                cores: 2,
                memory_bytes: 8 << 30,
                kernel: "6.1.0".into(),
                file_system: "ext4".into(),
            },
            versions: vec![pair("hyper", "1.2.3"), pair("tokio", "1.2.4")],
            pragmas: vec![pair("journal_mode", "wal"), pair("synchronous", "2")],
            clients: 10_000,
            connections: 64,
            generator_threads: 1,
            rounds: 2,
            seconds: 1.5,
        };
        Report::new(ran, &rounds(read, write), |_| 43.7)
    }

    #[test]
    fn a_report_says_what_ran_and_what_came_of_it() {
        insta::assert_snapshot!(report(0.75, 0.3).text());
    }

    #[test]
    fn a_target_is_met_by_the_slowest() {
        let met = |read, write| {
            let report = report(read, write);
            [report.targets[0].met, report.targets[1].met]
        };
        assert_eq!(met(0.71, 0.41), [true, true]);
        assert_eq!(met(0.69, 0.39), [false, false]);
        let mut rounds = rounds(0.8, 0.8);
        for round in &mut rounds {
            let write = round.seen.last_mut().expect("a write");
            write.served = pace(write.baseline.per_second * 0.3);
        }
        let report = Report::new(report(1.0, 1.0).ran, &rounds, |_| 1.0);
        assert_eq!([report.targets[0].met, report.targets[1].met], [true, false]);
    }

    #[test]
    fn versions_are_those_of_the_lock_file() {
        for name in VERSIONS {
            assert!(locked(LOCK, name).is_some(), "{name}");
        }
        assert_eq!(locked("name = \"a\"\nversion = \"1\"\n", "a").as_deref(), Some("1"));
        assert_eq!(locked("name = \"ab\"\nversion = \"1\"\n", "a"), None);
    }
}
