//! What is told at the end.

use crate::Args;
use crate::generator::Load;
use crate::machine::Machine;
use crate::round::{Method, Pace, Round, Seen, Subject};
use crate::stats::Spread;
use serde::Serialize;
use std::fmt::Write as _;

/// What both the server and what it is measured by are built from.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// Cores that others may keep busy: SQLite alone is one thread, and loses more to them than the
/// server's many.
const QUIET: f64 = 0.1;

/// What the figures stand for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ran {
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    pub(crate) versions: Vec<(String, String)>,
    pub(crate) engine: Engine,
    pub(crate) clients: u32,
    pub(crate) connections: usize,
    pub(crate) generator_threads: usize,
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
}

/// What stores.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Engine {
    pub(crate) name: String,
    pub(crate) settings: Vec<(String, String)>,
}

impl Ran {
    /// `packages` are those of the lock file whose versions are told.
    pub(crate) fn new(
        args: &Args,
        machine: Machine,
        load: &Load,
        engine: Engine,
        packages: &[&str],
    ) -> Self {
        let version = |name: &str| Some((name.to_owned(), locked(LOCK, name)?));
        Self {
            commit: args.commit.clone(),
            machine,
            versions: packages.iter().copied().filter_map(version).collect(),
            engine,
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
    #[serde(flatten)]
    pub(crate) subject: Subject,
    pub(crate) requests_per_second: Spread,
    pub(crate) p50_ms: Spread,
    pub(crate) p99_ms: Spread,
    pub(crate) cpu_us: Spread,
    /// Of the database server.
    pub(crate) engine_cpu_us: Option<Spread>,
    /// What the requests are measured by.
    pub(crate) baseline: Baseline,
    /// Of requests per second, to those of the baseline in the same round.
    pub(crate) ratio: Spread,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Baseline {
    pub(crate) name: String,
    pub(crate) requests_per_second: Spread,
    pub(crate) p50_ms: Spread,
    pub(crate) p99_ms: Spread,
    pub(crate) cpu_us: Spread,
    pub(crate) engine_cpu_us: Option<Spread>,
}

/// What is aimed at: a ratio that all that `counts` reach.
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) at_least: f64,
    pub(crate) counts: fn(Subject) -> bool,
}

/// What came of a goal.
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
    /// `beside` names what a subject is measured by.
    pub(crate) fn new(
        ran: Ran,
        rounds: &[Round],
        goals: &[Goal],
        beside: impl Fn(Subject) -> String,
    ) -> Self {
        let seen: Vec<Seen> = rounds.iter().flat_map(|round| round.seen.iter().copied()).collect();
        let mut rows: Vec<Row> = Vec::new();
        for Seen { subject, .. } in &seen {
            if rows.iter().all(|row| row.subject != *subject) {
                rows.push(row(&seen, *subject, beside(*subject)));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "no server takes so much")]
        let memory = rounds.iter().map(|round| round.peak_memory as f64);
        Self {
            peak_memory_bytes: Spread::of(memory),
            others_cores: Spread::of(seen.iter().map(|one| one.others)),
            targets: goals.iter().map(|goal| target(&rows, goal)).collect(),
            ran,
            rows,
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = self.ran.text();
        let [head, figures] = ["requests/s", "lowest   highest   p50 ms   p99 ms   CPU µs"];
        let engine = if self.rows.iter().any(|row| row.engine_cpu_us.is_some()) {
            "   engine's"
        } else {
            ""
        };
        line(&mut text, format_args!("\n{head:>40}    {figures}{engine}"));
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
        let Engine { name, settings } = &self.engine;
        line(&mut text, format_args!("{name}: {}", pairs(settings, "=")));
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
        let Subject { surface, method, servers } = self.subject;
        let method = match method {
            Method::Get => "GET",
            Method::Patch => "PATCH",
        };
        let mut name = format!("{} {method}", surface.name());
        if servers > 1 {
            name = format!("{name}, {servers} servers");
        }
        let own = [&self.requests_per_second, &self.p50_ms, &self.p99_ms, &self.cpu_us];
        figures(text, &name, own, self.engine_cpu_us);
        let Baseline { name, requests_per_second, p50_ms, p99_ms, cpu_us, engine_cpu_us } =
            &self.baseline;
        let beside = [requests_per_second, p50_ms, p99_ms, cpu_us];
        figures(text, &format!("  {name}"), beside, *engine_cpu_us);
        let Spread { median, lowest, highest } = self.ratio;
        let name = "  ratio";
        line(text, format_args!("{name:28}  {median:>10.3}{lowest:>10.3}{highest:>10.3}"));
    }
}

fn figures(text: &mut String, name: &str, pace: [&Spread; 4], engine: Option<Spread>) {
    let [Spread { median, lowest, highest }, p50, p99, cpu] = pace;
    let [p50, p99, cpu] = [p50, p99, cpu].map(|spread| spread.median);
    let engine = engine.map_or_else(String::new, |spread| format!("{:>11.1}", spread.median));
    line(
        text,
        format_args!(
            "{name:28}  {median:>10.0}{lowest:>10.0}{highest:>10.0}{p50:>9.2}{p99:>9.2}\
             {cpu:>9.1}{engine}"
        ),
    );
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _infallible = writeln!(text, "{arguments}");
}

fn row(seen: &[Seen], subject: Subject, beside: String) -> Row {
    let these: Vec<_> = seen.iter().filter(|one| one.subject == subject).collect();
    let of = |figure: fn(&Seen) -> f64| Spread::of(these.iter().map(|one| figure(one)));
    let engine = |figure: fn(&Seen) -> Option<f64>| {
        let figures: Option<Vec<_>> = these.iter().map(|one| figure(one)).collect();
        figures.map(Spread::of)
    };
    Row {
        subject,
        requests_per_second: of(|one| one.served.per_second),
        p50_ms: of(|one| one.served.p50),
        p99_ms: of(|one| one.served.p99),
        cpu_us: of(|one| one.served.cpu),
        engine_cpu_us: engine(|one| one.served.engine_cpu),
        baseline: Baseline {
            name: beside,
            requests_per_second: of(|one| one.baseline.per_second),
            p50_ms: of(|one| one.baseline.p50),
            p99_ms: of(|one| one.baseline.p99),
            cpu_us: of(|one| one.baseline.cpu),
            engine_cpu_us: engine(|one| one.baseline.engine_cpu),
        },
        ratio: of(|one| ratio(one.served, one.baseline)),
    }
}

fn ratio(served: Pace, baseline: Pace) -> f64 {
    served.per_second / baseline.per_second
}

fn target(rows: &[Row], goal: &Goal) -> Target {
    let these = rows.iter().filter(|row| (goal.counts)(row.subject));
    let seen = these.map(|row| row.ratio.median).fold(f64::INFINITY, f64::min);
    let Goal { what, at_least, .. } = *goal;
    Target { what: what.to_owned(), at_least, seen, met: seen >= at_least }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{self, GOALS};
    use crate::surface::Surface;

    fn pace(per_second: f64) -> Pace {
        let (p50, p99, cpu) = (1e3 / per_second, 5e3 / per_second, 4e5 / per_second);
        Pace { per_second, p50, p99, cpu, engine_cpu: None }
    }

    /// Two rounds in which Clientbook reads at `read` and writes at `write` of the baselines' pace.
    fn rounds(read: f64, write: f64) -> Vec<Round> {
        let round = |busy: f64| {
            let seen = |method, of: f64, baseline: f64| {
                move |surface| {
                    let (served, baseline) = (pace(busy * of * baseline), pace(baseline));
                    let subject = Subject { surface, method, servers: 1 };
                    Seen { subject, served, others: 0.25, baseline }
                }
            };
            let reads = Surface::ALL.into_iter().map(seen(Method::Get, read, 100_000.0));
            let writes = Surface::ALL.into_iter().map(seen(Method::Patch, write, 12_000.0));
            let mut seen: Vec<_> = reads.chain(writes).collect();
            seen.sort_by_key(|one| one.subject.surface as usize);
            Round { seen, peak_memory: 40 << 20 }
        };
        vec![round(0.9), round(1.1)]
    }

    fn beside(subject: Subject) -> String {
        match subject.method {
            Method::Get => "bare hyper".into(),
            Method::Patch => "SQLite in groups of 44".into(),
        }
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
            engine: Engine {
                name: "SQLite".into(),
                settings: vec![pair("journal_mode", "wal"), pair("synchronous", "2")],
            },
            clients: 10_000,
            connections: 64,
            generator_threads: 1,
            rounds: 2,
            seconds: 1.5,
        };
        Report::new(ran, &rounds(read, write), &GOALS, beside)
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
        let report = Report::new(report(1.0, 1.0).ran, &rounds, &GOALS, beside);
        assert_eq!([report.targets[0].met, report.targets[1].met], [true, false]);
    }

    #[test]
    fn versions_are_those_of_the_lock_file() {
        for name in [&run::VERSIONS[..], &crate::postgres::VERSIONS].concat() {
            assert!(locked(LOCK, name).is_some(), "{name}");
        }
        assert_eq!(locked("name = \"a\"\nversion = \"1\"\n", "a").as_deref(), Some("1"));
        assert_eq!(locked("name = \"ab\"\nversion = \"1\"\n", "a"), None);
    }
}
