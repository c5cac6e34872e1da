//! Addresses of all kinds: what is refused, that nothing panics, that what passes is kept as typed.

use crate::make::parsed;
use clientbook_model::contact::{ContactMethod, ContactMethods, ContactType, EmailAddress};
use clientbook_model::patch::Parse;
use clientbook_model::web::WebUrl;
use proptest::prelude::*;
use serde_json::json;

fn method(preferred: bool) -> ContactMethod {
    ContactMethod::new(ContactType::Other, "x", preferred).expect("a contact method")
}

#[test]
fn a_list_has_exactly_one_preferred() {
    let rule = |list| ContactMethods::new(list).map_err(|broken| broken.rule);
    assert_eq!(rule(vec![]), Err("min_items"));
    assert_eq!(rule(vec![method(false)]), Err("one_preferred"));
    assert_eq!(rule(vec![method(true), method(true)]), Err("one_preferred"));
    let list = vec![method(false), method(true), method(false)];
    let kept = ContactMethods::new(list.clone()).expect("one preferred");
    assert_eq!(kept.as_slice(), list);
}

#[test]
fn numbers_have_4_to_15_digits() {
    for kind in [ContactType::Phone, ContactType::Whatsapp, ContactType::Fax] {
        let rule = |value: &str| {
            let checked = ContactMethod::new(kind, value, true);
            checked.map(|method| method.value).map_err(|broken| broken.rule)
        };
        for good in ["1234", "123456789012345", "(0 30) 12-34/5.6", "+49 30 901820"] {
            assert_eq!(rule(good).as_deref(), Ok(good));
        }
        for (bad, broken) in [
            ("123", "phone"),
            ("1234567890123456", "phone"),
            ("12 34 ext. 5", "phone"),
            ("0049+30901820", "phone"),
            ("", "not_blank"),
            (" \u{a0}", "not_blank"),
            ("+", "e164"),
            ("++4930901820", "e164"),
            ("+0 30 901820", "e164"),
            ("+1234567890123456", "e164"),
            ("+٤٩٣٠٩٠١٨٢٠", "e164"),
        ] {
            assert_eq!(rule(bad), Err(broken), "{bad}");
        }
    }
}

#[test]
fn avatars_have_at_most_2048_characters() {
    for letter in ["x", "ü", "😀"] {
        let url = |length: usize| format!("https://a/{}", letter.repeat(length - 10));
        assert!(WebUrl::new(&url(2048)).is_ok());
        assert_eq!(WebUrl::new(&url(2049)).expect_err("too long").rule, "max_length");
    }
}

/// Pieces that addresses are made of, in any order.
fn pieces(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => proptest::sample::select(of).prop_map(str::to_owned), 1 => "\\PC"];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn urls_are_answered(
        any in any::<String>(),
        url in pieces(&[
            "http", "https://", "HTTPS", ":", "/", "//", "\\", "@", "?", "#", "[", "::1", "]", "%",
            "%00", "xn--", ".", "a", "0x7f", "99999", "\u{ad}", "\u{202e}", "\t", "\n", " ",
        ]),
    ) {
        for text in [any, url] {
            if let Ok(kept) = WebUrl::new(&text) {
                prop_assert_eq!(json!(kept), json!(text));
                prop_assert!(!text.contains(|c: char| c.is_whitespace() || c.is_control()));
                let lower = text.to_ascii_lowercase();
                prop_assert!(lower.starts_with("http://") || lower.starts_with("https://"));
            }
        }
    }

    #[test]
    fn email_addresses_are_answered(
        any in any::<String>(),
        email in pieces(&[
            "@", "a", "jane", ".", "example.com", "\"", "\\", " ", "(", ")", "<", ">", "[", "]",
            "127.0.0.1", "IPv6:", "-", "+", ",", ";", "ü", "\u{301}", "\r\n", "\0",
        ]),
    ) {
        for text in [any, email] {
            let kept = EmailAddress::parse(&json!(text));
            let method = ContactMethod::new(ContactType::Email, &text, false);
            prop_assert_eq!(kept.is_ok(), method.is_ok(), "one rule for both");
            if let Ok(kept) = kept {
                prop_assert_eq!(json!(kept), json!(text));
                prop_assert!(text.contains('@') && !text.contains(['\r', '\n', '\0']));
            }
        }
    }

    #[test]
    fn numbers_are_answered(
        any in any::<String>(),
        digits in "\\+[0-9]{0,17}",
        number in pieces(&["+", "0", "49", "1", "800", "-", ".", " ", "(", ")", "/", ";ext=", "x"]),
    ) {
        for text in [any, digits, number] {
            if let Ok(kept) = ContactMethod::new(ContactType::Phone, &text, true) {
                prop_assert_eq!(&kept.value, &text);
                let digits = text.chars().filter(char::is_ascii_digit).count();
                prop_assert!((4..=15).contains(&digits), "{}", text);
            }
        }
    }
}

#[test]
fn an_address_can_be_cleared_with_an_empty_text() {
    const { assert!(EmailAddress::EMPTY_CLEARS) };
    let email: EmailAddress = parsed(&json!("Jane.Doe+x@Example.com"));
    assert_eq!(json!(email), json!("Jane.Doe+x@Example.com"));
}
