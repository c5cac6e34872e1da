//! Who has an account on the device, and where their files are.

use crate::command;
use crate::files;
use crate::places::Places;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) name: String,
    /// As the system names it; below its root.
    pub(crate) home: PathBuf,
}

impl Account {
    /// What the server knows the user by.
    pub(crate) fn key(&self) -> String {
        key(self.uid)
    }

    /// The home, below the system's root.
    pub(crate) fn home_in(&self, places: &Places) -> PathBuf {
        places.read(&self.home.to_string_lossy())
    }
}

/// What the server knows a user by.
pub(crate) fn key(uid: u32) -> String {
    format!("uid:{uid}")
}

/// Whom a key stands for.
pub(crate) fn uid(key: &str) -> Option<u32> {
    key.strip_prefix("uid:")?.parse().ok()
}

/// The accounts of the system, looked up as they are needed.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    local: BTreeMap<u32, Account>,
    /// From elsewhere, such as a directory in the network; asked for once. `None`: there is none.
    others: BTreeMap<u32, Option<Account>>,
}

impl Accounts {
    /// Reads the local ones anew.
    pub(crate) fn refresh(&mut self, places: &Places) {
        let text = files::read_text(&places.read("etc/passwd"), 4 << 20).unwrap_or_default();
        self.local = text.lines().filter_map(parse).map(|a| (a.uid, a)).collect();
    }

    /// The local accounts.
    pub(crate) fn local(&self) -> impl Iterator<Item = &Account> {
        self.local.values()
    }

    /// The local account with this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Account> {
        self.local.values().find(|account| account.name == name)
    }

    /// The account with this uid.
    pub(crate) fn get(&mut self, places: &Places, uid: u32) -> Option<Account> {
        if let Some(account) = self.local.get(&uid) {
            return Some(account.clone());
        }
        if !places.is_machine() {
            return None;
        }
        let ask = || {
            let uid = uid.to_string();
            // One that is slow to answer is asked once, not at every look.
            let line = command::run("getent", &["passwd", &uid], Duration::from_secs(3), 4_096);
            parse(line.ok()?.trim_end())
        };
        self.others.entry(uid).or_insert_with(ask).clone()
    }
}

fn parse(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, _, _, home, _] = fields[..] else { return None };
    let uid = uid.parse().ok()?;
    (!name.is_empty()).then(|| Account { uid, name: name.to_owned(), home: home.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read() {
        let account = parse("anna:x:1000:1000:Anna,,,:/home/anna:/bin/bash").unwrap();
        assert_eq!((account.uid, account.name.as_str()), (1000, "anna"));
        assert_eq!(account.home, PathBuf::from("/home/anna"));
        assert_eq!(account.key(), "uid:1000");
        assert_eq!(uid(&account.key()), Some(1000));
        for wrong in ["", "# a", "+::::::", "anna:x:many:1000::/home/anna:/bin/bash", ":x:1:1:::"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(uid("anna"), None);
    }
}
