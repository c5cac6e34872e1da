//! Points in time: RFC 3339 and nothing else, milliseconds, two forms.

use clientbook_model::patch::Parse;
use clientbook_model::time::{TimeZoneName, Timestamp};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn only_rfc3339_is_read() {
    for (text, shown) in [
        ("2024-06-01T10:00:00Z", "2024-06-01T10:00:00.000Z"),
        ("2024-06-01t10:00:00z", "2024-06-01T10:00:00.000Z"),
        ("2024-06-01T10:00:00-00:00", "2024-06-01T10:00:00.000Z"),
        ("2024-06-01T10:00:00.5+02:30", "2024-06-01T07:30:00.500Z"),
        ("2024-06-01T10:00:00.123999999Z", "2024-06-01T10:00:00.123Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
    ] {
        let read = Timestamp::parse_rfc3339(text).map(|time| time.to_string());
        assert_eq!(read.as_deref(), Some(shown), "{text}");
    }
    for bad in [
        "",
        "2024-06-01",
        "2024-06-01T10:00:00",
        "2024-06-01 10:00:00Z",
        "2024-06-01T10:00Z",
        "2024-06-01T10:00:00.Z",
        "2024-06-01T10:00:00,5Z",
        "2024-06-01T100000.0000Z",
        "2024-06-01T10:00:00+01",
        "2024-06-01T10:00:00+0100",
        "2024-06-01T10:00:00+00:00:30",
        "2024-06-01T10:00:00Z[Europe/Berlin]",
        "2024-06-31T10:00:00Z",
        "2024-06-01T24:00:00Z",
        "2024-06-01T10:60:00Z",
        "20240601T100000.000Z",
        "-000001-12-31T23:00:00Z",
        "0000-01-01T00:00:00+01:00",
        "2024-06-01T10:00:00Z\0",
        "２024-06-01T10:00:00Z",
    ] {
        assert_eq!(Timestamp::parse_rfc3339(bad), None, "{bad}");
    }
}

#[test]
fn the_calendar_has_two_ends() {
    let first = Timestamp::from_millis(-62_167_219_200_000).expect("the first");
    assert_eq!(first.to_string(), "0000-01-01T00:00:00.000Z");
    for outside in [-62_167_219_200_001, 253_402_300_800_000, i64::MIN, i64::MAX] {
        assert_eq!(Timestamp::from_millis(outside), None, "{outside}");
    }
    // A clock that is far off still gives a time that can be shown and read back.
    for (millis, shown) in [
        (i64::MIN, "0000-01-01T00:00:00.000Z"),
        (5, "1970-01-01T00:00:00.005Z"),
        (i64::MAX, "9999-12-30T22:00:00.000Z"),
    ] {
        let time = Timestamp::clamped(millis);
        assert_eq!(time.to_string(), shown);
        assert_eq!(Timestamp::parse_rfc3339(shown), Some(time));
    }
}

#[test]
fn no_zone_is_longer_than_the_published_limit() {
    for zone in jiff::tz::TimeZoneDatabase::bundled().available() {
        assert!(zone.as_str().chars().count() <= 60, "{zone}");
        assert!(TimeZoneName::parse(&json!(zone.as_str())).is_ok(), "{zone}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(millis in -62_167_219_200_000_i64..=253_402_207_200_000) {
        let time = Timestamp::from_millis(millis).expect("in the calendar");
        prop_assert_eq!(time.millis(), millis);
        let shown = time.to_string();
        prop_assert_eq!(shown.len(), 24);
        prop_assert_eq!(Timestamp::parse_rfc3339(&shown), Some(time));
        let seconds = time.seconds().to_string();
        prop_assert_eq!(&seconds[..19], &shown[..19], "cut off, not rounded");
        prop_assert_eq!(&seconds[19..], "Z");
    }

    #[test]
    fn any_text_is_answered(text in any::<String>(), near in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9:.,+Z-]{0,20}") {
        let _answered = Timestamp::parse_rfc3339(&text);
        let _answered = Timestamp::parse_rfc3339(&near);
    }
}
