//! The command line.

use crate::failure::Failure;
use crate::pace::Pace;
use crate::places::Places;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;

const EXAMPLES: &str = "\
Examples:
  clientbook-agent enroll --server https://clientbook.example.com --token enroll_... --install
      Joins a client and runs as a service from now on
  clientbook-agent status
      What may be collected, and when the server last said so
  clientbook-agent uninstall
      Removes the service and everything that the agent keeps";

/// The agent of Clientbook: tells its server about the device it runs on, and no more than it is told
/// to.
#[derive(Parser)]
#[command(name = "clientbook-agent", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Join a client
    Enroll(EnrollArgs),
    /// Do the agent's work until told to stop
    Run(RunArgs),
    /// Say what may be collected and when the server last said so
    Status(StatusArgs),
    /// Remove the service and everything that the agent keeps
    Uninstall(UninstallArgs),
}

#[derive(Args)]
pub(crate) struct PlacesArgs {
    /// Keep everything that is written below this directory, for tests and images
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Read what is told about the device below this directory
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    system: PathBuf,
}

impl PlacesArgs {
    pub(crate) fn places(&self) -> Result<Places, Failure> {
        Places::new(&self.root, &self.system)
    }
}

#[derive(Args)]
pub(crate) struct EnrollArgs {
    /// The server: its URL, with https
    #[arg(long, value_name = "URL", env = "CLIENTBOOK_SERVER")]
    pub(crate) server: String,
    /// The client's enrollment token. Others on the device see it in the list of processes: in the
    /// environment or in a file they do not
    #[arg(long, env = "CLIENTBOOK_ENROLLMENT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// A file with the enrollment token
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub(crate) token_file: Option<PathBuf>,
    /// Install the service and start it
    #[arg(long)]
    pub(crate) install: bool,
    /// Enroll anew, with a new device token
    #[arg(long)]
    pub(crate) again: bool,
    /// Certificates to trust beside the system's: a file of PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Speak to another machine without TLS: whoever is on the way reads and changes what is said
    #[arg(long)]
    pub(crate) allow_insecure_http: bool,
    /// The browser extension to look for in Chrome and Chromium
    #[arg(long, value_name = "ID")]
    pub(crate) chrome_extension: Option<String>,
    /// The browser extension to look for in Edge
    #[arg(long, value_name = "ID")]
    pub(crate) edge_extension: Option<String>,
    /// The browser extension to look for in Firefox
    #[arg(long, value_name = "ID")]
    pub(crate) firefox_extension: Option<String>,
    #[command(flatten)]
    pub(crate) places: PlacesArgs,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    /// How much to log: error, warn, info or debug
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "CLIENTBOOK_AGENT_LOG")]
    pub(crate) log: LevelFilter,
    #[command(flatten)]
    pub(crate) places: PlacesArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
}

#[derive(Args)]
pub(crate) struct StatusArgs {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) places: PlacesArgs,
}

#[derive(Args)]
pub(crate) struct UninstallArgs {
    /// Do not tell the server: it will list the device until somebody deletes it there
    #[arg(long)]
    pub(crate) without_server: bool,
    #[command(flatten)]
    pub(crate) places: PlacesArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
}

/// How often to do what, in seconds; for tests.
#[derive(Args)]
pub(crate) struct PaceArgs {
    #[arg(long = "pace-wait", hide = true, default_value_t = 55.0)]
    wait: f64,
    #[arg(long = "pace-retry", hide = true, default_value_t = 2.0)]
    retry: f64,
    #[arg(long = "pace-inactive", hide = true, default_value_t = 300.0)]
    inactive: f64,
    #[arg(long = "pace-unknown", hide = true, default_value_t = 3600.0)]
    unknown: f64,
    #[arg(long = "pace-sample", hide = true, default_value_t = 15.0)]
    sample: f64,
    #[arg(long = "pace-window", hide = true, default_value_t = 300.0)]
    window: f64,
    #[arg(long = "pace-scan", hide = true, default_value_t = 300.0)]
    scan: f64,
    #[arg(long = "pace-inventory", hide = true, default_value_t = 3600.0)]
    inventory: f64,
    #[arg(long = "pace-alone", hide = true, default_value_t = 0.5)]
    alone: f64,
}

impl PaceArgs {
    pub(crate) fn pace(&self) -> Pace {
        // Between a millisecond and a day: what stands for no time at all would be a loop.
        let seconds = |seconds: f64| {
            let held = Duration::try_from_secs_f64(seconds.clamp(0.001, 86_400.0));
            held.unwrap_or(Duration::from_hours(1))
        };
        Pace {
            wait: seconds(self.wait).min(Duration::from_mins(1)),
            retry: seconds(self.retry),
            inactive: seconds(self.inactive),
            unknown: seconds(self.unknown),
            sample: seconds(self.sample),
            window: seconds(self.window),
            scan: seconds(self.scan),
            inventory: seconds(self.inventory),
            alone: seconds(self.alone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
