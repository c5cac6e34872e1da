//! What agents collect: installed software, and what users use.

use crate::number::Int;
use crate::patch::Parse;
use crate::text::Label;
use crate::time::{Day, Timestamp};
use crate::violation::Violation;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A name or version of software, an application or a publisher: 1 to 255 characters.
pub type ItemText = Label<255>;

/// Where software came from, such as `dpkg`: 1 to 50 characters.
pub type Source = Label<50>;

/// What tells a record of usage from the others of its device: 1 to 64 characters.
pub type RecordId = Label<64>;

/// What a record of usage covers: up to a day.
pub type Seconds = Int<0, { DAY_MILLIS / 1_000 }>;

/// How many visits of a domain: up to a million.
pub type Visits = Int<0, 1_000_000>;

/// A line of an agent's log: 1 to 2,000 characters.
pub type LogMessage = Label<2_000>;

/// How far ahead of the server's clock a device's may be, in milliseconds: 10 minutes.
pub const AHEAD_MILLIS: i64 = 10 * 60 * 1_000;

/// The most sums that a device may have of a day: one for each user and each application or domain. An
/// agent counts 1,000 domains of a user and day and the applications that have a window, so a device
/// whose users all do their utmost has room for more than a dozen of them, and for a hundred who do not.
pub const MAX_SUMS_OF_DAY: usize = 20_000;

/// The most records of a day that count for a device. An agent makes one every 5 minutes of each user and
/// application that runs: enough for 300 of them around the clock.
pub const MAX_RECORDS_OF_DAY: usize = 100_000;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// A piece of installed software.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Software {
    /// Its name.
    pub name: ItemText,
    /// Its version.
    pub version: ItemText,
    /// Who made it.
    pub publisher: Option<ItemText>,
    /// Where it came from.
    pub source: Option<Source>,
    /// When it was installed.
    pub installed_at: Option<Timestamp>,
}

impl Software {
    /// The same for the same name, version and publisher, and no other.
    pub fn id(&self) -> Uuid {
        let publisher = self.publisher.as_ref().map(Label::as_str);
        // No text holds U+0000.
        digest(&[self.name.as_str(), self.version.as_str(), publisher.unwrap_or("\0")])
    }
}

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageKind {
    /// An application.
    App,
    /// A domain.
    Web,
}

impl UsageKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::App, Self::Web];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Web => "web",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl Parse for UsageKind {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let kind = value.as_str().and_then(Self::from_name);
        kind.ok_or_else(|| Violation::not_one_of(&Self::ALL.map(Self::as_str)))
    }
}

/// A stretch of time in which a user used an application, or visits to a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// Unique for the device.
    pub id: RecordId,
    /// What was used.
    pub kind: UsageKind,
    /// By whom.
    pub user_key: crate::device_user::UserKey,
    /// The application's name, or the domain.
    pub name: ItemText,
    /// When it began.
    pub started_at: Timestamp,
    /// How long.
    pub seconds: Seconds,
    /// How many visits.
    pub visits: Option<Visits>,
}

impl UsageRecord {
    /// What it is known by, without saying what it says.
    pub fn digest(&self) -> Uuid {
        digest(&[self.id.as_str()])
    }

    /// When it ended.
    pub fn ended_at(&self) -> Timestamp {
        let millis = self.seconds.get().saturating_mul(1_000);
        Timestamp::clamped(self.started_at.millis().saturating_add(millis))
    }

    /// The days, in UTC, that it falls on, with the seconds and visits of each; visits count on the
    /// first.
    pub fn days(&self) -> impl Iterator<Item = (DayNumber, i64, i64)> {
        let (begin, seconds) = (self.started_at, self.seconds.get());
        let first = DayNumber::of(begin);
        let left = (first.next().begin().millis() - begin.millis() + 999) / 1_000;
        let today = seconds.min(left);
        let tomorrow = (seconds > today).then(|| (first.next(), seconds - today, 0));
        let visits = self.visits.map_or(0, Int::get);
        std::iter::once((first, today, visits)).chain(tomorrow)
    }
}

/// A domain as it stands in a record of usage: never a path, a query, a port or a name of a user.
pub fn check_domain(name: &str) -> Result<(), Violation> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/?#:@\\%".contains(c);
    if name.chars().any(odd) {
        let message = "must be a domain, without a scheme, a port, a path or a query";
        return Err(Violation::new("domain", message));
    }
    Ok(())
}

/// A day of the calendar in UTC, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayNumber(pub i64);

impl DayNumber {
    /// The day that `time` falls on.
    pub fn of(time: Timestamp) -> Self {
        Self(time.millis().div_euclid(DAY_MILLIS))
    }

    /// Its first moment.
    pub fn begin(self) -> Timestamp {
        Timestamp::clamped(self.0.saturating_mul(DAY_MILLIS))
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// So many days before.
    #[must_use]
    pub fn before(self, days: i64) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// The day as people write it.
    pub fn day(self) -> Day {
        Day::of(self.begin())
    }
}

/// How grave a line of an agent's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// Something happened.
    Info,
    /// For whoever looks for a fault.
    Debug,
}

impl LogLevel {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}

impl Parse for LogLevel {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let level = value.as_str().and_then(Self::from_name);
        level.ok_or_else(|| Violation::not_one_of(&Self::ALL.map(Self::as_str)))
    }
}

/// A line of an agent's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub level: LogLevel,
    /// What.
    pub message: LogMessage,
}

/// Half of the SHA-256 of texts that hold no U+0000, but for one that is nothing else.
fn digest(parts: &[&str]) -> Uuid {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
        hasher.update([0]);
    }
    let bytes: [u8; 32] = hasher.finalize().into();
    Uuid::from_slice(&bytes[..16]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(started_at: &str, seconds: i64) -> UsageRecord {
        UsageRecord {
            id: Label::new("1").expect("an id"),
            kind: UsageKind::Web,
            user_key: Label::new("bob").expect("a key"),
            name: Label::new("example.com").expect("a name"),
            started_at: Timestamp::parse_rfc3339(started_at).expect("a time"),
            seconds: Int::new(seconds).expect("seconds"),
            visits: Some(Int::new(3).expect("visits")),
        }
    }

    #[test]
    fn midnight_parts_a_record() {
        let parts = |record: UsageRecord| -> Vec<_> {
            let days = record.days();
            days.map(|(day, seconds, visits)| (day.day().to_string(), seconds, visits)).collect()
        };
        let day = |text: &str, seconds, visits| (text.to_owned(), seconds, visits);
        let before = record("2026-03-10T23:59:00Z", 90);
        assert_eq!(parts(before), [day("2026-03-10", 60, 3), day("2026-03-11", 30, 0)]);
        let whole = record("2026-03-10T00:00:00Z", 86_400);
        assert_eq!(parts(whole), [day("2026-03-10", 86_400, 3)]);
        let short = record("2026-03-10T23:59:59.999Z", 1);
        assert_eq!(parts(short), [day("2026-03-10", 1, 3)]);
        let none = record("2026-03-10T12:00:00Z", 0);
        assert_eq!(parts(none), [day("2026-03-10", 0, 3)]);
        let early = record("1969-12-31T23:59:30Z", 60);
        assert_eq!(parts(early), [day("1969-12-31", 30, 3), day("1970-01-01", 30, 0)]);
    }

    #[test]
    fn a_domain_has_no_path() {
        for right in ["example.com", "münchen.example", "localhost", "10.0.0.1", "xn--a.example"] {
            assert!(check_domain(right).is_ok(), "{right}");
        }
        for wrong in ["example.com/a", "a b", "https://a", "a?b", "a#b", "u@a", "a:80", "a%2Fb"] {
            assert!(check_domain(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn software_is_told_apart_by_name_version_and_publisher() {
        let software = |name: &str, version: &str, publisher: Option<&str>| {
            let text = |text: &str| Label::new(text).expect("a text");
            Software {
                name: text(name),
                version: text(version),
                publisher: publisher.map(text),
                source: None,
                installed_at: None,
            }
            .id()
        };
        let ids = [
            software("a", "bc", None),
            software("ab", "c", None),
            software("a", "b", Some("c")),
            software("a", "bc", Some("c")),
        ];
        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        assert_eq!(software("a", "b", Some("c")), software(" a", "b ", Some("c")));
    }

    #[test]
    fn kinds_and_levels_are_read_by_name() {
        assert_eq!(UsageKind::parse(&json!("web")).ok(), Some(UsageKind::Web));
        assert!(UsageKind::parse(&json!("Web")).is_err());
        assert!(LogLevel::ALL.iter().all(|one| LogLevel::from_name(one.as_str()) == Some(*one)));
        assert!(LogLevel::parse(&json!(1)).is_err());
    }
}
