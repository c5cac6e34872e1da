//! `cargo xtask conform`: schemathesis against a release server with the demo's data. Every check
//! but one: that everything a schema allows is accepted cannot hold where a rule, such as "exactly
//! one is preferred", cannot be said in a schema.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use cargo_metadata::camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::openapi;
use crate::step::{self, Failure};
use crate::workspace::Workspace;

/// From the Python package index.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

pub(crate) const SURFACES: [&str; 4] =
    ["organizations", "tenants", "workspace", "customer-success"];

/// Who calls: one who holds everything, one who holds everything in a tenant, one who may only read,
/// and a device's agent, which only organizations know.
const ROLES: [&str; 4] = ["operator", "admin", "viewer", DEVICE];

const DEVICE: &str = "device";

/// What a viewer's token holds, as its answer says.
const VIEWER: &str = "clients.view";

/// What a device's token opens, by the name of its security scheme.
const DEVICES: &str = "deviceToken";

const OPERATOR: &str = "operator-token-for-conformance";

/// The first cannot hold, see above; a check of the hooks stands in for the second.
const EXCLUDED: &str = "positive_data_acceptance,negative_data_rejection";

const CONFIGURATION: &str = include_str!("conform.toml");

const PREPARE: &str = include_str!("conform.py");

const ENROLL: &str = include_str!("conform_device.py");

const HOOKS: &str = include_str!("conform_hooks.py");

pub(crate) fn run(
    workspace: &Workspace,
    examples: u32,
    seed: Option<u64>,
    only: Option<&str>,
) -> Result<(), Failure> {
    // The documents under test are the reviewed ones: they must be what the server has.
    openapi::run(workspace, true)?;
    let build = "build --release --locked -p clientbook";
    step::run("conform: build", &mut workspace.cargo(build.split(' ')))?;
    let tool = install(workspace)?;
    let folder = workspace.target.join("conform");
    fs::create_dir_all(&folder).map_err(Failure::new)?;
    for (name, text) in [("schemathesis.toml", CONFIGURATION), ("conform_hooks.py", HOOKS)] {
        fs::write(folder.join(name), text).map_err(Failure::new)?;
    }
    let first = seed.unwrap_or_else(new_seed);
    let bench = Bench { workspace, tool, folder, examples };
    let mut failed = Vec::new();
    // A surface keeps its seed, also where it is the only one.
    let surfaces = || {
        let seeded = (first..).zip(SURFACES);
        seeded.filter(|(_, surface)| only.is_none_or(|only| only == *surface))
    };
    for (seed, surface) in surfaces() {
        for role in roles(surface) {
            if bench.call(surface, role, seed).is_err() {
                failed.push(format!("{surface} as {role} (--seed {first})"));
            }
        }
    }
    for (_, surface) in surfaces() {
        bench.tell(surface)?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("conform: {}", failed.join(", "))))
}

/// Where and how often to call.
struct Bench<'a> {
    workspace: &'a Workspace,
    tool: Utf8PathBuf,
    folder: Utf8PathBuf,
    examples: u32,
}

impl Bench<'_> {
    /// Calls one surface in one role.
    fn call(&self, surface: &str, role: &str, seed: u64) -> Result<(), Failure> {
        // What an earlier run left there proves nothing about this one.
        fs::write(self.folder.join(answers(surface, role)), "  no answers")
            .map_err(Failure::new)?;
        let document = format!("{surface}-{role}.json");
        let source = self.workspace.root.join("docs/openapi").join(format!("{surface}.json"));
        let mut prepare = Command::new(self.tool.with_file_name("python"));
        prepare.current_dir(&self.folder);
        prepare.args(["-c", PREPARE, source.as_str(), &document, surface, role]);
        step::run("conform: document", &mut prepare)?;
        // A store of its own: what one run revokes or deletes is there for the next.
        let server = Server::start(self.workspace)?;
        let mut command = Command::new(&self.tool);
        let token = match role {
            "operator" => OPERATOR.to_owned(),
            "admin" => server.admin.clone(),
            DEVICE => {
                command.env("CONFORM_PERMISSIONS", DEVICES);
                server.device(&self.tool)?
            }
            _ => {
                command.env("CONFORM_PERMISSIONS", VIEWER);
                server.viewer(self.workspace)?
            }
        };
        command
            .current_dir(&self.folder)
            .env("SCHEMATHESIS_HOOKS", "conform_hooks.py")
            .env("CONFORM_ANSWERS", answers(surface, role))
            .args(["--config-file", "schemathesis.toml", "run", &document, "--url", &server.base])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(["--checks", "all", "--exclude-checks", EXCLUDED])
            .args(["--seed", &seed.to_string()])
            .args(["--max-examples", &per_operation(&source, self.examples)?.to_string()])
            .args(["--continue-on-failure", "--no-color", "--generation-database", "none"]);
        step::run(&format!("conform: {surface} as {role}, seed {seed}"), &mut command)
    }

    /// How many requests of a surface's runs got through.
    fn tell(&self, surface: &str) -> Result<(), Failure> {
        for role in roles(surface) {
            let file = self.folder.join(answers(surface, role));
            let text = fs::read_to_string(&file).map_err(Failure::new)?;
            println!("{surface} as {role}\n{}", text.trim_end());
        }
        Ok(())
    }
}

/// Who calls a surface.
fn roles(surface: &str) -> impl Iterator<Item = &'static str> {
    let devices = surface == "organizations";
    ROLES.into_iter().filter(move |role| devices || *role != DEVICE)
}

/// The file in which a run says how it was answered.
fn answers(surface: &str, role: &str) -> String {
    format!("{surface}-{role}.txt")
}

/// Each operation gets its share and one more.
fn per_operation(document: &Utf8Path, examples: u32) -> Result<u32, Failure> {
    let text = fs::read_to_string(document).map_err(Failure::new)?;
    let document: Value = serde_json::from_str(&text).map_err(Failure::new)?;
    let paths = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    let operations = paths.filter_map(Value::as_object).map(serde_json::Map::len).sum::<usize>();
    let operations = u32::try_from(operations).map_err(Failure::new)?;
    Ok(examples / operations.max(1) + 1)
}

/// Hashers have random keys.
fn new_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}

/// schemathesis in a virtual environment of its own.
fn install(workspace: &Workspace) -> Result<Utf8PathBuf, Failure> {
    let folder = workspace.target.join("conform").join(SCHEMATHESIS.replace("==", "-"));
    let tool = folder.join("bin/schemathesis");
    if step::works(Command::new(&tool).arg("--version")) {
        return Ok(tool);
    }
    step::run("conform: venv", Command::new("python3").args(["-m", "venv", folder.as_str()]))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    step::run("conform: schemathesis", pip.args(["install", "--quiet", SCHEMATHESIS]))?;
    Ok(tool)
}

/// A server with the demo's data, on a free port; ends with its value.
struct Server {
    process: Child,
    base: String,
    admin: String,
}

impl Server {
    fn start(workspace: &Workspace) -> Result<Self, Failure> {
        let mut process = command(&workspace.target).spawn().map_err(Failure::new)?;
        let output = process.stdout.take().ok_or_else(|| Failure::new("no output"))?;
        let (mut base, mut admin) = (None, None);
        for line in BufReader::new(output).lines() {
            let line = line.map_err(Failure::new)?;
            if let Some(address) = line.strip_prefix("Clientbook listens on ") {
                base = Some(address.to_owned());
            } else if line.starts_with("Admin token of ") {
                admin = line.rsplit(' ').next().map(str::to_owned);
            }
            // The last of what it prints.
            if line.starts_with("# After 4") {
                break;
            }
        }
        match (base, admin) {
            (Some(base), Some(admin)) => Ok(Self { process, base, admin }),
            _ => Err(Failure::new("the server did not say its address and its admin's token")),
        }
    }

    /// The token of somebody who may only read.
    fn viewer(&self, workspace: &Workspace) -> Result<String, Failure> {
        let output = Command::new(program(&workspace.target))
            .args(["token", "create", "--tenant", "tenant123", "--role", "viewer"])
            .args(["--server", &self.base])
            .env("CLIENTBOOK_TOKEN", OPERATOR)
            .output()
            .map_err(Failure::new)?;
        if !output.status.success() {
            return Err(Failure::new(String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The token of a device that joins the demo's client.
    fn device(&self, tool: &Utf8Path) -> Result<String, Failure> {
        let mut enroll = Command::new(tool.with_file_name("python"));
        let output = enroll.args(["-c", ENROLL, &self.base]).output().map_err(Failure::new)?;
        if !output.status.success() {
            return Err(Failure::new(String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

fn program(target: &Utf8Path) -> Utf8PathBuf {
    target.join("release/clientbook")
}

fn command(target: &Utf8Path) -> Command {
    let mut command = Command::new(program(target));
    command
        .args(["serve", "--demo", "--listen", "127.0.0.1:0", "--log", "error"])
        .env("CLIENTBOOK_BOOTSTRAP_TOKEN", OPERATOR)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
