//! Which domains the users visit, and how often in a day: from the histories that their browsers
//! keep. Nothing finer than a registrable domain and a day leaves this module.
//!
//! A history is a file of its user, who may have written anything into it: each is read with bounded
//! time, memory and disk, and one that cannot be read stands in nobody's way but its user's.

mod budget;
mod chromium;
mod copy;
mod database;
mod domain;
mod firefox;
pub(crate) mod profiles;
mod tally;

use crate::accounts::Account;
use crate::env::Millis;
use crate::places::Places;
use crate::spool::Gathered;
use budget::Budget;
use clientbook_agent_protocol::{DeploymentError, UsageKind};
use copy::{Copy, Stamp};
use profiles::{Family, Profile};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tally::{DAY, Known, Visits};

/// For the histories of one user, copying included, at a look.
const TIME: Duration = Duration::from_secs(20);
/// How long nobody looks at the histories of a user whose took longer.
const REST: Duration = Duration::from_hours(1);
/// How far back a visit may lie: what is older would not be spooled either.
const OLDEST: Millis = 7 * DAY;
/// Records of one look; users whose turn has not come by then have it at the next.
const MOST: usize = 20_000;
/// Profiles of a user whose visits are counted while the agent runs.
const MOST_PROFILES: usize = 200;

/// Up to where the visits of each profile have been counted, in microseconds since 1970.
pub(crate) type Cursors = BTreeMap<String, i64>;

/// A user whose visits may be counted, and since when.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) account: Account,
    pub(crate) since: Millis,
}

/// What a look at the histories gave.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) gathered: Vec<Gathered>,
    /// Up to where the profiles that were read have been counted now.
    pub(crate) cursors: Cursors,
    pub(crate) errors: Vec<DeploymentError>,
}

/// A look at the histories.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(crate) places: &'a Places,
    /// For copies: private, and removed after each.
    pub(crate) copies: &'a Path,
    pub(crate) visitors: &'a [Visitor],
    pub(crate) cursors: &'a Cursors,
    pub(crate) now: Millis,
    /// Set when it may not go on.
    pub(crate) stop: &'a Arc<AtomicBool>,
}

/// Looks at histories that have changed since it last did.
#[derive(Debug)]
pub(crate) struct Scanner {
    seen: BTreeMap<PathBuf, Seen>,
    known: Known,
    /// Users whose histories took too long, and until when nobody looks.
    rests: BTreeMap<String, Instant>,
    time: Duration,
}

impl Default for Scanner {
    fn default() -> Self {
        let (seen, known, rests) = (BTreeMap::new(), Known::default(), BTreeMap::new());
        Self { seen, known, rests, time: TIME }
    }
}

/// What a history was like when it was last read, and what was wrong with it.
#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    error: Option<DeploymentError>,
}

impl Scanner {
    /// Reads what was visited since the cursors.
    pub(crate) fn scan(&mut self, look: &Look<'_>) -> Scan {
        let mut scan = Scan::default();
        let before = std::mem::take(&mut self.seen);
        self.known.forget_before((look.now - OLDEST).div_euclid(DAY) * DAY);
        self.rests.retain(|_, until| *until > Instant::now());
        let mut seen = BTreeMap::new();
        for visitor in look.visitors {
            if look.stop.load(Ordering::Relaxed) {
                return scan;
            }
            if scan.gathered.len() < MOST {
                self.user(look, visitor, &before, &mut seen, &mut scan);
            }
        }
        self.seen = seen;
        scan.errors.sort_by(|a, b| a.message.cmp(&b.message));
        scan.errors.dedup();
        scan
    }

    fn user(
        &mut self,
        look: &Look<'_>,
        visitor: &Visitor,
        before: &BTreeMap<PathBuf, Seen>,
        seen: &mut BTreeMap<PathBuf, Seen>,
        scan: &mut Scan,
    ) {
        let user_key = &visitor.account.key;
        if self.rests.contains_key(user_key) {
            scan.errors.push(error("a user's histories take too long to be read".into()));
            return;
        }
        let budget = Budget::new(look.stop, self.time);
        let counted = look.cursors.keys().filter(|cursor| is_cursor_of(cursor, user_key)).count();
        let mut left = MOST_PROFILES.saturating_sub(counted);
        let mut visits = Visits::new();
        for profile in profiles::of_home(&visitor.account.home_in(look.places)) {
            let (history, key) = (profile.history(), key(visitor, &profile));
            let stamp = Stamp::of(&history);
            if let Some(same) = before.get(&history).filter(|it| it.stamp == stamp) {
                scan.errors.extend(same.error.clone());
                seen.insert(history, Seen { stamp, error: same.error.clone() });
                continue;
            }
            if !look.cursors.contains_key(&key) && left == 0 {
                scan.errors.push(error("a user has more profiles than are read".into()));
                continue;
            }
            match self.profile(look, visitor, &profile, &budget, &mut visits) {
                Ok(read) => {
                    if let Some(cursor) = read.cursor {
                        left -= usize::from(!look.cursors.contains_key(&key));
                        scan.cursors.insert(key, cursor);
                    }
                    scan.errors.extend(read.error.clone());
                    seen.insert(history, Seen { stamp: read.stamp, error: read.error });
                }
                Err(failed) => {
                    let error = unreadable(&profile, &failed);
                    if stays(failed.kind()) {
                        seen.insert(history, Seen { stamp, error: Some(error.clone()) });
                    }
                    scan.errors.push(error);
                }
            }
            if budget.is_over() {
                break;
            }
        }
        if budget.is_spent() {
            self.rests.insert(user_key.clone(), Instant::now() + REST);
        }
        scan.gathered.extend(gathered(visitor, visits));
    }

    /// Adds a profile's new visits. Of one that cannot be read to its end, none count.
    fn profile(
        &mut self,
        look: &Look<'_>,
        visitor: &Visitor,
        profile: &Profile,
        budget: &Budget,
        visits: &mut Visits,
    ) -> io::Result<Read> {
        let history = profile.history();
        let copy = Copy::make(&history, visitor.account.uid, look.copies, budget)?;
        let until = look.now.saturating_mul(1_000);
        let since = visitor.since.max(look.now - OLDEST).saturating_mul(1_000);
        let cursor = look.cursors.get(&key(visitor, profile));
        let from = cursor.map_or(since, |cursor| since.max(*cursor));
        let is_firefox = profile.family == Family::Firefox;
        let tables = if is_firefox { firefox::TABLES } else { chromium::TABLES };
        let connection = database::open(copy.path(), tables, budget)?;
        let mut found = Visits::new();
        let mut too_many = false;
        let each = |at: i64, url: &str| {
            let Some(domain) = domain::of_url(url) else { return };
            let day = at.div_euclid(1_000 * DAY) * DAY;
            too_many |= !self.known.count(&mut found, &visitor.account.key, domain, day);
        };
        let read = if is_firefox {
            firefox::visits(&connection, from, until, each)
        } else {
            chromium::visits(&connection, from, until, each)
        };
        let cursor = read.map_err(|error| database::failed(&error, budget))?;
        for (of, count) in found {
            let all = visits.entry(of).or_default();
            *all = all.saturating_add(count);
        }
        let why = "a user visits more domains in a day than are counted";
        Ok(Read { cursor, stamp: copy.stamp(), error: too_many.then(|| error(why.into())) })
    }
}

/// What a history that could be read gave, beside its visits.
struct Read {
    /// The newest of all visits, counted or not; `None` if there are no new ones.
    cursor: Option<i64>,
    stamp: Stamp,
    error: Option<DeploymentError>,
}

/// Whether what failed fails again for as long as the file is the same. The rest is chance: it changed
/// meanwhile, or our disk is full.
fn stays(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidData
            | ErrorKind::FileTooLarge
            | ErrorKind::PermissionDenied
            | ErrorKind::InvalidInput
            | ErrorKind::OutOfMemory
    )
}

/// What names a profile's cursor.
fn key(visitor: &Visitor, profile: &Profile) -> String {
    format!("{} {}", visitor.account.key, profile.directory.display())
}

/// Whether a cursor belongs to a user.
pub(crate) fn is_cursor_of(cursor: &str, user_key: &str) -> bool {
    cursor.split(' ').next() == Some(user_key)
}

/// A record begins with its day, or with the moment from which the user's visits count if that is
/// later: the server knows no record of a user from before.
fn gathered(visitor: &Visitor, visits: Visits) -> impl Iterator<Item = Gathered> {
    visits.into_iter().map(move |((domain, day), visits)| Gathered {
        kind: UsageKind::Web,
        user_key: visitor.account.key.clone(),
        name: domain,
        started_at: day.max(visitor.since),
        seconds: 0,
        visits: Some(visits),
    })
}

fn unreadable(profile: &Profile, why: &io::Error) -> DeploymentError {
    // Without the path: it names the user.
    let browser = profile.family.name();
    error(format!("a history of {browser} cannot be read: {}", why.kind()))
}

fn error(message: String) -> DeploymentError {
    DeploymentError { code: "history_unreadable".into(), message }
}

#[cfg(test)]
mod tests;
