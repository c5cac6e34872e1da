//! `clientbook agents`.

use crate::settings;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

const SIMULATE_EXAMPLES: &str = "\
For a server of your own: the devices that join are records like any other, at the client of the
enrolment token. docs/agents.md says what a simulated device does and how to read the figures.

Figures go to standard error, and what came of it to standard output: with --json, a line of JSON.
Exit code 0: the time is over, a signal came (Ctrl-C), or every device was told to go.
1: the server cannot be reached, or does not let a device join. 2: a setting is wrong.

Examples:
  CLIENTBOOK_ENROLLMENT_TOKEN=enroll_... clientbook agents simulate --count 1000 \\
      --server http://127.0.0.1:8080 --duration 10m --json
  clientbook agents simulate --count 1000 --server http://127.0.0.1:8080 --state devices.ndjson \\
      --pace 10";

/// The most devices: one machine has some 28,000 ports towards a server.
const DEVICES: i64 = 25_000;

#[derive(Subcommand)]
pub(crate) enum AgentsCommand {
    /// Behave like the agents of many devices, to see what a server can carry
    Simulate(Simulate),
}

#[derive(Args)]
#[command(after_help = SIMULATE_EXAMPLES)]
pub(crate) struct Simulate {
    /// How many devices: up to 25000
    #[arg(long, env = "CLIENTBOOK_COUNT", value_name = "DEVICES")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=DEVICES))]
    pub(crate) count: u32,

    /// The server
    #[arg(long, env = "CLIENTBOOK_SERVER", value_name = "URL")]
    pub(crate) server: String,

    /// Certificates to trust beside the system's: a file of PEM
    #[arg(long, env = "CLIENTBOOK_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// What lets the devices join their client. Better set it in the environment: every user of the
    /// machine can see arguments
    #[arg(
        long,
        visible_alias = "token",
        env = "CLIENTBOOK_ENROLLMENT_TOKEN",
        value_name = "TOKEN"
    )]
    #[arg(hide_env_values = true)]
    pub(crate) enrollment_token: Option<String>,

    /// When to end, in seconds, or such as 10m or 2h [default: with Ctrl-C]
    #[arg(long, env = "CLIENTBOOK_DURATION", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,

    /// Devices that start in a second. A token lets 100 in
    #[arg(long, env = "CLIENTBOOK_PER_SECOND", value_name = "DEVICES", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) per_second: u32,

    /// How many times as often as an agent's check-ins are answered and usage is told: up to 60
    #[arg(long, env = "CLIENTBOOK_PACE", value_name = "TIMES", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(crate) pace: u32,

    /// What the devices' names begin with. Those of the same prefix are the same devices again
    #[arg(long, env = "CLIENTBOOK_PREFIX", value_name = "TEXT", default_value = "simulated")]
    #[arg(value_parser = prefix)]
    pub(crate) prefix: String,

    /// Keep the devices' tokens in this file: another run with it lets no device join that has
    #[arg(long, env = "CLIENTBOOK_STATE", value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// In the end, have the devices say their last word: the server lists them as uninstalled
    /// [default: they are left as they are]
    #[arg(long, env = "CLIENTBOOK_LEAVE", value_parser = settings::yes_or_no)]
    pub(crate) leave: bool,

    /// Print JSON
    #[arg(long, env = "CLIENTBOOK_JSON", value_parser = settings::yes_or_no)]
    pub(crate) json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3_600),
        _ => (text, 1),
    };
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = number.parse::<u32>().ok().filter(|seconds| plain && *seconds > 0);
    let time = seconds.map(|seconds| Duration::from_secs(u64::from(seconds) * unit));
    time.ok_or_else(|| "must be a number of seconds, or such as 90s, 10m or 2h".into())
}

fn prefix(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=40).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.into());
    }
    Err("must be 1 to 40 of a-z, 0-9 and -".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_or_is_of_seconds() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7_200)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "s", "0", "0m", "-1", "+1", "1.5", "10ms", "1d", "99999999999"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_prefix_is_short_and_plain() {
        assert!(prefix("load-7").is_ok());
        for wrong in ["", "Load", "a b", "ä", &"x".repeat(41)] {
            assert!(prefix(wrong).is_err(), "{wrong}");
        }
    }
}
