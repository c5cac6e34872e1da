//! `clientbook import`: into a store, or through a running server.

use super::report::Report;
use super::state::{State, beside};
use super::{about_terms, format_of, home, is_file, parent, remote, unescaped};
use crate::cli;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::settings::{self, DEFAULT_DATABASE};
use crate::signals::Signals;
use crate::{log, output, store};
use clientbook_app::{App, AppError, Bootstrap, Caller, Env, Import, ImportTerms};
use clientbook_model::moving::{Format, Gather, SourceRow, Unreadable};
use clientbook_model::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Instant;

/// Rows of a transaction: nobody else waits for a store that this process alone has open.
const BATCH: usize = 500;

/// Bytes that are read at a time.
const BLOCK: usize = 256 << 10;

/// What came of an import.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) rows: i64,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) unchanged: i64,
    pub(super) failed: i64,
    pub(super) waiting: i64,
}

/// Imports the file. A signal stops it where it can go on later.
pub(crate) fn run(args: &cli::Import) -> Result<ExitCode, Failure> {
    log::start(settings::log_filter("warn").map_err(Failure::Setting)?);
    let since = Instant::now();
    let source = Source::open(args)?;
    let (is_stream, report) = (source.is_stream, source.report(args)?);
    let url = args.place.database.as_deref().unwrap_or(DEFAULT_DATABASE);
    let shown = settings::without_password(args.place.server.as_deref().unwrap_or(url));
    let runtime = crate::runtime()?;
    let (summary, resumed, report) = runtime.block_on(async {
        let mut signals = Signals::install()?;
        let importing = async {
            // Refused before anything is kept of it.
            let begin = Begin::new(args, url).await?;
            let state = State::of(args, &shown, !is_stream)?;
            let mut report = Report::new(report);
            let summary = match begin.run(args, &state, source, &mut report).await {
                Ok(summary) => summary,
                Err(failure) => {
                    state.failed()?;
                    return Err(failure);
                }
            };
            let (resumed, report) = (state.resumed, report.finish()?);
            state.remove()?;
            Ok((summary, resumed, report))
        };
        let mut importing = pin!(importing);
        tokio::select! {
            outcome = &mut importing => outcome,
            signal = signals.next() => {
                Err(Failure::Failed(format!("stopped by {signal}: {}", stays(!is_stream))))
            }
        }
    })?;
    tell(args, &summary, resumed, report, since)
}

/// What is said of an import that has not ended.
pub(super) fn stays(can_be_repeated: bool) -> &'static str {
    if can_be_repeated {
        "what has been imported stays, and the same command goes on from there"
    } else {
        "what has been imported stays"
    }
}

fn full(can_be_repeated: bool) -> Failure {
    Failure::Failed(format!("the disk is full; {}", stays(can_be_repeated)))
}

/// Says what came of it.
fn tell(
    args: &cli::Import,
    summary: &Summary,
    resumed: bool,
    report: Option<PathBuf>,
    since: Instant,
) -> Result<ExitCode, Failure> {
    let view = json!({
        "rows": summary.rows,
        "created": summary.created,
        "updated": summary.updated,
        "unchanged": summary.unchanged,
        "failed": summary.failed,
        "waiting": summary.waiting,
        "dry_run": args.dry_run,
        "resumed": resumed,
        "errors": report.as_ref().map(|path| path.display().to_string()),
        "seconds": since.elapsed().as_secs(),
    });
    output::print(&output::json(&view)).map_err(|error| {
        Failure::Failed(format!("what was imported could not be printed: {error}"))
    })?;
    if summary.failed > 0 {
        let told = match report {
            Some(path) => format!(": {} says why", path.display()),
            None => ": --errors FILE would say why".to_owned(),
        };
        return Err(Failure::Failed(format!("{} rows failed{told}", summary.failed)));
    }
    Ok(ExitCode::SUCCESS)
}

/// The file.
pub(super) struct Source {
    pub(super) file: Box<dyn Read + Send>,
    pub(super) format: Format,
    /// How many there are; 0 of a stream.
    pub(super) bytes: u64,
    /// It is a pipe or the like: nothing stands beside it, and it cannot be read again.
    pub(super) is_stream: bool,
}

impl Source {
    fn open(args: &cli::Import) -> Result<Self, Failure> {
        let path = args.file.as_path();
        let unknown = "--format (CLIENTBOOK_FORMAT) is missing, and the file's name does not end in \
                       .ndjson, .jsonl or .csv: say which it is";
        let format = args.format.or_else(|| format_of(path));
        let format = format.ok_or_else(|| Failure::Setting(unknown.into()))?;
        if path == Path::new("-") {
            let file = Box::new(io::stdin());
            return Ok(Self { file, format, bytes: 0, is_stream: true });
        }
        let unreadable =
            |error| Failure::Setting(format!("{} cannot be read: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(Failure::Setting(format!("{} is a directory", path.display())));
        }
        let is_stream = !is_file(path);
        Ok(Self { file: Box::new(file), format, bytes: metadata.len(), is_stream })
    }

    /// Where rows that fail are told.
    fn report(&self, args: &cli::Import) -> Result<Option<PathBuf>, Failure> {
        let Some(path) = &args.errors else {
            return Ok((!self.is_stream).then(|| beside(&args.file, ".errors.ndjson")));
        };
        let refused = |why| Failure::Setting(format!("--errors (CLIENTBOOK_ERRORS) {why}"));
        if path.is_dir() || !parent(path).is_dir() {
            return Err(refused("names no file in a directory that is there"));
        }
        let place = |path: &Path| path.canonicalize().ok();
        if !self.is_stream && place(path).is_some() && place(path) == place(&args.file) {
            return Err(refused("names the file that is imported: it would be written over"));
        }
        Ok(Some(path.clone()))
    }
}

/// Where it goes.
enum Begin<'a> {
    Store(App),
    Server(&'a str),
}

impl<'a> Begin<'a> {
    async fn new(args: &'a cli::Import, url: &str) -> Result<Self, Failure> {
        if let Some(server) = &args.place.server {
            return Ok(Self::Server(server));
        }
        let instead = "ask that one, with a token that may make clients in CLIENTBOOK_TOKEN and \
                       --server http://127.0.0.1:8080 (its address) in place of --database";
        let db = store::to_change(url, instead)?;
        let (app, bootstrap) = App::start(db, Env::system(), None).await?;
        if let Bootstrap::Made(secret) = bootstrap {
            // The server that made the store was stopped before it made the operator's token.
            let secret = secret.expose();
            output::note(&format!("The store's operator token, told this once: {secret}"));
        }
        Ok(Self::Store(app))
    }

    async fn run(
        self,
        args: &cli::Import,
        state: &State,
        source: Source,
        report: &mut Report,
    ) -> Result<Summary, Failure> {
        match self {
            Self::Store(app) => into_store(&app, args, state, source, report).await,
            Self::Server(server) => remote::import(args, server, state, source, report).await,
        }
    }
}

async fn into_store(
    app: &App,
    args: &cli::Import,
    state: &State,
    source: Source,
    report: &mut Report,
) -> Result<Summary, Failure> {
    let caller = Caller::cli(app.new_request_id());
    let terms = ImportTerms {
        home: home(args.place.tenant.as_deref())?,
        id: state.id,
        match_by: args.match_by,
        dry_run: args.dry_run,
        resume: state.is_known,
        batch: BATCH,
    };
    let mut import = app.import_clients(&caller, terms).await.map_err(about_terms)?;
    let (before, can_be_repeated) = (import.mark().read, !source.is_stream);
    let mut rows = Rows {
        gather: Gather::new(source.format, import.mark().taken(), import.batch()),
        source,
        block: vec![0; BLOCK],
        read: 0,
    };
    let broken = |error| match error {
        AppError::StorageFull if !args.dry_run => full(can_be_repeated),
        error => error.into(),
    };
    let mut progress = Progress::begin("importing", 0, unsigned(before));
    let mut next = rows.next()?;
    if before > 0 {
        output::note(&format!("{before} rows are in already: going on"));
    }
    while let Some(batch) = next {
        let read_so_far = batch.last().map_or(0, |row| row.number);
        progress.expect(rows.estimate(unsigned(read_so_far)));
        state.begins()?;
        // The next rows are read while these are written.
        let (taken, read) = tokio::join!(import.take(batch), async { rows.next() });
        taken.map_err(broken)?;
        next = read?;
        progress.at("", unsigned(import.mark().read));
    }
    if import.mark().waiting() > 0 && !args.dry_run {
        output::note(&format!("{} rows waited for their parents", import.mark().waiting()));
    }
    import.finish().await.map_err(broken)?;
    progress.end(unsigned(import.mark().read));
    tell_errors(&import, report).await?;
    let mark = import.mark();
    Ok(Summary {
        rows: mark.read,
        created: mark.created,
        updated: mark.updated,
        unchanged: mark.unchanged,
        failed: mark.failed,
        waiting: mark.waiting(),
    })
}

fn unsigned(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or_default()
}

async fn tell_errors(import: &Import, report: &mut Report) -> Result<(), AppErrorOr> {
    let mut told = 0;
    loop {
        let errors = import.report().errors(told).await?;
        if errors.is_empty() {
            return Ok(());
        }
        told += i64::try_from(errors.len()).unwrap_or(i64::MAX);
        for error in errors {
            report.line(&error.json())?;
        }
    }
}

/// Either kind of failure, as one.
struct AppErrorOr(Failure);

impl From<AppError> for AppErrorOr {
    fn from(error: AppError) -> Self {
        Self(error.into())
    }
}

impl From<Failure> for AppErrorOr {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl From<AppErrorOr> for Failure {
    fn from(error: AppErrorOr) -> Self {
        error.0
    }
}

/// The rows of the file.
struct Rows {
    gather: Gather,
    source: Source,
    block: Vec<u8>,
    read: u64,
}

impl Rows {
    fn next(&mut self) -> Result<Option<Vec<SourceRow>>, Failure> {
        loop {
            let batch = self.gather.next_batch().map_err(unreadable)?;
            if batch.is_some() || self.gather.has_ended() {
                return Ok(batch);
            }
            let read = self.source.file.read(&mut self.block).map_err(|error| {
                Failure::Failed(format!("the file cannot be read to its end: {error}"))
            })?;
            self.read += read as u64;
            self.gather.feed(&self.block[..read]);
        }
    }

    /// How many rows there may be, by how long those are that have been read.
    fn estimate(&self, rows: u64) -> u64 {
        let all = u128::from(rows) * u128::from(self.source.bytes) / u128::from(self.read.max(1));
        u64::try_from(all).unwrap_or(u64::MAX).max(rows)
    }
}

fn unreadable(why: Unreadable) -> Failure {
    match why {
        Unreadable::Header(broken) => header(&broken),
        Unreadable::Unclosed(broken) | Unreadable::Other(broken) => Failure::Failed(broken.message),
    }
}

fn header(broken: &[Violation]) -> Failure {
    let told = broken.iter().map(|one| match one.path.trim_start_matches('/') {
        "" => one.message.clone(),
        name => format!("{:?} {}", unescaped(name), one.message),
    });
    let told = told.collect::<Vec<_>>().join("; ");
    Failure::Failed(format!("the file's header cannot be used: {told}"))
}
