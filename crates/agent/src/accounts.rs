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
    /// What the server knows the user by. It keeps the users of a client together, and the same uid is
    /// another person on another device: so the key names the device, too.
    pub(crate) key: String,
}

impl Account {
    /// The home, below the system's root.
    pub(crate) fn home_in(&self, places: &Places) -> PathBuf {
        places.read(&self.home.to_string_lossy())
    }
}

/// Local accounts; more are not known.
const MOST: usize = 10_000;
/// Accounts from elsewhere that are remembered, and that are asked for in one look: asking takes time,
/// and whoever may use many uids has many processes.
const MOST_OTHERS: usize = 1_000;
const MOST_ASKED: usize = 20;

/// Of the device's own key, as much as tells it from others.
const DEVICE: usize = 16;

/// The accounts of the system, looked up as they are needed.
#[derive(Debug)]
pub(crate) struct Accounts {
    device: String,
    local: BTreeMap<u32, Account>,
    /// From elsewhere, such as a directory in the network; asked for once. `None`: there is none.
    others: BTreeMap<u32, Option<Account>>,
    /// How many more may be asked for in this look.
    left: usize,
}

impl Accounts {
    /// The accounts of the device with this key.
    pub(crate) fn new(unique_key: &str) -> Self {
        let device = unique_key.chars().take(DEVICE).collect();
        Self { device, local: BTreeMap::new(), others: BTreeMap::new(), left: MOST_ASKED }
    }

    /// Whom a key stands for; `None` if it is of another device.
    pub(crate) fn uid(&self, key: &str) -> Option<u32> {
        let (uid, device) = key.strip_prefix("uid:")?.split_once('@')?;
        (device == self.device).then(|| uid.parse().ok()).flatten()
    }

    /// Reads the local ones anew.
    pub(crate) fn refresh(&mut self, places: &Places) {
        let text = files::read_text(&places.read("etc/passwd"), 4 << 20).unwrap_or_default();
        let accounts = text.lines().filter_map(|line| parse(line, &self.device)).take(MOST);
        self.local = accounts.map(|account| (account.uid, account)).collect();
        self.left = MOST_ASKED;
        if self.others.len() >= MOST_OTHERS {
            self.others.clear();
        }
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
        self.other(uid, |uid| {
            // One that is slow to answer is asked once, not at every look.
            let limit = Duration::from_secs(3);
            command::run("getent", &["passwd", &uid.to_string()], limit, 4_096).ok()
        })
    }

    fn other(&mut self, uid: u32, ask: impl FnOnce(u32) -> Option<String>) -> Option<Account> {
        if let Some(known) = self.others.get(&uid) {
            return known.clone();
        }
        self.left = self.left.checked_sub(1)?;
        let account = ask(uid).and_then(|line| parse(line.trim_end(), &self.device));
        self.others.insert(uid, account.clone());
        account
    }
}

fn parse(line: &str, device: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, _, _, home, _] = fields[..] else { return None };
    let uid: u32 = uid.parse().ok()?;
    let key = format!("uid:{uid}@{device}");
    (!name.is_empty()).then(|| Account { uid, name: name.to_owned(), home: home.into(), key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read() {
        let account = parse("anna:x:1000:1000:Anna,,,:/home/anna:/bin/bash", "d").unwrap();
        assert_eq!((account.uid, account.name.as_str()), (1000, "anna"));
        assert_eq!(account.home, PathBuf::from("/home/anna"));
        assert_eq!(account.key, "uid:1000@d");
        for wrong in ["", "# a", "+::::::", "anna:x:many:1000::/home/anna:/bin/bash", ":x:1:1:::"] {
            assert_eq!(parse(wrong, "d"), None, "{wrong}");
        }
    }

    #[test]
    fn those_from_elsewhere_are_asked_for_a_few_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::new(dir.path(), dir.path()).unwrap();
        let mut accounts = Accounts::new("d");
        let mut asked = 0;
        let mut look = |accounts: &mut Accounts| {
            accounts.refresh(&places);
            for uid in 0..5_000 {
                accounts.other(uid, |_| {
                    asked += 1;
                    None
                });
            }
            std::mem::take(&mut asked)
        };
        assert_eq!(look(&mut accounts), MOST_ASKED);
        assert_eq!(accounts.other(7, |_| panic!("known already")), None);
        for _ in 0..200 {
            assert_eq!(look(&mut accounts), MOST_ASKED);
            assert!(accounts.others.len() <= MOST_OTHERS + MOST_ASKED);
        }
    }

    #[test]
    fn local_accounts_are_known_up_to_a_number() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        let line = |uid: usize| format!("u{uid}:x:{uid}:1::/home/u:/bin/sh\n");
        let passwd: String = (0..MOST + 5).map(line).collect();
        std::fs::write(dir.path().join("etc/passwd"), passwd).unwrap();
        let mut accounts = Accounts::new("d");
        accounts.refresh(&Places::new(dir.path(), dir.path()).unwrap());
        assert_eq!(accounts.local().count(), MOST);
    }

    #[test]
    fn a_key_names_one_account_of_one_device() {
        let accounts = Accounts::new("0123456789abcdef0123456789abcdef");
        let account = parse("anna:x:1000:1:::/bin/sh", &accounts.device).unwrap();
        assert_eq!(accounts.uid(&account.key), Some(1000));
        assert_eq!(Accounts::new("another").uid(&account.key), None);
        for wrong in ["anna", "uid:1000", "uid:@0123456789abcdef", "1000@0123456789abcdef"] {
            assert_eq!(accounts.uid(wrong), None, "{wrong}");
        }
    }
}
