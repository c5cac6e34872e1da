//! `clientbook export`: from a store, or from a running server.

use super::{about_terms, format_of, home, refused};
use crate::cli;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::remote::{self, bearer, endpoint, innermost, patient_client, unreachable};
use crate::settings::{self, DEFAULT_DATABASE};
use crate::{log, output, store};
use clientbook_app::{App, Caller, Env, ExportTerms};
use clientbook_model::client_filter::ClientWishes;
use clientbook_model::moving::Format;
use clientbook_model::search::Words;
use reqwest::{StatusCode, Url};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes every client to a file or to standard output.
pub(crate) fn run(args: &cli::Export) -> Result<ExitCode, Failure> {
    log::start(settings::log_filter("warn").map_err(Failure::Setting)?);
    let by_name = args.output.as_deref().and_then(format_of);
    let format = args.format.or(by_name).unwrap_or(Format::Ndjson);
    let mut out = Out::new(args.output.as_deref())?;
    let runtime = crate::runtime()?;
    match &args.place.server {
        Some(server) => runtime.block_on(from_server(args, server, format, &mut out))?,
        None => runtime.block_on(from_store(args, format, &mut out))?,
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

async fn from_store(args: &cli::Export, format: Format, out: &mut Out) -> Result<(), Failure> {
    let home = home(args.place.tenant.as_deref())?;
    let url = args.place.database.as_deref().unwrap_or(DEFAULT_DATABASE);
    let app = App::inspect(store::to_read(url)?, Env::system());
    app.check_whole().await?;
    let wishes = ClientWishes {
        q: args.q.as_deref().and_then(|text| Words::new(text).ok()),
        statuses: args.status.map(|status| vec![status]),
        collection_mode: args.collection_mode,
        ..ClientWishes::default()
    };
    let caller = Caller::cli(app.new_request_id());
    let terms = ExportTerms { home, wishes, format };
    let mut export = app.export_clients(&caller, terms).await.map_err(about_terms)?;
    let mut progress = Progress::begin("exporting", export.total(), 0);
    while let Some(bytes) = export.next().await? {
        out.write(&bytes)?;
        progress.at("", export.rows());
    }
    progress.end(export.rows());
    Ok(())
}

async fn from_server(
    args: &cli::Export,
    server: &str,
    format: Format,
    out: &mut Out,
) -> Result<(), Failure> {
    let server = settings::server(server).map_err(Failure::Setting)?;
    let token = args.place.token.as_deref();
    let bearer = bearer(token, "read clients").map_err(Failure::Setting)?;
    if !settings::is_private(&server) {
        output::note("note: the token and the clients pass the network in clear; https hides them");
    }
    let broken = |error: &reqwest::Error| broken(&server, error);
    let client = patient_client(&server).map_err(|error| broken(&error))?;
    let mut query = vec![("format", format.as_str())];
    query.extend(args.place.tenant.as_deref().map(|tenant| ("tenant", tenant)));
    query.extend(args.status.map(|status| ("status", status.as_str())));
    query.extend(args.collection_mode.map(|mode| ("collection_mode", mode.as_str())));
    query.extend(args.q.as_deref().map(|words| ("q", words)));
    let request = client.get(endpoint(&server, "/v2/clients/export")).query(&query);
    let response = request.header("Authorization", bearer).send().await;
    let mut response = response.map_err(|error| broken(&error))?;
    if response.status() != StatusCode::OK {
        let status = response.status();
        let answer = remote::read(response).await.map_err(|error| broken(&error))?;
        let answer = serde_json::from_slice(&answer).unwrap_or_default();
        return Err(refused(&server, status, &answer));
    }
    while let Some(bytes) = response.chunk().await.map_err(|error| broken(&error))? {
        out.write(&bytes)?;
    }
    Ok(())
}

fn broken(server: &Url, error: &reqwest::Error) -> Failure {
    unreachable(server, error).unwrap_or_else(|| {
        let why = innermost(error);
        Failure::Failed(format!("{server} broke off ({why}): the export is not complete"))
    })
}

/// Where the rows go: a file appears under its name once all of it is there.
struct Out {
    file: Box<dyn Write>,
    places: Option<(PathBuf, PathBuf)>,
}

impl Out {
    fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self { file: Box::new(BufWriter::new(io::stdout())), places: None });
        };
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let file = File::create(&part).map_err(|error| {
            Failure::Failed(format!("{} cannot be written: {error}", part.display()))
        })?;
        Ok(Self { file: Box::new(BufWriter::new(file)), places: Some((part, path.to_owned())) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| unwritable(&error))
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.file.flush().map_err(|error| unwritable(&error))?;
        let Some((part, path)) = self.places else {
            return Ok(());
        };
        let kept = File::open(&part).and_then(|file| file.sync_all());
        kept.and_then(|()| std::fs::rename(&part, &path)).map_err(|error| unwritable(&error))
    }
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::Failed(format!("the export cannot be written: {error}"))
}
