//! Definitions of custom fields, and what their values may be.

use clientbook_model::custom_field::{
    self, CustomValues, CustomWish, FieldKey, MAX_KEY, resolve, shown,
};
use clientbook_model::field::{
    Field, FieldDescription, FieldLabel, FieldPatch, FieldStatus, FieldType, Fields, MAX_METADATA,
    MAX_NUMBER, MAX_OPTIONS, Metadata, key_of,
};
use clientbook_model::id::{FieldId, ObjectId};
use clientbook_model::number::Int;
use clientbook_model::patch::{Parse as _, Patch};
use clientbook_model::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

fn metadata(value: &Value) -> Metadata {
    Metadata::parse(value).expect("metadata")
}

fn field(number: i64, key: &str, kind: FieldType) -> Field {
    let time = Timestamp::from_millis(0).expect("a time");
    Field {
        id: FieldId(Uuid::from_u128(u128::try_from(number).expect("a number"))),
        number,
        object_id: ObjectId([u8::try_from(number).expect("a small number"); 12]),
        key: FieldKey::new(key).expect("a key"),
        label: FieldLabel::new(key).expect("a label"),
        description: None,
        kind,
        is_required: false,
        is_unique: false,
        is_filterable: false,
        order: Int::new(0).expect("a place"),
        status: FieldStatus::Active,
        metadata: metadata(&json!({ "options": ["gold", "silver"] })),
        version: 1,
        created_at: time,
        updated_at: time,
    }
}

fn number(value: &Value) -> Result<Value, &'static str> {
    field(1, "n", FieldType::Number).check(value).map_err(|broken| broken.rule)
}

#[test]
fn what_stands_on_a_limit_is_accepted_and_one_beyond_is_not() {
    assert!(
        FieldLabel::new(&"ä".repeat(255)).is_ok() && FieldLabel::new(&"ä".repeat(256)).is_err()
    );
    let about = |length| FieldDescription::new(&"ä".repeat(length));
    assert!(about(1_000).is_ok() && about(1_001).is_err());
    let options = |count| {
        let options: Vec<_> = (0..count).map(|at| format!("option {at}")).collect();
        metadata(&json!({ "options": options })).check(FieldType::Select)
    };
    assert!(options(MAX_OPTIONS).is_ok() && options(MAX_OPTIONS + 1).is_err());
    let size = |length: usize| Metadata::parse(&json!({ "a": "x".repeat(length) }));
    let frame = r#"{"a":""}"#.len();
    assert!(size(MAX_METADATA - frame).is_ok() && size(MAX_METADATA - frame + 1).is_err());
    for limit in [MAX_NUMBER, -MAX_NUMBER] {
        assert_eq!(number(&json!(limit)), Ok(json!(limit)));
        assert_eq!(number(&json!(limit + limit.signum())), Err("range"));
    }
    assert_eq!(number(&json!(u64::MAX)), Err("range"));
}

/// A store of an older version may hold more than there is room for now.
#[test]
fn what_grows_no_further_fits_though_there_is_no_room() {
    let large = |number: i64, length: usize| Field {
        id: clientbook_model::id::FieldId(uuid::Uuid::from_u128(number.unsigned_abs().into())),
        metadata: metadata(&json!({ "a": "x".repeat(length) })),
        ..field(number, "n", FieldType::Text)
    };
    let fields = Fields::new((1..=20).map(|number| large(number, 60_000)).collect());
    let rule = |next: &Field| fields.check_room(next).map_err(|broken| broken.rule);
    assert_eq!(rule(&large(1, 60_000)), Ok(()));
    assert_eq!(rule(&large(1, 59_999)), Ok(()));
    assert_eq!(rule(&large(1, 60_001)), Err("max_total_bytes"));
    let none = Field { metadata: Metadata::default(), ..large(21, 1) };
    assert_eq!(rule(&none), Ok(()));
}

#[test]
fn keys_of_labels() {
    let key = |label: &str| key_of(&FieldLabel::new(label).expect("a label"));
    assert_eq!(key("Contract End").expect("a key").as_str(), "contract_end");
    assert_eq!(key(&"é".repeat(255)).expect("a key").as_str(), "e".repeat(MAX_KEY));
    assert_eq!(key("Fax (home)").expect("a key").as_str(), "fax_home_");
    assert_eq!(key("... x").expect("a key").as_str(), "_x");
    assert_eq!(key("-- !"), None);
}

#[test]
fn a_definition_tells_what_changed() {
    let before = field(1, "plan", FieldType::Text);
    let label = FieldLabel::new("Plan B").ok();
    let patch = FieldPatch { label, is_unique: Some(true), ..FieldPatch::default() };
    let (next, changes) = before.apply(&patch).expect("a change");
    let fields: Vec<_> = changes.iter().map(|change| &*change.field).collect();
    assert_eq!(fields, ["label", "is_unique"]);
    assert_eq!(next.apply(&patch).expect("no change").1, []);
    let select = field(1, "plan", FieldType::Select);
    let bare = FieldPatch { metadata: Patch::Clear, ..FieldPatch::default() };
    assert_eq!(select.apply(&bare).expect_err("no options").path, "/metadata/options");
    assert!(before.apply(&bare).is_ok());
}

fn wish(key: &str, value: Option<Value>) -> CustomWish {
    let key = FieldKey::new(key).expect("a key");
    let at = "/at".to_owned();
    let (key_at, value_at, id_at) = (at.clone(), at.clone(), at);
    CustomWish { key, value, field_id: None, key_at, value_at, id_at }
}

#[test]
fn what_is_hidden_is_neither_shown_nor_written() {
    let mut archived = field(1, "archived", FieldType::Text);
    archived.status = FieldStatus::Archived;
    let mut deleting = field(2, "deleting", FieldType::Text);
    deleting.status = FieldStatus::Deleting;
    let fields = Fields::new(vec![archived, deleting, field(3, "active", FieldType::Text)]);
    let keys = ["active", "archived", "deleting", "undefined"];
    let value = |key: &&str| (FieldKey::new(key).expect("a key"), json!("x"));
    let values: CustomValues = keys.iter().map(value).collect();
    let seen: Vec<_> = shown(Some(&fields), &values).map(|(key, ..)| key.as_str()).collect();
    assert_eq!(seen, ["active", "undefined"]);
    assert_eq!(shown(None, &values).count(), 4);
    for key in ["archived", "deleting"] {
        for value in [None, Some(json!("x")), Some(json!("y"))] {
            let (patch, broken) = resolve(&fields, false, &values, &[wish(key, value)]);
            assert!(patch.is_empty() && broken[0].rule == "archived", "{key}");
        }
    }
    assert_eq!(custom_field::missing(&fields, &[].into()), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        "\\PC{0,20}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}".prop_map(Value::from),
        "https?://[a-z]{1,9}\\.[a-z]{2,3}(/[a-z]{0,9})?".prop_map(Value::from),
        "[a-zA-Z]{1,9}@[a-z]{1,9}\\.[a-z]{2,3}".prop_map(Value::from),
        Just(json!("gold")),
        Just(json!(["gold"])),
        Just(json!({ "gold": 1 })),
    ]
}

proptest! {
    /// A value that is accepted is of its type, is kept in one form, and is accepted in that form.
    #[test]
    fn accepted_values_are_of_their_type(value in any_json(), required in any::<bool>()) {
        for kind in FieldType::ALL {
            let mut field = field(1, "key", *kind);
            field.is_required = required;
            let Ok(kept) = field.check(&value) else { continue };
            prop_assert_eq!(field.check(&kept), Ok(kept.clone()));
            let fits = match kind {
                FieldType::Number => kept.as_f64().is_some_and(f64::is_finite) && value.is_number(),
                FieldType::Boolean => kept.is_boolean() && kept == value,
                _ => kept.is_string() && kept == value,
            };
            prop_assert!(fits, "{:?}: {} became {}", kind, value, kept);
            let text = kept.as_str().unwrap_or("x");
            prop_assert!(!required || !text.trim().is_empty());
            // What is written reads as the very same: on both engines.
            let read: Value = serde_json::from_str(&kept.to_string()).expect("JSON");
            prop_assert_eq!(read, kept);
        }
    }

    /// Whatever is no string is no text, day, option, URL or address; no string is a number.
    #[test]
    fn nothing_is_of_two_kinds(value in any_json()) {
        let fits = |kind| field(1, "key", kind).check(&value).is_ok();
        let texts = [FieldType::Text, FieldType::Date, FieldType::Select, FieldType::Url, FieldType::Email];
        prop_assert!(value.is_string() || !texts.into_iter().any(fits));
        prop_assert!(value.is_number() || !fits(FieldType::Number));
        prop_assert!(value.is_boolean() || !fits(FieldType::Boolean));
        prop_assert!(!(fits(FieldType::Number) && fits(FieldType::Boolean)));
    }

    /// What a client holds can be sent back, whatever the definition has become.
    #[test]
    fn what_was_read_can_be_sent_back(value in any_json(), strict in any::<bool>()) {
        let old: CustomValues = [(FieldKey::new("key").expect("a key"), value.clone())].into();
        for kind in FieldType::ALL {
            let fields = Fields::new(vec![field(1, "key", *kind)]);
            let back = wish("key", Some(value.clone()));
            let (patch, broken) = resolve(&fields, strict, &old, std::slice::from_ref(&back));
            prop_assert!(broken.is_empty(), "{:?}", broken);
            prop_assert_eq!(patch.values().next(), Some(&Some(value.clone())));
            let (_, broken) = resolve(&Fields::default(), strict, &old, &[back]);
            prop_assert!(broken.is_empty(), "{:?}", broken);
        }
    }

    /// Numbers that are equal are kept alike, and only those.
    #[test]
    fn equal_numbers_have_one_digest(one in -1e6..1e6_f64, other in -1000_i32..1000) {
        let field = field(1, "key", FieldType::Number);
        let digest = |value: Value| field.digest(&field.check(&value).expect("a number"));
        prop_assert_eq!(digest(json!(other)), digest(json!(f64::from(other))));
        let same = one.to_bits() == f64::from(other).to_bits();
        prop_assert_eq!(digest(json!(one)) == digest(json!(other)), same);
    }
}
