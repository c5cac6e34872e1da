//! Which applications the users use: what runs, by the names that desktop files give it.

mod applications;
mod desktop_file;
pub(crate) mod process;
mod unit_name;
pub(crate) mod windows;

use crate::accounts::Account;
use crate::places::Places;
use applications::Applications;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Whose application ran at a look: the user's key, and the application's name.
pub(crate) type Running = BTreeSet<(String, String)>;

/// Looks at the processes of some users.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    applications: Applications,
}

impl Sampler {
    /// What runs now for these users. Processes of others are not looked into.
    pub(crate) fn running(&mut self, places: &Places, users: &[Account]) -> Running {
        let uids: BTreeSet<u32> = users.iter().map(|user| user.uid).collect();
        if uids.is_empty() {
            return Running::new();
        }
        let homes: Vec<PathBuf> = users.iter().map(|user| user.home_in(places)).collect();
        self.applications.refresh(places, &homes);
        let mut running = Running::new();
        for process in process::of_users(places, &uids) {
            if let Some(name) = self.applications.name(&process) {
                let user = users.iter().find(|user| user.uid == process.uid);
                running.extend(user.map(|user| (user.key.clone(), name.to_owned())));
            }
        }
        running
    }
}
