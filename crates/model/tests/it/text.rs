//! Texts: what is counted, what is trimmed, and that U+0000 gets in nowhere.

use clientbook_model::collection::CollectionMode;
use clientbook_model::contact::{ContactMethod, ContactType, EmailAddress};
use clientbook_model::custom_field::{self, FieldKey, MAX_TEXT};
use clientbook_model::patch::Parse;
use clientbook_model::status::Status;
use clientbook_model::tenant::{Slug, TenantKey, TenantName};
use clientbook_model::text::{ClientName, Label, Tag, Text};
use clientbook_model::time::{Day, TimeZoneName, Timestamp};
use clientbook_model::web::WebUrl;
use proptest::prelude::*;
use serde_json::json;

type Accepts = fn(&str) -> bool;

/// Whatever takes a text, with a text it takes.
const DOORS: &[(&str, &str, Accepts)] = &[
    ("Text", "text", reads::<Text<9>>),
    ("long Text", "text", reads::<Text<{ usize::MAX }>>),
    ("String", "text", reads::<String>),
    ("ClientName", "Acme", reads::<ClientName>),
    ("TenantName", "Acme", reads::<TenantName>),
    ("Tag", "vip", reads::<Tag>),
    ("EmailAddress", "jane@example.com", reads::<EmailAddress>),
    ("EmailAddress, quoted", "\"a b\"@example.com", reads::<EmailAddress>),
    ("EmailAddress, literal", "jane@[127.0.0.1]", reads::<EmailAddress>),
    ("WebUrl", "https://example.com/a?b#c", reads::<WebUrl>),
    ("Day", "2024-02-29", reads::<Day>),
    ("Timestamp", "2024-02-29T00:00:00.000Z", reads::<Timestamp>),
    ("TimeZoneName", "Europe/Berlin", reads::<TimeZoneName>),
    ("Status", "ACTIVE", reads::<Status>),
    ("CollectionMode", "disabled", reads::<CollectionMode>),
    ("ContactType", "fax", reads::<ContactType>),
    ("ContactMethod, email", "jane@example.com", |text| method(ContactType::Email, text)),
    ("ContactMethod, phone", "030 901820", |text| method(ContactType::Phone, text)),
    ("ContactMethod, whatsapp", "+49 30 901820", |text| method(ContactType::Whatsapp, text)),
    ("ContactMethod, fax", "030 901820", |text| method(ContactType::Fax, text)),
    ("ContactMethod, other", "pigeon", |text| method(ContactType::Other, text)),
    ("FieldKey", "notes", |text| FieldKey::new(text).is_ok()),
    ("custom value", "text", |text| custom_field::check_undefined(&json!(text)).is_ok()),
    ("Slug", "tenant123", |text| Slug::new(text).is_ok()),
    ("TenantKey", "65a000000000000000000123", |text| TenantKey::parse(text).is_some()),
];

fn reads<T: Parse>(text: &str) -> bool {
    T::parse(&json!(text)).is_ok()
}

fn method(kind: ContactType, value: &str) -> bool {
    ContactMethod::new(kind, value, true).is_ok()
}

#[test]
fn no_door_lets_nul_in() {
    for (name, good, accepts) in DOORS {
        assert!(accepts(good), "{name}");
        assert!(!accepts("\0"), "{name}");
        for at in 0..=good.len() {
            let (head, tail) = good.split_at(at);
            assert!(!accepts(&format!("{head}\0{tail}")), "{name} at {at}");
            let rest = tail.get(1..).unwrap_or_default();
            assert!(!accepts(&format!("{head}\0{rest}")), "{name} instead of {at}");
        }
    }
}

#[test]
fn names_are_trimmed_before_they_are_counted() {
    let spaces = " \t\u{a0}\u{3000}".repeat(100);
    for letter in ["x", "😀", "\u{301}"] {
        let name = letter.repeat(255);
        let stored = ClientName::new(&format!("{spaces}{name}{spaces}")).expect("255 characters");
        assert_eq!(stored.as_str(), name);
        let longer = ClientName::new(&format!("{spaces}{name}{letter}")).expect_err("256");
        assert_eq!(longer.rule, "max_length");
    }
}

#[test]
fn a_name_has_something_that_shows() {
    for unseen in
        ["\u{200b}", "\u{ad}", "\u{200d}\u{fe0f}", "\u{3164}", "\u{1}", "\u{2800} \u{feff}"]
    {
        let refused = ClientName::parse(&json!(unseen)).expect_err("nothing to see");
        assert_eq!(refused.rule, "not_blank", "{unseen:?}");
    }
    for seen in ["\u{200b}x", "👩\u{200d}💻", "क\u{94d}\u{200d}ष", "❤\u{fe0f}", "\u{301}", "."]
    {
        assert_eq!(ClientName::parse(&json!(seen)).expect("a name").as_str(), seen);
    }
    // What agents report is taken as it is.
    assert!(Label::<10, false>::parse(&json!("\u{200b}")).is_ok());
}

#[test]
fn field_keys_have_1_to_100_characters() {
    for good in ["a", "😀", "a b", &"ü".repeat(100), &"😀".repeat(100)] {
        assert_eq!(FieldKey::new(good).expect("a key").as_str(), good);
    }
    for bad in ["", " ", " a", "a ", "a\u{a0}", "a\tb", "a\u{7f}b", "a\u{85}b", &"ü".repeat(101)] {
        assert_eq!(FieldKey::new(bad).expect_err("no key").rule, "field_key", "{bad:?}");
    }
}

#[test]
fn custom_texts_have_65536_characters() {
    let check =
        |value| custom_field::check_undefined(&value).map(|_| ()).map_err(|broken| broken.rule);
    for letter in ["x", "😀"] {
        assert_eq!(check(json!("")), Ok(()));
        assert_eq!(check(json!(letter.repeat(MAX_TEXT))), Ok(()));
        assert_eq!(check(json!(letter.repeat(MAX_TEXT + 1))), Err("max_length"));
    }
    for other in [json!(1), json!(null), json!(true), json!(["a"]), json!({"a": "b"})] {
        assert_eq!(check(other), Err("type"));
    }
}

proptest! {
    #[test]
    fn a_text_is_kept_as_typed(text in any::<String>()) {
        let kept = Text::<20>::new(&text);
        prop_assert_eq!(kept.is_ok(), text.chars().count() <= 20);
        if let Ok(kept) = kept {
            prop_assert_eq!(kept.as_str(), text);
        }
    }

    #[test]
    fn a_label_is_kept_trimmed(text in "\\s{0,3}\\PC{0,12}\\s{0,3}") {
        let kept = Label::<10, false>::new(&text);
        let bare = text.trim();
        prop_assert_eq!(kept.is_ok(), (1..=10).contains(&bare.chars().count()));
        if let Ok(kept) = kept {
            prop_assert_eq!(kept.as_str(), bare);
        }
    }

    #[test]
    fn any_text_is_answered_at_every_door(text in "(?s).{0,60}") {
        for (_, _, accepts) in DOORS {
            let _answered = accepts(&text);
        }
    }
}
