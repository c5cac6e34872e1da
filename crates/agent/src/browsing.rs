//! Which domains the users visit, and how often in a day: from the histories that their browsers
//! keep. Nothing finer than a registrable domain and a day leaves this module.

mod chromium;
mod copy;
mod database;
mod domain;
mod firefox;
pub(crate) mod profiles;

use crate::accounts::Account;
use crate::env::Millis;
use crate::places::Places;
use crate::spool::{Cursors, Gathered};
use clientbook_agent_protocol::{DeploymentError, UsageKind};
use copy::{Copy, Stamp};
use profiles::{Family, Profile};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const DAY: Millis = 86_400_000;

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

/// Visits by domain and day.
type Visits = BTreeMap<(String, Millis), u32>;

/// Looks at histories that have changed since it last did.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    seen: BTreeMap<PathBuf, Stamp>,
}

impl Scanner {
    /// Reads what was visited since the cursors.
    pub(crate) fn scan(&mut self, look: &Look<'_>) -> Scan {
        let mut scan = Scan::default();
        for visitor in look.visitors {
            let home = visitor.account.home_in(look.places);
            let mut visits = Visits::new();
            for profile in profiles::of_home(&home) {
                if look.stop.load(Ordering::Relaxed) {
                    return scan;
                }
                let read = self.profile(look, visitor, &profile, &mut visits);
                match read {
                    Ok(Some(cursor)) => drop(scan.cursors.insert(key(visitor, &profile), cursor)),
                    Ok(None) => {}
                    Err(error) => scan.errors.push(unreadable(&profile, &error)),
                }
            }
            scan.gathered.extend(gathered(visitor, visits));
        }
        scan.errors.sort_by(|a, b| a.message.cmp(&b.message));
        scan.errors.dedup();
        scan
    }

    /// Adds a profile's new visits, and gives its new cursor if there were any.
    fn profile(
        &mut self,
        look: &Look<'_>,
        visitor: &Visitor,
        profile: &Profile,
        visits: &mut Visits,
    ) -> io::Result<Option<i64>> {
        let history = profile.history();
        let stamp = Stamp::of(&history);
        if self.seen.get(&history) == Some(&stamp) {
            return Ok(None);
        }
        let copy = Copy::make(&history, visitor.account.uid, look.copies, look.stop)?;
        let until = look.now.saturating_mul(1_000);
        let from = look.cursors.get(&key(visitor, profile)).copied().unwrap_or(i64::MIN);
        // A cursor from before a clock was set back would skip all that comes.
        let from = from.min(until).max(visitor.since.saturating_mul(1_000));
        let connection = database::open(copy.path(), look.stop).map_err(io::Error::other)?;
        let read = match profile.family {
            Family::Firefox => firefox::visits(&connection, from, until),
            Family::Chromium | Family::Edge => chromium::visits(&connection, from, until),
        };
        let read = read.map_err(io::Error::other)?;
        for (at, url) in read.visits {
            let Some(domain) = domain::of_url(&url) else { continue };
            let day = at.div_euclid(1_000 * DAY) * DAY;
            let count = visits.entry((domain, day)).or_default();
            *count = count.saturating_add(1);
        }
        self.seen.insert(history, copy.stamp());
        Ok(read.newest)
    }
}

/// What a history has between two moments, in microseconds since 1970.
#[derive(Debug, Default)]
struct Read {
    /// When, and the URL.
    visits: Vec<(i64, String)>,
    /// The newest of all visits, counted or not.
    newest: Option<i64>,
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

fn unreadable(profile: &Profile, error: &io::Error) -> DeploymentError {
    // Without the path: it names the user.
    let browser = profile.family.name();
    let message = format!("a history of {browser} cannot be read: {}", error.kind());
    DeploymentError { code: "history_unreadable".into(), message }
}

#[cfg(test)]
mod tests;
