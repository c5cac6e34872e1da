//! The command line.

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
    pub(crate) fn places(&self) -> Places {
        Places::new(&self.root, &self.system)
    }
}

#[derive(Args)]
pub(crate) struct EnrollArgs {
    /// The server: https://HOST[:PORT]
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
    #[arg(long, hide = true, default_value_t = 55.0)]
    pace_wait: f64,
    #[arg(long, hide = true, default_value_t = 2.0)]
    pace_retry: f64,
    #[arg(long, hide = true, default_value_t = 300.0)]
    pace_inactive: f64,
    #[arg(long, hide = true, default_value_t = 3600.0)]
    pace_unknown: f64,
    #[arg(long, hide = true, default_value_t = 15.0)]
    pace_sample: f64,
    #[arg(long, hide = true, default_value_t = 300.0)]
    pace_window: f64,
    #[arg(long, hide = true, default_value_t = 300.0)]
    pace_scan: f64,
    #[arg(long, hide = true, default_value_t = 3600.0)]
    pace_inventory: f64,
}

impl PaceArgs {
    pub(crate) fn pace(&self) -> Pace {
        // Between a millisecond and a day: what stands for no time at all would be a loop.
        let seconds = |seconds: f64| Duration::from_secs_f64(seconds.max(0.001).min(86_400.0));
        Pace {
            wait: seconds(self.pace_wait).min(Duration::from_mins(1)),
            retry: seconds(self.pace_retry),
            inactive: seconds(self.pace_inactive),
            unknown: seconds(self.pace_unknown),
            sample: seconds(self.pace_sample),
            window: seconds(self.pace_window),
            scan: seconds(self.pace_scan),
            inventory: seconds(self.pace_inventory),
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
