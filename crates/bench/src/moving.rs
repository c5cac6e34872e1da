//! Export and import of a large store, beside SQLite alone that runs the statements of the import.

use crate::surface::TENANT;
use crate::{Failure, MovingArgs, child, machine, scale, store};
use clientbook_app::{App, AppError, Caller, Home, ImportTerms, NewTenant, Once};
use clientbook_model::moving::{Format, Gather, Taken};
use clientbook_model::tenant::{Slug, TenantName};
use clientbook_store::Replay;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Rows that SQLite alone is compared on: all that an import runs is kept in memory for it.
const COMPARED: u32 = 50_000;

/// Rows of a batch, as the command has them.
const BATCH: usize = 500;

/// What an import must reach at least of SQLite alone.
const TARGET: f64 = 0.25;

/// What the commands may use of memory at most, in MiB.
const MEMORY: u64 = 500;

/// How often a command's memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Whether all went as it should: without `--assert`, missed targets do.
pub(crate) fn run(args: &MovingArgs) -> Result<bool, Failure> {
    let bench = Bench { args, clients: f64::from(args.clients) };
    let (from, _token) = scale::kept(&args.directory, args.clients)?;
    let mut peak = 0;
    for format in Format::ALL {
        let file = args.directory.join("moving").with_extension(format.as_str());
        peak = peak.max(bench.export(&from, &file)?);
        let path = args.directory.join("moving.db");
        empty(&path)?;
        let into = store::url(&path);
        peak = peak.max(bench.import(&into, &file)?);
        let again = args.directory.join("again").with_extension(format.as_str());
        peak = peak.max(bench.export(&into, &again)?);
        if !same(&file, &again)? {
            return Err("what was exported after the import is not what was imported".into());
        }
        println!("{}: exported, imported and exported again: the same bytes", format.as_str());
        std::fs::remove_file(&again)?;
        store::remove(&path)?;
    }
    let ratio = compare(&args.directory, &args.directory.join("moving.ndjson"))?;
    println!("peak memory of the commands: {peak} MiB");
    Ok(!args.assert || (ratio >= TARGET && peak < MEMORY))
}

struct Bench<'a> {
    args: &'a MovingArgs,
    clients: f64,
}

impl Bench<'_> {
    fn export(&self, from: &str, file: &Path) -> Result<u64, Failure> {
        let mut command = self.command(from);
        command.arg("export").arg("--output").arg(file);
        self.timed("export", file, &mut command)
    }

    fn import(&self, into: &str, file: &Path) -> Result<u64, Failure> {
        let mut command = self.command(into);
        command.arg("import").arg(file);
        self.timed("import", file, &mut command)
    }

    fn command(&self, url: &str) -> Command {
        let mut command = child::clientbook(&self.args.server, url);
        command.env("CLIENTBOOK_TENANT", TENANT);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs a command to its end; the most memory that it had, in MiB.
    fn timed(&self, name: &str, file: &Path, command: &mut Command) -> Result<u64, Failure> {
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let mut peak = 0;
        let status = loop {
            // Gone between two looks: the last one stands.
            peak = machine::peak_memory(child.id()).unwrap_or(peak).max(peak);
            match child.try_wait()? {
                Some(status) => break status,
                None => std::thread::sleep(LOOK),
            }
        };
        if !status.success() {
            return Err(format!("{name}: {status}").into());
        }
        let seconds = begun.elapsed().as_secs_f64();
        let peak = peak >> 20;
        let mib = std::fs::metadata(file)?.len() >> 20;
        println!(
            "{name} {}: {seconds:.1} s, {:.0} rows/s, {mib} MiB, peak memory {peak} MiB",
            file.extension().unwrap_or_default().display(),
            self.clients / seconds,
        );
        Ok(peak)
    }
}

fn same(one: &Path, other: &Path) -> Result<bool, Failure> {
    let (mut one, mut other) =
        (BufReader::new(File::open(one)?), BufReader::new(File::open(other)?));
    loop {
        let (ours, theirs) = (one.fill_buf()?, other.fill_buf()?);
        let length = ours.len().min(theirs.len());
        if length == 0 {
            return Ok(ours.len() == theirs.len());
        }
        if ours[..length] != theirs[..length] {
            return Ok(false);
        }
        one.consume(length);
        other.consume(length);
    }
}

/// A store with the tenant and nothing in it.
fn empty(path: &Path) -> Result<(), Failure> {
    store::remove(path)?;
    let slug = Slug::new(TENANT).map_err(|broken| broken.message)?;
    let name = TenantName::new("TechPartner Inc.").map_err(|broken| broken.message)?;
    let tenant = NewTenant { id: None, object_id: None, slug, name, strict_fields: false };
    Runtime::new()?.block_on(async {
        let app = store::open(&store::url(path)).await?.1;
        let caller = Caller::system("bench".into());
        app.create_tenant(&caller, tenant, Once::free()).await.map_err(told)?;
        Ok(())
    })
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by value")]
fn told(error: AppError) -> Failure {
    format!("{error:?}").into()
}

/// How fast the first rows are imported, as a part of how fast SQLite alone runs the same statements
/// in the same transactions.
fn compare(directory: &Path, file: &Path) -> Result<f64, Failure> {
    let (ours, theirs) = (directory.join("compared.db"), directory.join("replayed.db"));
    empty(&ours)?;
    store::remove(&theirs)?;
    std::fs::copy(&ours, &theirs)?;
    let (bytes, rows) = head(file)?;
    let runtime = Runtime::new()?;
    // Once recorded, once on the clock: to record takes time too.
    let recording = runtime.block_on(async {
        let (db, app) = store::open(&store::url(&ours)).await?;
        db.start_recording().await?;
        import(&app, &bytes).await?;
        Ok::<_, Failure>(db.stop_recording().await?)
    })?;
    empty(&ours)?;
    let took = runtime.block_on(async {
        let (_, app) = store::open(&store::url(&ours)).await?;
        let begun = Instant::now();
        import(&app, &bytes).await?;
        Ok::<_, Failure>(begun.elapsed())
    })?;
    let mut replay = Replay::open(&theirs)?;
    let begun = Instant::now();
    replay.run(&recording)?;
    let alone = begun.elapsed();
    drop(replay);
    store::remove(&ours)?;
    store::remove(&theirs)?;
    let rate = |took: Duration| f64::from(rows) / took.as_secs_f64();
    let ratio = rate(took) / rate(alone);
    println!(
        "the first {rows} rows: import {:.0} rows/s; SQLite alone, the same statements: {:.0} \
         rows/s; ratio {ratio:.2}",
        rate(took),
        rate(alone),
    );
    Ok(ratio)
}

/// The first lines of a file.
fn head(file: &Path) -> Result<(Vec<u8>, u32), Failure> {
    let (mut bytes, mut rows) = (Vec::new(), 0);
    let mut lines = BufReader::new(File::open(file)?);
    while rows < COMPARED && lines.read_until(b'\n', &mut bytes)? > 0 {
        rows += 1;
    }
    Ok((bytes, rows))
}

/// As the command does it.
async fn import(app: &App, bytes: &[u8]) -> Result<(), Failure> {
    let caller = Caller::system("bench".into());
    let home = Home::Field { asked: Some(TENANT.into()), at: "/tenant" };
    let id = app.new_import_id();
    let terms =
        ImportTerms { home, id, match_by: None, dry_run: false, resume: false, batch: BATCH };
    let mut import = app.import_clients(&caller, terms).await.map_err(told)?;
    let mut gather = Gather::new(Format::Ndjson, Taken::default(), BATCH);
    gather.feed(bytes);
    let wrong = |broken| format!("{broken:?}");
    let mut next = gather.next_batch().map_err(wrong)?;
    while let Some(batch) = next {
        let (taken, read) = tokio::join!(import.take(batch), async {
            let next = gather.next_batch();
            match next {
                Ok(None) if !gather.has_ended() => {
                    gather.feed(&[]);
                    gather.next_batch()
                }
                next => next,
            }
        });
        taken.map_err(told)?;
        next = read.map_err(wrong)?;
    }
    import.finish().await.map_err(told)?;
    match import.mark().failed {
        0 => Ok(()),
        failed => Err(format!("{failed} rows failed").into()),
    }
}
