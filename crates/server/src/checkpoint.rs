//! `clientbook audit key` and `clientbook audit checkpoint`.

use crate::cli::{AuditCheckpoint, AuditKey};
use crate::failure::Failure;
use crate::{log, output, settings, store};
use clientbook_app::{App, AppError, Checkpoint, Env, SigningKey, VerifyingKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::ExitCode;

/// Makes a key in a file that only this user can read, and prints the public half.
pub(crate) fn key(args: &AuditKey) -> Result<ExitCode, Failure> {
    let key = SigningKey::generate(&Env::system())?;
    let path = args.output.display();
    let failed = |error: io::Error| Failure::Failed(format!("{path} could not be made: {error}"));
    let mut file = new_file(&args.output, 0o600).map_err(failed)?;
    file.write_all(key.to_text().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    print(&key.public().to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a checkpoint. A file is there only once it is whole.
pub(crate) fn write(args: AuditCheckpoint) -> Result<ExitCode, Failure> {
    log::start(settings::log_filter("warn").map_err(Failure::Setting)?);
    let key = read_key(&args.key)?;
    let app = App::inspect(store::to_read(&args.database)?, Env::system());
    let Some(path) = &args.output else {
        let mut out = BufWriter::new(io::stdout().lock());
        tell(&app, &key, args.tenant, &mut out)?;
        out.flush().map_err(|error| unwritten("standard output", &error))?;
        return Ok(ExitCode::SUCCESS);
    };
    let name = path.display().to_string();
    let failed = |error: io::Error| unwritten(&name, &error);
    if path.exists() {
        return Err(Failure::Setting(format!("{name} is there already: name another file")));
    }
    let mut part = path.clone().into_os_string();
    part.push(".part");
    let mut out = BufWriter::new(new_file(part.as_ref(), 0o644).map_err(failed)?);
    let told = tell(&app, &key, args.tenant, &mut out).and_then(|()| {
        out.flush().and_then(|()| out.get_ref().sync_all()).map_err(failed)?;
        fs::rename(&part, path).map_err(failed)
    });
    if told.is_err() && fs::remove_file(&part).is_err() {
        output::note(&format!("{} may be left", Path::new(&part).display()));
    }
    told.map(|()| ExitCode::SUCCESS)
}

fn tell(
    app: &App,
    key: &SigningKey,
    tenant: Option<String>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let write = |line: &str| {
        let failed = |error: io::Error| AppError::Unavailable(format!("not written: {error}"));
        out.write_all(line.as_bytes()).map_err(failed)
    };
    Ok(crate::runtime()?.block_on(async {
        app.check_whole().await?;
        app.checkpoint(key, tenant, write).await
    })?)
}

/// Reads a checkpoint and checks its signatures; says whose they are where nobody said whose they
/// must be.
pub(crate) fn check(path: &Path, expected: Option<VerifyingKey>) -> Result<(), Failure> {
    let name = path.display();
    let wrong =
        |why: String| Failure::Failed(format!("the checkpoint {name} is not intact: {why}"));
    let checkpoint = Checkpoint::check(open(path)?).map_err(wrong)?;
    let Checkpoint { public_key, created_at, tenants, chains } = checkpoint;
    if expected.is_some_and(|expected| expected != public_key) {
        return Err(Failure::Failed(format!(
            "the checkpoint {name} is signed with another key: {public_key}"
        )));
    }
    output::note(&format!("checkpoint of {created_at}: {tenants} tenants, {chains} chains"));
    if expected.is_none() {
        output::note(&format!(
            "signed with {public_key}: give --public-key to be told if it is not yours"
        ));
    }
    Ok(())
}

/// The checkpoint, to be read.
pub(crate) fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let failed = |error| Failure::Failed(format!("{} cannot be read: {error}", path.display()));
    File::open(path).map(BufReader::new).map_err(failed)
}

fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let name = path.display();
    let failed = |error: io::Error| {
        let make = "make one with clientbook audit key";
        Failure::Failed(format!("the key {name} cannot be read: {error}: {make}"))
    };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Failure::Failed(format!(
            "the key {name} can be read by others: chmod 600 {name}, or make another"
        )));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    SigningKey::from_text(&text)
        .map_err(|_| Failure::Failed(format!("{name} holds no key: 64 hex digits are expected")))
}

fn new_file(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

fn unwritten(name: &str, error: &io::Error) -> Failure {
    Failure::Failed(format!("the checkpoint could not be written to {name}: {error}"))
}

fn print(line: &str) -> Result<(), Failure> {
    output::print(line).map_err(|error| unwritten("standard output", &error))
}
