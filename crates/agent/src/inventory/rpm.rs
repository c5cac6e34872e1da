//! What rpm has installed: rpm is asked, because its database has had three formats so far.

use crate::command;
use crate::env;
use crate::places::Places;
use clientbook_agent_protocol::Software;
use std::io;
use std::time::Duration;

const DATABASES: &[&str] = &["usr/lib/sysimage/rpm", "var/lib/rpm"];
const FORMAT: &str =
    "%{NAME}\\t%{EPOCHNUM}\\t%{VERSION}-%{RELEASE}\\t%{VENDOR}\\t%{INSTALLTIME}\\n";
const LIMIT: Duration = Duration::from_mins(1);
const MOST: u64 = 32 << 20;

pub(super) fn installed(places: &Places) -> io::Result<Vec<Software>> {
    let has_database = DATABASES.iter().any(|path| {
        let mut entries = std::fs::read_dir(places.read(path)).into_iter().flatten();
        entries.next().is_some()
    });
    if !has_database {
        return Ok(Vec::new());
    }
    let root = places.system().to_string_lossy();
    let arguments = ["--root", &root, "-qa", "--queryformat", FORMAT];
    Ok(parse(&command::run("rpm", &arguments, LIMIT, MOST)?))
}

fn parse(output: &str) -> Vec<Software> {
    output.lines().filter_map(package).collect()
}

fn package(line: &str) -> Option<Software> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, epoch, version, vendor, installed] = fields[..] else { return None };
    // Keys of those who sign packages: rpm lists them as if they were installed.
    if name == "gpg-pubkey" {
        return None;
    }
    let version = if epoch == "0" { version.to_owned() } else { format!("{epoch}:{version}") };
    let seconds: Option<i64> = installed.parse().ok();
    Some(Software {
        name: name.to_owned(),
        version,
        publisher: Some(vendor.to_owned()).filter(|vendor| vendor != "(none)"),
        source: Some("rpm".into()),
        installed_at: seconds.map(|seconds| env::timestamp(seconds.saturating_mul(1_000))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read() {
        let output = "bash\t0\t5.2.26-3.fc40\tFedora Project\t1773153000\n\
                      gpg-pubkey\t0\ta15b79cc-63d04c2c\t(none)\t1773153000\n\
                      dhcp-client\t12\t4.4.3-11.P1.fc40\t(none)\t1773153000\nodd line\n";
        let found = parse(output);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].version, "5.2.26-3.fc40");
        assert_eq!(found[0].publisher.as_deref(), Some("Fedora Project"));
        assert_eq!(found[0].installed_at.as_deref(), Some("2026-03-10T14:30:00.000Z"));
        assert_eq!(found[1].version, "12:4.4.3-11.P1.fc40");
        assert_eq!(found[1].publisher, None);
    }
}
