//! Points in time and calendar days.

use crate::patch::Parse;
use crate::violation::Violation;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// A point in time with millisecond precision, from year 0 to the last days of 9999, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

// In milliseconds, 0000-01-01T00:00:00Z to 9999-12-30T22:00:00Z. jiff goes on below, where RFC 3339
// has no form left; above, it leaves room for every offset.
const CALENDAR: RangeInclusive<i64> = -62_167_219_200_000..=253_402_207_200_000;

impl Timestamp {
    /// From milliseconds since 1970-01-01T00:00:00Z; `None` outside the calendar.
    pub fn from_millis(millis: i64) -> Option<Self> {
        let time = jiff::Timestamp::from_millisecond(millis).ok()?;
        CALENDAR.contains(&millis).then_some(Self(time))
    }

    /// From a clock's milliseconds, held within the calendar.
    pub fn clamped(millis: i64) -> Self {
        let millis = millis.clamp(*CALENDAR.start(), *CALENDAR.end());
        // Within the calendar by now: the epoch stands for nothing.
        Self::from_millis(millis).unwrap_or(Self(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Reads RFC 3339; what is finer than a millisecond is cut off.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        // jiff also reads forms of ISO 8601 that RFC 3339 does not have: only the shape it has passes.
        let mask = |c: char| if c.is_ascii_digit() { '0' } else { c.to_ascii_uppercase() };
        let shape: String = text.chars().map(mask).collect();
        let rest = shape.strip_prefix("0000-00-00T00:00:00")?;
        let zone = rest.strip_prefix('.').map_or(rest, |fraction| fraction.trim_start_matches('0'));
        let time: jiff::Timestamp =
            matches!(zone, "Z" | "+00:00" | "-00:00").then(|| text.parse().ok()).flatten()?;
        // Rounded down before 1970 too, where dividing would round up.
        let millis = time.as_nanosecond().div_euclid(1_000_000);
        Self::from_millis(i64::try_from(millis).ok()?)
    }

    /// `2026-03-10T14:30:00Z`: the workspace API's form.
    pub fn seconds(self) -> impl fmt::Display {
        struct Seconds(jiff::Timestamp);
        impl fmt::Display for Seconds {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:.0}", self.0)
            }
        }
        Seconds(self.0)
    }
}

/// `2026-03-10T14:30:00.000Z`
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("not a time"))
    }
}

impl Parse for Timestamp {
    fn parse(value: &Value) -> Result<Self, Violation> {
        value.as_str().and_then(Self::parse_rfc3339).ok_or_else(|| {
            Violation::new(
                "date_time",
                "must be a time as in RFC 3339, such as 2026-03-10T14:30:00Z",
            )
        })
    }
}

/// A calendar day, `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    /// The day that `time` falls on in UTC.
    pub fn of(time: Timestamp) -> Self {
        Self(time.0.to_zoned(jiff::tz::TimeZone::UTC).date())
    }

    /// Its first moment in UTC.
    pub fn begin(self) -> Timestamp {
        let zoned = self.0.to_zoned(jiff::tz::TimeZone::UTC);
        Timestamp::clamped(zoned.map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond()))
    }

    /// Reads exactly `YYYY-MM-DD`, a day that exists.
    pub fn parse_iso(text: &str) -> Option<Self> {
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        shape.then(|| text.parse().ok().map(Self)).flatten()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_iso(&text).ok_or_else(|| serde::de::Error::custom("not a day"))
    }
}

impl Parse for Day {
    // The published form sends an empty date to clear one, as it does for texts.
    const EMPTY_CLEARS: bool = true;

    fn parse(value: &Value) -> Result<Self, Violation> {
        value
            .as_str()
            .and_then(Self::parse_iso)
            .ok_or_else(|| Violation::new("date", "must be a calendar day as YYYY-MM-DD"))
    }
}

/// The most characters of a time zone's name, as published; the database knows none longer.
pub const MAX_ZONE: usize = 60;

/// A name of the tz database, in its own spelling: `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeZoneName(String);

// The bundled database, so that every machine knows the same names.
static ZONES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let database = jiff::tz::TimeZoneDatabase::bundled();
    database.available().map(|name| name.as_str().to_owned()).collect()
});

impl Parse for TimeZoneName {
    const EMPTY_CLEARS: bool = true;

    fn parse(value: &Value) -> Result<Self, Violation> {
        let name = value.as_str().ok_or_else(|| Violation::not_a("a string"))?;
        if ZONES.contains(name) {
            return Ok(Self(name.to_owned()));
        }
        let hint = crate::nearest::nearest(name, ZONES.iter().map(String::as_str))
            .map_or(String::new(), |near| format!("; did you mean {near}?"));
        let message = format!("must be a name of the tz database, such as Europe/Berlin{hint}");
        Err(Violation::new("time_zone", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_have_both_forms() {
        let time = Timestamp::parse_rfc3339("2026-03-10T14:30:00+00:00").expect("a time");
        assert_eq!(time.to_string(), "2026-03-10T14:30:00.000Z");
        assert_eq!(time.seconds().to_string(), "2026-03-10T14:30:00Z");
        let later = Timestamp::parse_rfc3339("2026-03-10T14:30:00.9999Z").expect("a time");
        assert_eq!(later.to_string(), "2026-03-10T14:30:00.999Z");
        assert_eq!(later.seconds().to_string(), "2026-03-10T14:30:00Z");
        for wrong in ["2026-03-10", "2026-03-10T14:30:00", "2026-03-10 14:30:00Z", "x", ""] {
            assert_eq!(Timestamp::parse_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_are_real_and_in_one_form() {
        assert!(Day::parse_iso("2024-02-29").is_some());
        for wrong in ["2023-02-29", "2024-13-01", "20240101", "2024-1-1", "2024-01-01T00:00", ""] {
            assert_eq!(Day::parse_iso(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn zones_are_exact_and_suggested() {
        assert!(TimeZoneName::parse(&json!("Europe/Berlin")).is_ok());
        let refused = TimeZoneName::parse(&json!("europe/berln")).expect_err("a typo");
        assert!(refused.message.contains("Europe/Berlin?"), "{}", refused.message);
        assert!(ZONES.iter().all(|zone| zone.len() <= MAX_ZONE));
    }
}
