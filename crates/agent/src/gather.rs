//! Looking at the device: what is ordered, done on a thread of its own because it reads many files.

use crate::accounts::{Account, Accounts};
use crate::browsing::{Cursors, Look, Scan, Scanner, Visitor};
use crate::env::Millis;
use crate::inventory;
use crate::places::Places;
use crate::state::ExtensionIds;
use crate::usage::{Running, Sampler};
use crate::users;
use clientbook_agent_protocol::{DeploymentError, Device, SeenUser, Software};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The directory of the state for copies of histories.
pub(crate) const COPIES: &str = "copies";
/// Accounts of people begin here; `nobody` is above.
const PEOPLE: std::ops::Range<u32> = 1_000..65_534;

/// Homes that are looked into for what their users have installed.
const MOST_HOMES: usize = 1_000;

/// What to look at. The default is nothing.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Who has a session.
    pub(crate) sessions: bool,
    /// Whose applications.
    pub(crate) applications: Vec<String>,
    /// Whose visits, and since when.
    pub(crate) visits: BTreeMap<String, Millis>,
    pub(crate) cursors: Cursors,
    pub(crate) device: bool,
    pub(crate) software: bool,
    pub(crate) now: Millis,
}

/// What was found; absent is what was not ordered, or stopped.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) users: Option<Vec<SeenUser>>,
    pub(crate) running: Option<Running>,
    pub(crate) scan: Option<Scan>,
    pub(crate) device: Option<Device>,
    pub(crate) software: Option<(Option<Vec<Software>>, Vec<DeploymentError>)>,
}

/// What is remembered from look to look.
#[derive(Debug)]
pub(crate) struct Gatherer {
    places: Places,
    unique_key: String,
    extensions: ExtensionIds,
    accounts: Accounts,
    sampler: Sampler,
    scanner: Scanner,
}

impl Gatherer {
    pub(crate) fn new(places: Places, unique_key: String, extensions: ExtensionIds) -> Self {
        Self {
            accounts: Accounts::new(&unique_key),
            places,
            unique_key,
            extensions,
            sampler: Sampler::default(),
            scanner: Scanner::default(),
        }
    }

    /// Does what is ordered, until `stop` is set.
    pub(crate) fn work(&mut self, order: &Order, stop: &Arc<AtomicBool>) -> Found {
        let mut found = Found::default();
        let goes_on = || !stop.load(Ordering::Relaxed);
        if order.sessions && goes_on() {
            found.users = Some(users::with_sessions(&self.places, &mut self.accounts));
        } else {
            self.accounts.refresh(&self.places);
        }
        if !order.applications.is_empty() && goes_on() {
            let users = self.accounts_of(order.applications.iter());
            found.running = Some(self.sampler.running(&self.places, &users));
        }
        if (order.device || order.software) && goes_on() {
            let homes = self.homes();
            if order.device {
                let (key, ids) = (&self.unique_key, &self.extensions);
                found.device = Some(inventory::device(&self.places, key, ids, &homes));
            }
            if order.software && goes_on() {
                found.software = Some(inventory::software(&self.places, &homes));
            }
        }
        if !order.visits.is_empty() && goes_on() {
            found.scan = Some(self.scan(order, stop));
        }
        found
    }

    /// What was found last did not count: what is unchanged since is read again.
    pub(crate) fn forget(&mut self) {
        self.scanner = Scanner::default();
    }

    fn scan(&mut self, order: &Order, stop: &Arc<AtomicBool>) -> Scan {
        let accounts = self.accounts_of(order.visits.keys()).into_iter();
        let visitors: Vec<Visitor> = accounts
            .filter_map(|account| {
                let since = *order.visits.get(&account.key)?;
                Some(Visitor { account, since })
            })
            .collect();
        self.scanner.scan(&Look {
            places: &self.places,
            copies: &self.places.state_file(COPIES),
            visitors: &visitors,
            cursors: &order.cursors,
            now: order.now,
            stop,
        })
    }

    fn accounts_of<'a>(&mut self, keys: impl Iterator<Item = &'a String>) -> Vec<Account> {
        let uids: BTreeSet<u32> = keys.filter_map(|key| self.accounts.uid(key)).collect();
        uids.into_iter().filter_map(|uid| self.accounts.get(&self.places, uid)).collect()
    }

    /// The homes of people.
    fn homes(&self) -> Vec<PathBuf> {
        let people = self.accounts.local().filter(|account| PEOPLE.contains(&account.uid));
        people.take(MOST_HOMES).map(|account| account.home_in(&self.places)).collect()
    }
}
