//! Identities: which spellings name something.

use clientbook_model::id::{ClientId, ClientNumber, ObjectId, parse_uuid, unhex, uuid_v7};
use clientbook_model::patch::Parse;
use clientbook_model::tenant::TenantKey;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// `text` with the case of its letters taken from `upper`.
fn mixed(text: &str, upper: u64) -> String {
    let case = |(at, c): (usize, char)| {
        if upper >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c }
    };
    text.chars().enumerate().map(case).collect()
}

proptest! {
    #[test]
    fn a_uuid_is_read_in_any_case(id in any::<u128>(), upper in any::<u64>()) {
        let id = Uuid::from_u128(id);
        let text = mixed(&id.to_string(), upper);
        prop_assert_eq!(parse_uuid(&text), Some(id));
        prop_assert_eq!(ClientId::parse(&json!(text)), Ok(ClientId(id)));
        prop_assert_eq!(json!(ClientId(id)), json!(text.to_ascii_lowercase()));
    }

    #[test]
    fn a_uuid_has_no_other_form(id in any::<u128>(), garbage in "[0-9a-f{}:-]{36}") {
        let id = Uuid::from_u128(id);
        for other in [
            id.simple().to_string(),
            id.braced().to_string(),
            id.urn().to_string(),
            format!("{id} "),
            format!(" {id}"),
            format!("{id}0"),
            id.to_string().replacen('-', "", 1),
            id.to_string().replace('-', "_"),
        ] {
            prop_assert_eq!(parse_uuid(&other), None, "{}", other);
        }
        let shape = |(at, byte): (usize, u8)| {
            (byte == b'-') == matches!(at, 8 | 13 | 18 | 23) && (byte == b'-' || byte.is_ascii_hexdigit())
        };
        let shaped = garbage.bytes().enumerate().all(shape);
        prop_assert_eq!(parse_uuid(&garbage).is_some(), shaped);
    }

    #[test]
    fn an_object_id_is_24_hex_digits_in_any_case(bytes in any::<[u8; 12]>(), upper in any::<u64>()) {
        let id = ObjectId(bytes);
        let text = id.to_string();
        prop_assert_eq!(text.len(), 24);
        prop_assert_eq!(ObjectId::parse_hex(&mixed(&text, upper)), Some(id));
        prop_assert_eq!(json!(id), json!(text));
        prop_assert_eq!(ObjectId::parse_hex(&text[1..]), None);
        prop_assert_eq!(ObjectId::parse_hex(&format!("{text}0")), None);
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _answered = (parse_uuid(&text), ObjectId::parse_hex(&text), unhex::<3>(&text));
        let _answered = (ClientNumber::parse_decimal(&text), TenantKey::parse(&text));
    }

    #[test]
    fn a_number_is_read_as_it_is_written(number in 1..=i64::MAX) {
        let read = ClientNumber::parse_decimal(&number.to_string());
        prop_assert_eq!(read.map(ClientNumber::get), Some(number));
    }

    #[test]
    fn ids_come_from_their_ingredients(millis in 0..(1_i64 << 41), random in any::<[u8; 10]>()) {
        let id = uuid_v7(millis, random);
        prop_assert_eq!((id.get_version_num(), id), (7, uuid_v7(millis, random)));
        prop_assert!(uuid_v7(millis + 1, [0; 10]) > id, "later ids sort later");
        let [a, b, c, d, e, f, g, h, ..] = random;
        let object = ObjectId::generate(millis, [a, b, c, d, e, f, g, h]);
        let seconds = u32::from_be_bytes([object.0[0], object.0[1], object.0[2], object.0[3]]);
        prop_assert_eq!(i64::from(seconds), millis / 1000);
        prop_assert_eq!(&object.0[4..], &random[..8]);
    }
}

#[test]
fn object_ids_are_hex_only() {
    for bad in [
        "",
        "507f1f77bcf86cd79943901g",
        "507f1f77bcf86cd79943901 ",
        "0x7f1f77bcf86cd799439011",
        "+07f1f77bcf86cd799439011",
        "éééééééééééé",
        "٠٠٠٠٠٠٠٠٠٠٠٠",
        "507f1f77bcf86cd7994390\0\0",
    ] {
        assert_eq!(ObjectId::parse_hex(bad), None, "{bad}");
    }
}

#[test]
fn numbers_are_decimal_from_1_to_int64() {
    let read = |text: &str| ClientNumber::parse_decimal(text).map(ClientNumber::get);
    assert_eq!(read("1"), Some(1));
    assert_eq!(read("9223372036854775807"), Some(i64::MAX));
    for bad in [
        "",
        "0",
        "01",
        "00",
        "+1",
        "-1",
        " 1",
        "1 ",
        "1.0",
        "1e2",
        "0x1",
        "1_000",
        "١",
        "1\0",
        "9223372036854775808",
        "18446744073709551617",
        &"9".repeat(1000),
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
    assert_eq!(ClientNumber::new(0), None);
    assert_eq!(ClientNumber::new(i64::MIN), None);
}
