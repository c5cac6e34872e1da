//! `cargo xtask failover`: takes PostgreSQL's primary away under load, and looks for what was lost.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use crate::crash;
use crate::postgres::{self, as_anyone_but_root};
use crate::step::{self, Failure};
use crate::workspace::Workspace;

const TESTS: &str =
    "test --release --locked -p clientbook --test it crash::failover:: -- --ignored";

/// What Patroni is told; its lease is the line `ttl`.
const CONFIGURATION: &str = include_str!("failover/patroni.yml");

/// Debian would start an etcd that nobody has asked for.
const INSTALL: &str = "
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e \"$policy\" ]; then
    trap 'rm -f \"$policy\"' EXIT
    printf '#!/bin/sh\\nexit 101\\n' > \"$policy\"
    chmod 755 \"$policy\"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --yes --no-install-recommends patroni python3-etcd etcd-server";

pub(crate) fn run(workspace: &Workspace, cycles: u32) -> Result<(), Failure> {
    crash::build(workspace, "failover", TESTS)?;
    let programs = postgres::programs()?;
    ensure()?;
    let mut test = workspace.cargo(TESTS.split(' ').chain(["--nocapture"]));
    test.env(crash::CYCLES, cycles.to_string());
    let cluster = Cluster::start(workspace, &programs, &mut test)?;
    let proof = step::run("failover", &mut test);
    drop(cluster);
    println!("what the nodes said: {}", log(workspace));
    proof
}

/// Patroni and etcd, installed first where they are missing.
fn ensure() -> Result<(), Failure> {
    let missing = || {
        let programs = [("patroni", "--version"), ("etcd", "--version"), ("ps", "--version")];
        programs.into_iter().find(|(name, flag)| !step::works(Command::new(name).arg(flag)))
    };
    let Some((name, _)) = missing() else { return Ok(()) };
    let failed = |why: &str| Failure::new(format!("failover needs `{name}`, and {why}"));
    if !postgres::can_install() {
        return Err(failed("it cannot be installed from here: install patroni, etcd and procps"));
    }
    println!("`{name}` is missing; installing Debian's packages `patroni` and `etcd-server`");
    postgres::install("patroni", INSTALL)?;
    missing().map_or(Ok(()), |_| Err(failed("Debian's packages have none")))
}

/// The nodes, which end with this value, or with this process.
struct Cluster {
    child: Child,
}

impl Cluster {
    /// Starts them, and tells `test` where they are.
    fn start(
        workspace: &Workspace,
        programs: &std::path::Path,
        test: &mut Command,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::new(format!("the cluster cannot start: {error}"));
        let [etcd, peer, port_a, rest_a, port_b, rest_b] =
            postgres::free_ports().map_err(failed)?;
        let password = postgres::password();
        // Opened here: whoever runs the nodes may not write below our target directory.
        let log = File::create(log(workspace)).map_err(failed)?;
        let mut command = as_anyone_but_root();
        command.args(["sh", "-c", include_str!("failover/cluster.sh")]);
        command.env("BIN", programs).env("PASSWORD", &password);
        command.env("CONFIGURATION", CONFIGURATION).stderr(log);
        let ports = [
            ("ETCD", etcd),
            ("PEER", peer),
            ("PORT_A", port_a),
            ("REST_A", rest_a),
            ("PORT_B", port_b),
            ("REST_B", rest_b),
        ];
        command.envs(ports.map(|(name, port)| (name, port.to_string())));
        // A group of its own: Ctrl-C is for us, and the cluster ends after us.
        command.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let mut control = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut control).map_err(failed)?;
        }
        let cluster = Self { child };
        if control.trim().is_empty() {
            let log = self::log(workspace);
            return Err(Failure::new(format!("the cluster cannot start: see {log}")));
        }
        let hosts = format!("127.0.0.1:{port_a},127.0.0.1:{port_b}");
        let database = format!("postgres://clientbook:{password}@{hosts}/clientbook");
        test.env("CLIENTBOOK_FAILOVER_CONTROL", control.trim())
            .env("CLIENTBOOK_FAILOVER_DATABASE", database)
            .env("CLIENTBOOK_FAILOVER_LEASE", lease()?)
            .env(
                "CLIENTBOOK_FAILOVER_WATCHERS",
                format!("http://127.0.0.1:{rest_a},http://127.0.0.1:{rest_b}"),
            );
        Ok(cluster)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("the cluster may still run: {error}");
        }
    }
}

/// What the nodes have said, once they have ended.
fn log(workspace: &Workspace) -> String {
    workspace.target.join("failover.log").into_string()
}

/// Seconds after which a primary that is not heard of is the primary no more.
fn lease() -> Result<&'static str, Failure> {
    let ttl = CONFIGURATION.lines().find_map(|line| line.trim().strip_prefix("ttl: "));
    ttl.ok_or_else(|| Failure::new("patroni.yml has no ttl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lease_is_known() {
        assert!(lease().unwrap().parse::<u64>().unwrap() >= 20);
    }
}
