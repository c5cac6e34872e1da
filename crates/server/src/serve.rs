//! `clientbook serve`: from settings to a running server, and back.

use crate::config::Config;
use crate::failure::Failure;
use crate::settings::{
    self, BOOTSTRAP_TOKEN, DEFAULT_DATABASE, DEFAULT_LISTEN, DEFAULT_RATE_LIMIT,
};
use crate::signals::Signals;
use crate::{cli, demo, http, jwks, log, open_files, output, store};
use clientbook_app::{
    App, AppError, Bootstrap, DEFAULT_CLIENT_CACHE, DEFAULT_RETENTION_DAYS, Env, IssuerSettings,
};
use clientbook_model::secret::Secret;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

/// How long reads that are still running may hold up the end of the process.
const LAST_READS: Duration = Duration::from_secs(2);

/// How often answers and imports are forgotten whose time is over.
const FORGET_AFTER: Duration = Duration::from_mins(1);

/// How often what was gathered of agents is written: no more is lost in a crash.
const WRITE_AFTER: Duration = Duration::from_secs(5);

struct Settings {
    listen: SocketAddr,
    /// Absent for the demo's temporary one.
    database: Option<String>,
    demo: bool,
    bootstrap: Option<Secret>,
    issuers: Vec<IssuerSettings>,
    public_url: Option<String>,
    rate_limit: Option<NonZeroU32>,
    telemetry_days: i64,
    client_cache: u32,
}

/// Serves until a signal says to stop.
pub(crate) fn run(args: cli::Serve) -> Result<ExitCode, Failure> {
    let (settings, filter) = check(args).map_err(Failure::Setting)?;
    log::start(filter);
    let runtime = crate::runtime()?;
    let signals = {
        let _context = runtime.enter();
        Signals::install()?
    };
    // Made once signals are listened for, and dropped last: nothing stays behind.
    let temporary = match settings.database {
        Some(_) => None,
        None => Some(temporary_directory()?),
    };
    let outcome = runtime.block_on(serve(settings, temporary.as_ref(), signals));
    // Ends what is left of connections, and with the last of them the store is closed.
    runtime.shutdown_timeout(LAST_READS);
    if let Some(directory) = temporary {
        let path = directory.path().display().to_string();
        if let Err(error) = directory.close() {
            warn!(%error, path, "the demo's temporary directory could not be removed");
        }
    }
    outcome?;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn check(args: cli::Serve) -> Result<(Settings, EnvFilter), String> {
    let config = Config::read(args.config.as_deref())?;
    let directory = args.config.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let issuers = config.issuers(directory)?;
    // A refusal names the flag, which whoever wrote the value into the file has not given.
    let place = |given: &Option<String>, written: &Option<String>| match (given, written) {
        (None, Some(_)) => |why| format!("{why} (the value is from the file of --config)"),
        _ => |why| why,
    };
    let log_from = place(&args.log, &config.log);
    let log = args.log.or(config.log);
    let filter = settings::log_filter(log.as_deref().unwrap_or("info")).map_err(log_from)?;
    let listen_from = place(&args.listen, &config.listen);
    let listen = args.listen.or(config.listen);
    let listen = listen.as_deref().unwrap_or(DEFAULT_LISTEN);
    let listen = settings::listen(listen).map_err(listen_from)?;
    let database_from = place(&args.database, &config.database);
    let database = match args.database.or(config.database) {
        None if args.demo => None,
        given => Some(given.unwrap_or_else(|| DEFAULT_DATABASE.into())),
    };
    let rate_limit_from = place(&args.rate_limit, &config.rate_limit.map(|it| it.to_string()));
    let rate_limit = args.rate_limit.or(config.rate_limit.map(|it| it.to_string()));
    let rate_limit = rate_limit.unwrap_or_else(|| DEFAULT_RATE_LIMIT.to_string());
    let rate_limit = settings::rate_limit(&rate_limit).map_err(rate_limit_from)?;
    let written = config.telemetry_days.map(|days| days.to_string());
    let telemetry_from = place(&args.telemetry_days, &written);
    let telemetry_days = match args.telemetry_days.or(written) {
        Some(days) => settings::telemetry_days(&days).map_err(telemetry_from)?,
        None => DEFAULT_RETENTION_DAYS,
    };
    let written = config.client_cache.map(|mib| mib.to_string());
    let cache_from = place(&args.client_cache, &written);
    let client_cache = match args.client_cache.or(written) {
        Some(mib) => settings::client_cache(&mib).map_err(cache_from)?,
        None => DEFAULT_CLIENT_CACHE,
    };
    let public_url = config.public_url.as_deref().map(settings::public_url).transpose()?;
    if let Some(url) = &database {
        settings::database(url).map_err(database_from)?;
    }
    if args.demo {
        settings::demo_listen(listen)?;
    }
    let bootstrap = std::env::var_os(BOOTSTRAP_TOKEN).map(settings::bootstrap_token).transpose()?;
    let demo = args.demo;
    let rate_limit = rate_limit.filter(|_| !demo);
    let settings = Settings {
        listen,
        database,
        demo,
        bootstrap,
        issuers,
        public_url,
        rate_limit,
        telemetry_days,
        client_cache,
    };
    Ok((settings, filter))
}

async fn serve(
    settings: Settings,
    temporary: Option<&TempDir>,
    signals: Signals,
) -> Result<(), Failure> {
    // The address first: a start that fails for it has not made a store and told its token.
    let listener = bind(settings.listen).await?;
    let address = listener.local_addr().unwrap_or(settings.listen);
    let url = match (settings.database, temporary) {
        (Some(url), _) => url,
        (None, Some(directory)) => {
            format!("sqlite:{}", directory.path().join("clientbook.db").display())
        }
        (None, None) => DEFAULT_DATABASE.into(),
    };
    let db = store::to_serve(&url)?;
    let (app, bootstrap) = App::start(db, Env::system(), settings.bootstrap).await?;
    let fetch = jwks::fetcher().map_err(|error| Failure::Failed(error.to_string()))?;
    let app = app
        .with_issuers(settings.issuers, &fetch)
        .with_retention(settings.telemetry_days)
        .with_client_cache(settings.client_cache);
    told(output::print(&format!("Clientbook listens on http://{address}")));
    tell_bootstrap(bootstrap, settings.demo);
    if settings.demo {
        let store = if temporary.is_some() { None } else { Some(settings::without_password(&url)) };
        told(output::print(&demo::prepare(&app, address, store.as_deref()).await?));
    }
    info!("listening on http://{address}");
    if !address.ip().to_canonical().is_loopback() {
        warn!("tokens pass the network in clear unless a proxy that speaks TLS stands in front");
    }
    let options = clientbook_api::Options {
        throttle_failed_logins: !settings.demo,
        rate_limit: settings.rate_limit,
        public_url: settings.public_url.unwrap_or_else(|| format!("http://{address}")),
    };
    let connections = open_files::connections(http::CONNECTIONS);
    if connections < http::CONNECTIONS {
        info!(connections, "the limit of open files (ulimit -n) lowers that of connections");
    }
    let directory = temporary.map(|directory| directory.path().to_owned());
    tokio::spawn(finish_erasures(app.clone()));
    tokio::spawn(forget(app.clone()));
    tokio::spawn(write_gathered(app.clone()));
    let surfaces = clientbook_api::Surfaces::new(app.clone(), options);
    let answers = move |peer, request| surfaces.clone().answer(peer, request);
    let stopped = async {
        stop(signals, directory).await;
        // Their answers would come long after the last moment.
        app.release_agents();
    };
    http::serve(listener, answers, connections, stopped).await;
    written(app.write_gathered().await);
    Ok(())
}

/// Ends what the stop of a server before has cut off. With a million clients it takes seconds.
async fn finish_erasures(app: App) {
    if let Err(error) = app.finish_erasures().await {
        warn!(?error, "bytes of erased clients may still be in the files");
    }
}

/// Writes what was gathered of agents, again and again.
async fn write_gathered(app: App) {
    loop {
        tokio::time::sleep(WRITE_AFTER).await;
        written(app.write_gathered().await);
    }
}

fn written(done: Result<(), AppError>) {
    if let Err(error) = done {
        warn!(?error, "when agents were heard of could not be written; trying again");
    }
}

/// Forgets what nobody can ask for any more, at once and then again and again: answers to calls, and
/// imports.
async fn forget(app: App) {
    loop {
        while forgotten("answers", app.forget_answers().await) {}
        while forgotten("imports", app.forget_imports().await) {}
        forgotten("telemetry", app.forget_telemetry().await);
        tokio::time::sleep(FORGET_AFTER).await;
    }
}

/// Whether there may be more.
fn forgotten(what: &str, done: Result<bool, AppError>) -> bool {
    done.unwrap_or_else(|error| {
        warn!(?error, "old {what} could not be forgotten; trying again later");
        false
    })
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "another process has this port: stop it, or choose \
                 another port, or 0 for a free one"
                .into(),
            io::ErrorKind::PermissionDenied => "this user may not listen on this port: choose one \
                 of 1024 or above"
                .into(),
            io::ErrorKind::AddrNotAvailable => "this machine does not have the address: choose \
                 one it has, or 0.0.0.0 for all"
                .into(),
            _ => format!("it cannot be listened on ({error}): choose another"),
        };
        Failure::Failed(format!("--listen (CLIENTBOOK_LISTEN) is {address}, but {why}"))
    })
}

fn tell_bootstrap(bootstrap: Bootstrap, demo: bool) {
    match bootstrap {
        Bootstrap::Made(secret) => {
            let line = format!("Operator token, told this once: {}", secret.expose());
            if let Err(error) = output::print(&line) {
                let instead = "make another with: clientbook token create --role operator";
                error!(%error, instead, "the operator's token could not be printed");
            }
        }
        Bootstrap::Given if demo => {
            told(output::print(&format!("Operator token: the value of {BOOTSTRAP_TOKEN}")));
        }
        Bootstrap::Given => info!("the operator's token is the value of {BOOTSTRAP_TOKEN}"),
        Bootstrap::Kept => {}
        Bootstrap::Differs => {
            warn!("{BOOTSTRAP_TOKEN} is ignored: the store was made with another token");
        }
    }
}

/// A server whose standard output is closed goes on serving.
fn told(printed: io::Result<()>) {
    if let Err(error) = printed {
        warn!(%error, "standard output cannot be written to");
    }
}

fn temporary_directory() -> Result<TempDir, Failure> {
    let owner_only = std::fs::Permissions::from_mode(0o700);
    let mut builder = tempfile::Builder::new();
    builder.prefix("clientbook-demo-").permissions(owner_only).tempdir().map_err(|error| {
        Failure::Failed(format!(
            "a temporary directory cannot be made ({error}): point TMPDIR to one that this user \
             may write to, or give --database (CLIENTBOOK_DATABASE)"
        ))
    })
}

/// Done at the first signal. The second ends the process at once.
async fn stop(mut signals: Signals, temporary: Option<PathBuf>) {
    let signal = signals.next().await;
    let seconds = http::GRACE.as_secs();
    info!(signal, "stopping; requests that have begun may take another {seconds} s");
    tokio::spawn(async move {
        let signal = signals.next().await;
        warn!(signal, "stopping at once");
        if let Some(Err(error)) = temporary.map(std::fs::remove_dir_all) {
            warn!(%error, "the demo's temporary directory could not be removed");
        }
        std::process::exit(1);
    });
}
