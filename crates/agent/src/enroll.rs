//! `enroll`: the device joins a client.

use crate::cli::EnrollArgs;
use crate::env;
use crate::failure::Failure;
use crate::files;
use crate::inventory;
use crate::output;
use crate::places::Places;
use crate::server::{Refusal, Server};
use crate::state::{self, Address, Enrollment, ExtensionIds, Told};
use crate::transport::Target;
use crate::uninstall;
use crate::unit;
use clientbook_agent_protocol::{Enroll, Enrolled};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Tries, should the server be away for a moment.
const TRIES: u32 = 4;

/// Enrolls, and installs the service if that is asked for.
pub(crate) async fn run(args: EnrollArgs) -> Result<(), Failure> {
    let places = args.places.places()?;
    let address = Address {
        url: args.server.trim_end_matches('/').to_owned(),
        ca: args.ca.as_deref().map(certificates).transpose()?,
        insecure_http: args.allow_insecure_http,
    };
    let target = Target::new(&address)?;
    let token = token(&args)?;
    let directory = places.state();
    files::make_private_directory(&directory)
        .map_err(|error| Failure::file("made", &directory, &error))?;
    if uninstall::begun(&places)?.is_some() {
        let reason =
            "an uninstallation has not ended yet: end it with `clientbook-agent uninstall`";
        return Err(Failure::Failed(reason.into()));
    }
    if let Some((enrollment, _)) = state::enrollment(&places)?.filter(|_| !args.again) {
        let Enrollment { device_id, server, .. } = enrollment;
        let reason = format!("this is the device {device_id} of {} already", server.url);
        return Err(Failure::Failed(reason + ": add --again to enroll it anew"));
    }
    // Before the service is stopped: the former enrolment goes on until there is another.
    let (unique_key, enrolled) = ask(&places, &Server::new(target, None), token).await?;
    // The service is the machine's, not the enrolment's.
    let installed = state::begun(&places)?.map(|before| before.installed).unwrap_or_default();
    unit::stop(&places)
        .map_err(|error| Failure::Failed(format!("the service cannot be stopped: {error}")))?;
    let is_installed = !installed.is_empty();
    let kept = take_up(&places, &args, address, (unique_key, enrolled), installed);
    let serves = is_installed || (args.install && kept.is_ok());
    let started = if serves { unit::start(&places) } else { Ok(()) };
    let said = format!("Enrolled as device {}", kept?);
    started?;
    output::print(&said).map_err(|error| Failure::Failed(format!("standard output: {error}")))
}

/// Joins; gives what tells the device from others, and what the server said.
async fn ask(
    places: &Places,
    server: &Server,
    token: String,
) -> Result<(String, Enrolled), Failure> {
    let unique_key = inventory::unique_key(places).ok_or_else(|| {
        let reason = "nothing tells this device from others: it has neither a firmware's id nor \
                      /etc/machine-id";
        Failure::Failed(reason.into())
    })?;
    let device = inventory::device(places, &unique_key, &ExtensionIds::default(), &[]);
    let enrolled = join(server, &Enroll { enrollment_token: token, device }).await?;
    Ok((unique_key, enrolled))
}

/// Replaces what is known of a former enrolment; gives the device's id.
fn take_up(
    places: &Places,
    args: &EnrollArgs,
    address: Address,
    (unique_key, enrolled): (String, Enrolled),
    mut installed: Vec<PathBuf>,
) -> Result<String, Failure> {
    let _held = state::hold(places)?;
    let Enrolled { device_id, device_token, check_in } = enrolled;
    let extensions = ExtensionIds {
        chrome: args.chrome_extension.clone(),
        edge: args.edge_extension.clone(),
        firefox: args.firefox_extension.clone(),
    };
    let mut told = Told::default();
    told.hear(check_in, env::now());
    if args.install {
        let planned = unit::planned(places)?;
        installed.retain(|path| !planned.contains(path));
        installed.extend(planned);
    }
    let enrollment = Enrollment { server: address, device_id, unique_key, extensions, installed };
    // What was gathered, sent and told belongs to the former enrolment.
    state::forget(places)?;
    state::keep(places, &enrollment, &device_token, &told)?;
    if args.install {
        unit::install(places)?;
    }
    Ok(enrollment.device_id)
}

async fn join(server: &Server, enroll: &Enroll) -> Result<Enrolled, Failure> {
    let mut tried = 0;
    loop {
        let refusal = match server.enroll(enroll).await {
            Ok(enrolled) => return Ok(enrolled),
            Err(refusal) => refusal,
        };
        tried += 1;
        let why = match refusal {
            Refusal::Away { why, .. } if tried < TRIES => {
                output::note(&format!("The server is away, trying again: {why}"));
                let pause = Duration::from_secs(1 << tried);
                tokio::time::sleep(env::jitter(pause, 0.5, 1.0)).await;
                continue;
            }
            Refusal::Unauthenticated => {
                "the server does not accept the enrollment token: it may be spent, revoked or expired"
                    .to_owned()
            }
            refusal => refusal.why(),
        };
        return Err(Failure::Failed(format!("not enrolled: {why}")));
    }
}

fn token(args: &EnrollArgs) -> Result<String, Failure> {
    let token = match (&args.token, &args.token_file) {
        (Some(token), _) => token.clone(),
        (None, Some(path)) => {
            fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?
        }
        (None, None) => {
            let reason = "an enrollment token is missing: give one with --token or --token-file";
            return Err(Failure::Setting(reason.into()));
        }
    };
    Ok(token.trim().to_owned())
}

/// What is in the file of `--ca`: it is kept, for the file may go.
fn certificates(path: &Path) -> Result<String, Failure> {
    let pem = files::open_regular(path).and_then(clientbook_agent_link::certificates);
    let pem = pem.map_err(|error| Failure::file("read", path, &error))?;
    pem.ok_or_else(|| Failure::Setting(format!("--ca {}: more than 1 MiB", path.display())))
}
