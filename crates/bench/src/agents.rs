//! Devices' agents: how many heartbeats the server takes beside a server that does nothing, what an
//! agent that waits costs, and how soon all of them hear of a change.

use crate::answer;
use crate::child::Server;
use crate::generator::{self, Load};
use crate::machine::{self, Machine};
use crate::stats::{Latencies, Spread};
use crate::store;
use crate::surface::TENANT;
use crate::work::{CheckIns, request};
use crate::{AgentsArgs, Failure};
use clientbook_app::{App, Enrollment};
use clientbook_model::audit::{Origin, Surface};
use clientbook_model::client::Client;
use clientbook_model::device::{DeviceFacts, Extensions, Hardware};
use clientbook_model::secret::Secret;
use clientbook_model::text::Label;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// The path of a heartbeat.
const PATH: &str = "/v2/agent/check-in";

/// At least this part of what bare hyper answers.
const GOAL: f64 = 0.5;

/// Within this time all who wait know.
const WITHIN: Duration = Duration::from_secs(1);

/// How long the server must be still to count as waiting.
const STILL: Duration = Duration::from_millis(500);

/// Whether all went as it should: without `--assert`, missed targets do.
pub(crate) fn run(args: &AgentsArgs) -> Result<bool, Failure> {
    machine::raise_open_files();
    let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(&args.directory)?;
    let machine = Machine::this(directory.path())?;
    println!("{} cores ({})", machine.cores, machine.cpu);
    let path = directory.path().join("agents.db");
    let most = args.devices.max(args.waiting);
    println!("Letting {most} devices join one client");
    let (client, token, devices) = fill(&store::url(&path), most)?;
    let log = directory.path().join("server.log");
    let server = Server::clientbook(&args.server, &store::url(&path), &log)?;
    let heartbeats = heartbeats(args, &server, &devices)?;
    let known = waiting(args, &server, &devices, (&client, &token))?;
    server.stop()?;
    Ok(!args.assert || (heartbeats && known))
}

/// A store with one client and devices that have joined it: the client, an admin's token, and the
/// tokens of the devices.
fn fill(url: &str, devices: u32) -> Result<(Client, String, Vec<String>), Failure> {
    let (mut clients, token) = store::fill(url, 100)?;
    let client = clients.pop().ok_or("a store without clients")?;
    let tokens = Runtime::new()?.block_on(async {
        let (_, app) = store::open(url).await?;
        let app = Arc::new(app);
        let value = store::enrollment_token(&app, &client).await?;
        let mut tokens = Vec::new();
        for first in (0..devices).step_by(64) {
            let mut joining = tokio::task::JoinSet::new();
            for number in first..devices.min(first + 64) {
                joining.spawn(join(Arc::clone(&app), value.clone(), number));
            }
            while let Some(joined) = joining.join_next().await {
                tokens.push(joined??);
            }
        }
        Ok::<_, Failure>(tokens)
    })?;
    Ok((client, token, tokens))
}

async fn join(app: Arc<App>, value: String, number: u32) -> Result<String, Failure> {
    let text = |text: &str| Label::new(text).map_err(|broken| Failure::from(broken.message));
    let version = Label::new("1.0.0").map_err(|broken| Failure::from(broken.message))?;
    let facts = DeviceFacts {
        name: text(&format!("host-{number}"))?,
        serial_number: None,
        os_name: text("Debian GNU/Linux")?,
        os_version: text("12")?,
        agent_version: version,
        hardware: Hardware::default(),
        extensions: Extensions::default(),
    };
    let unique_key = text(&format!("device-{number}"))?;
    let origin = Origin {
        surface: Surface::Organizations,
        request_id: format!("bench-{number}"),
        source_address: None,
    };
    let wish = Enrollment { token: Secret::new(value), unique_key, facts };
    let joined = app.enroll(Arc::new(origin), wish).await;
    let joined = joined.map_err(|error| Failure::from(format!("{error:?}")))?;
    Ok(joined.secret.expose().to_owned())
}

/// Heartbeats without a wait, beside bare hyper; whether the goal is met.
fn heartbeats(args: &AgentsArgs, server: &Server, devices: &[String]) -> Result<bool, Failure> {
    let machine_cores = std::thread::available_parallelism()?.get();
    let load = Load {
        connections: args.connections as usize,
        threads: (machine_cores / 2).clamp(1, args.connections as usize),
        seconds: args.seconds,
        engine: None,
    };
    let devices = &devices[..args.devices as usize];
    let body = r#"{"agent_version":"1.0.0"}"#;
    let constant = server.fetch(&request("POST", PATH, &devices[0], body))?;
    let bare = Server::bare(&constant)?;
    let mut ratios = Vec::new();
    for round in 1..=args.rounds {
        let work = CheckIns::new(devices, PATH, body);
        let outcome = generator::drive(&load, &[server.target()], &work)?;
        let constant = work.of_constant(constant.body.as_bytes());
        let baseline = generator::drive(&load, &[bare.target()], &constant)?;
        #[expect(clippy::cast_precision_loss, reason = "not so many requests are made")]
        let pace =
            |outcome: &generator::Outcome| outcome.latencies.count() as f64 / outcome.seconds;
        let (ours, theirs) = (pace(&outcome), pace(&baseline));
        println!(
            "Round {round}: {ours:.0} heartbeats/s (p50 {:.2} ms, p99 {:.2} ms), bare hyper \
             {theirs:.0}/s: {:.3}; others kept {:.2} cores busy",
            outcome.latencies.percentile(50.0),
            outcome.latencies.percentile(99.0),
            ours / theirs,
            outcome.usage.others / outcome.seconds,
        );
        ratios.push(ours / theirs);
    }
    let Spread { median, lowest, highest } = Spread::of(ratios);
    let met = median >= GOAL;
    let verdict = if met { "met" } else { "MISSED" };
    println!(
        "Target: check-in without a wait, of bare hyper ≥ {GOAL}: {median:.3} ({lowest:.3} to \
         {highest:.3}), {verdict}"
    );
    Ok(met)
}

/// What agents that wait cost, and when they know of a change; whether that is soon enough.
fn waiting(
    args: &AgentsArgs,
    server: &Server,
    devices: &[String],
    (client, token): (&Client, &str),
) -> Result<bool, Failure> {
    let devices = &devices[..args.waiting as usize];
    let told = server.fetch(&request("POST", PATH, &devices[0], r#"{"agent_version":"1.0.0"}"#))?;
    let told: serde_json::Value = serde_json::from_str(&told.body)?;
    let known = &told["config_version"];
    let body = format!(r#"{{"agent_version":"1.0.0","config_version":{known},"wait_seconds":60}}"#);
    let process = server.target().process;
    let before = machine::memory(process)?;
    let mut waiters = Waiters::send(server, devices, &body)?;
    still(process)?;
    let after = machine::memory(process)?;
    let each = after.saturating_sub(before) / u64::from(args.waiting);
    println!(
        "{} agents wait: {} MiB more, {each} bytes each; 100,000 would take {} MiB",
        args.waiting,
        after.saturating_sub(before) >> 20,
        (each * 100_000) >> 20,
    );
    let path = format!("/v2/clients/{}", client.id);
    let change = request("PATCH", &path, token, r#"{"collection_mode":"discovery"}"#);
    let answer = server.fetch(&change)?;
    if !answer.body.contains(r#""collection_mode":"discovery""#) {
        return Err(format!("the change was refused: {}", answer.body).into());
    }
    let latencies = waiters.receive(Instant::now())?;
    let (p50, p99) = (latencies.percentile(50.0), latencies.percentile(99.0));
    let met = p99 < WITHIN.as_secs_f64() * 1e3;
    let verdict = if met { "met" } else { "MISSED" };
    println!(
        "Target: from the change's answer to {TENANT}'s waiting agents, p99 < {} ms: {p99:.0} ms \
         (p50 {p50:.0} ms), {verdict}",
        WITHIN.as_millis()
    );
    Ok(met)
}

/// Waits until the server does nothing any more.
fn still(process: u32) -> Result<(), Failure> {
    loop {
        let before = machine::usage(&[process], None)?.server;
        sleep(STILL);
        if machine::usage(&[process], None)?.server - before < 0.02 {
            return Ok(());
        }
    }
}

/// Connections that each wait for an answer.
struct Waiters {
    poll: Poll,
    streams: Vec<(TcpStream, Vec<u8>)>,
}

impl Waiters {
    fn send(server: &Server, devices: &[String], body: &str) -> Result<Self, Failure> {
        let poll = Poll::new()?;
        let mut streams = Vec::with_capacity(devices.len());
        for (number, device) in devices.iter().enumerate() {
            let mut stream = std::net::TcpStream::connect(server.target().address)?;
            stream.set_nodelay(true)?;
            stream.write_all(&request("POST", PATH, device, body))?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            streams.push((stream, Vec::new()));
        }
        Ok(Self { poll, streams })
    }

    /// When each answer came, counted from `since`.
    fn receive(&mut self, since: Instant) -> Result<Latencies, Failure> {
        let (mut events, mut left) = (Events::with_capacity(1_024), self.streams.len());
        let mut latencies = Latencies::new()?;
        while left > 0 {
            self.poll.poll(&mut events, Some(Duration::from_secs(70)))?;
            if events.is_empty() {
                return Err(format!("{left} agents heard nothing").into());
            }
            for event in &events {
                let (stream, bytes) = &mut self.streams[event.token().0];
                let mut buffer = [0; 4_096];
                match stream.read(&mut buffer) {
                    Ok(0) => return Err("the server closed a connection".into()),
                    Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error.into()),
                }
                if let Some(answer) = answer::parse(bytes, false)? {
                    let body = String::from_utf8_lossy(answer.body);
                    if answer.status != 200 || !body.contains(r#""effective_mode":"discovery""#) {
                        return Err(format!("{}: {body}", answer.status).into());
                    }
                    latencies.record(since.elapsed())?;
                    left -= 1;
                }
            }
        }
        Ok(latencies)
    }
}
