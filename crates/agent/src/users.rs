//! Who has a session on the device: by logind, by utmp, and by whose processes have a terminal.

use crate::accounts::Accounts;
use crate::files;
use crate::places::Places;
use crate::usage::process;
use clientbook_agent_protocol::{SeenUser, limits};
use std::collections::BTreeSet;

/// Sessions that are looked at.
const MOST: usize = 5_000;

/// The users with sessions, by key; of more than the protocol has room for, the first.
pub(crate) fn with_sessions(places: &Places, accounts: &mut Accounts) -> Vec<SeenUser> {
    accounts.refresh(places);
    let mut uids = BTreeSet::new();
    uids.extend(logind(places));
    let names = utmp(places);
    uids.extend(process::owners_with_terminal(places));
    let mut seen: Vec<SeenUser> = uids
        .into_iter()
        .filter_map(|uid| {
            let account = accounts.get(places, uid)?;
            Some(SeenUser { user_key: account.key, username: account.name })
        })
        .filter(|user| (1..=255).contains(&user.username.chars().count()))
        .collect();
    // utmp knows names only; whoever has one there has a process or a session too, but for one who
    // is logged in without a terminal.
    for account in names.iter().filter_map(|name| accounts.named(name)) {
        if !seen.iter().any(|user| user.user_key == account.key) {
            seen.push(SeenUser { user_key: account.key.clone(), username: account.name.clone() });
        }
    }
    seen.sort_by(|a, b| a.user_key.cmp(&b.user_key));
    seen.truncate(limits::USERS);
    seen
}

/// The owners of logind's sessions: its files say what its D-Bus interface says.
fn logind(places: &Places) -> Vec<u32> {
    let paths = files::entries(&places.read("run/systemd/sessions"), 2 * MOST).unwrap_or_default();
    // Beside each there is a `.ref`, a pipe.
    let texts = paths.into_iter().filter_map(|path| files::read_text(&path, 64 << 10));
    texts.filter_map(|text| session(&text)).collect()
}

/// The owner of a session of a person: a login screen's, and those of background work, are not.
fn session(text: &str) -> Option<u32> {
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::trim)
    };
    let is_person = matches!(field("CLASS"), Some("user" | "user-early" | "user-light"));
    let is_there = field("STATE") != Some("closing");
    (is_person && is_there).then(|| field("UID")?.parse().ok()).flatten()
}

/// The names of who is logged in, by utmp; many systems have none any more.
fn utmp(places: &Places) -> BTreeSet<String> {
    const LIMIT: u64 = 4 << 20;
    let read = files::open_regular(&places.read("run/utmp")).ok().and_then(|file| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, LIMIT), &mut bytes).ok()?;
        Some(bytes)
    });
    logged_in(&read.unwrap_or_default())
}

/// Records of 384 bytes, on every Linux with glibc: type, process, line, id, user.
fn logged_in(utmp: &[u8]) -> BTreeSet<String> {
    const USER_PROCESS: i16 = 7;
    let name = |record: &[u8]| {
        let kind = i16::from_ne_bytes(record.get(..2)?.try_into().ok()?);
        let name = record.get(44..76)?.split(|byte| *byte == 0).next()?;
        let name = std::str::from_utf8(name).ok()?;
        (kind == USER_PROCESS && !name.is_empty()).then(|| name.to_owned())
    };
    utmp.chunks_exact(384).filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_persons_session_counts_and_a_login_screens_does_not() {
        let text = "# This is private data. Do not parse.\nUID=1000\nUSER=anna\nACTIVE=1\n\
                    STATE=active\nTYPE=wayland\nCLASS=user\n";
        assert_eq!(session(text), Some(1000));
        assert_eq!(session(&text.replace("CLASS=user", "CLASS=greeter")), None);
        assert_eq!(session(&text.replace("CLASS=user", "CLASS=manager")), None);
        assert_eq!(session(&text.replace("STATE=active", "STATE=closing")), None);
        assert_eq!(session(""), None);
    }

    #[test]
    fn utmp_tells_who_is_logged_in() {
        let record = |kind: i16, name: &str| {
            let mut record = [0_u8; 384];
            record[..2].copy_from_slice(&kind.to_ne_bytes());
            record[44..44 + name.len()].copy_from_slice(name.as_bytes());
            record
        };
        let utmp = [record(2, "reboot"), record(7, "anna"), record(8, "ben"), record(7, "")];
        assert_eq!(logged_in(&utmp.concat()), BTreeSet::from(["anna".to_owned()]));
        assert!(logged_in(&[7; 100]).is_empty());
    }

    #[test]
    fn sessions_are_read_below_the_systems_root() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &[u8]| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "etc/passwd",
            b"anna:x:1000:1::/home/anna:/bin/sh\nben:x:1001:1::/home/ben:/bin/sh\n",
        );
        write("run/systemd/sessions/2", b"UID=1000\nCLASS=user\nSTATE=active\n");
        write("run/systemd/sessions/3", b"UID=4000\nCLASS=user\nSTATE=active\n");
        let mut utmp = [0_u8; 384];
        utmp[0] = 7;
        utmp[44..47].copy_from_slice(b"ben");
        write("run/utmp", &utmp);
        let places = Places::new(dir.path(), dir.path()).unwrap();
        let users = with_sessions(&places, &mut Accounts::new("d"));
        let names: Vec<&str> = users.iter().map(|user| user.username.as_str()).collect();
        assert_eq!(names, ["anna", "ben"]);
        assert_eq!(users[1].user_key, "uid:1001@d");
    }
}
