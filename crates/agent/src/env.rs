//! Where the clock and randomness come in. Everything that decides takes them as values.

use rand::Rng as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, UTC.
pub(crate) type Millis = i64;

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "this is where the clock comes in")]
pub(crate) fn now() -> Millis {
    millis(SystemTime::now())
}

/// How long the system has run, asleep or not. Nobody sets this.
pub(crate) fn running() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// A file's time as ours.
pub(crate) fn millis(time: SystemTime) -> Millis {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// As the protocol writes it: `2026-03-10T14:30:00.000Z`. What lies outside the calendar is the
/// epoch.
pub(crate) fn timestamp(millis: Millis) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

/// As HTTP writes it: `Tue, 10 Mar 2026 14:30:00 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Millis> {
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
    parsed.ok().map(jiff::Timestamp::as_millisecond)
}

/// 32 random hex digits.
pub(crate) fn id() -> String {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    hex(&bytes)
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// Somewhere between `low` and `high` of `duration`, so that many agents do not act at once.
pub(crate) fn jitter(duration: Duration, low: f64, high: f64) -> Duration {
    duration.mul_f64(rand::random_range(low..=high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_decimals() {
        assert_eq!(timestamp(1_773_153_000_000), "2026-03-10T14:30:00.000Z");
        assert_eq!(timestamp(1_773_153_000_007), "2026-03-10T14:30:00.007Z");
        assert_eq!(timestamp(Millis::MAX), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(http_date("Tue, 10 Mar 2026 14:30:00 GMT"), Some(1_773_153_000_000));
        assert_eq!(http_date("yesterday"), None);
    }

    #[test]
    fn ids_are_hex_and_differ() {
        assert_eq!(id().len(), 32);
        assert_ne!(id(), id());
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
    }
}
