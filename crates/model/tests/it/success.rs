//! Every limit of the published customer-success API, tried at the boundary and one beyond.

use crate::make::client;
use clientbook_model::client::ClientPatch;
use clientbook_model::number::AnyInt;
use clientbook_model::patch::{Parse, Patch};
use clientbook_model::success::{Region, SuccessPatch, TeamingRole};
use clientbook_model::text::{ClientName, Label};
use serde_json::{Value, json};
use std::fmt::Debug;

fn number(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

fn refused<T: Parse>(value: &Value) -> &'static str {
    match T::parse(value) {
        Ok(_) => panic!("accepted: {value}"),
        Err(violation) => violation.rule,
    }
}

/// One patch that sets one field to what `value` is read as changes just that field to `value`.
fn sets<T: Parse>(name: &str, field: &impl Fn(&mut ClientPatch) -> &mut Patch<T>, value: &Value) {
    let mut patch = ClientPatch::default();
    let parsed = T::parse(value).unwrap_or_else(|broken| panic!("{name}: {broken:?}"));
    *field(&mut patch) = Patch::Set(parsed);
    let (_, changes) = client().apply(&patch).expect("allowed");
    let [change] = changes.as_slice() else {
        panic!("{name}: {changes:?}");
    };
    assert_eq!((change.field.as_ref(), &change.after), (name, value));
}

/// Texts of `length` characters: of one byte each, of four, and with combining marks.
fn texts(length: usize) -> [Value; 3] {
    let text = |letters: &str| letters.chars().cycle().take(length).collect::<String>();
    ["x", "😀", "e\u{301}"].map(|letters| json!(text(letters)))
}

fn text<T: Parse>(name: &str, field: impl Fn(&mut ClientPatch) -> &mut Patch<T>, max: usize) {
    for value in texts(max) {
        sets(name, &field, &value);
    }
    for value in texts(max + 1) {
        assert_eq!(refused::<T>(&value), "max_length", "{name}");
    }
    not_a_text(name, field);
}

/// A text without a limit of its own: the record has one, 900,000 bytes.
fn long_text<T: Parse>(name: &str, field: impl Fn(&mut ClientPatch) -> &mut Patch<T>) {
    for value in texts(200_000) {
        sets(name, &field, &value);
    }
    not_a_text(name, field);
}

fn not_a_text<T: Parse>(name: &str, _: impl Fn(&mut ClientPatch) -> &mut Patch<T>) {
    let empty_clears = T::EMPTY_CLEARS;
    assert!(empty_clears && T::parse(&json!("")).is_ok(), "{name}");
    for value in ["\0", "a\0", "\0b"] {
        assert_eq!(refused::<T>(&json!(value)), "no_nul", "{name}");
    }
    for value in [json!(1), json!(true), json!(["a"]), json!({}), Value::Null] {
        assert_eq!(refused::<T>(&value), "type", "{name}");
    }
}

fn whole<T: Parse + PartialEq + Debug>(
    name: &str,
    field: impl Fn(&mut ClientPatch) -> &mut Patch<T>,
    good: &[&str],
    beyond: &[&str],
) {
    for good in good {
        sets(name, &field, &number(good));
    }
    not_whole::<T>(name);
    for bad in beyond {
        assert_eq!(refused::<T>(&number(bad)), "range", "{name} {bad}");
    }
}

/// One number, however it is written; a fraction makes one that is not whole, and so does one that
/// would be rounded.
fn not_whole<T: Parse + PartialEq + Debug>(name: &str) {
    for same in ["10.0", "1e1", "100e-1"] {
        assert_eq!(T::parse(&number(same)), T::parse(&number("10")), "{name} {same}");
    }
    for bad in ["1.5", "-0.5", "9007199254740992.0", "-1e300"] {
        assert_eq!(refused::<T>(&number(bad)), "range", "{name} {bad}");
    }
    for bad in [r#""1""#, r#""""#, "true", "null", "[1]", "{}"] {
        assert_eq!(refused::<T>(&number(bad)), "type", "{name} {bad}");
    }
}

fn reference<T: Parse + PartialEq + Debug>(
    name: &str,
    field: impl Fn(&mut ClientPatch) -> &mut Patch<T>,
) {
    let good = ["0", "1", "9223372036854775807"];
    let beyond = ["-1", "9223372036854775808", "18446744073709551616", "-9223372036854775808"];
    whole(name, field, &good, &beyond);
}

fn score<T: Parse + PartialEq + Debug>(
    name: &str,
    field: impl Fn(&mut ClientPatch) -> &mut Patch<T>,
) {
    whole(name, field, &["-100", "0", "100"], &["-101", "101", "9223372036854775808"]);
}

fn day<T: Parse>(name: &str, field: impl Fn(&mut ClientPatch) -> &mut Patch<T>) {
    for good in ["2024-02-29", "2000-02-29", "0000-01-01", "9999-12-31"] {
        sets(name, &field, &json!(good));
    }
    for bad in [
        "2023-02-29",
        "1900-02-29",
        "2024-04-31",
        "2024-00-10",
        "2024-13-01",
        "2024-1-1",
        "2024-01-01 ",
        "20240101",
        "2024-W01-1",
        "2024-01-01T00:00:00Z",
        "10000-01-01",
        "-2024-01-01",
        "٢٠٢٤-01-01",
        "2024-01-0\0",
    ] {
        assert_eq!(refused::<T>(&json!(bad)), "date", "{name} {bad}");
    }
    assert_eq!(refused::<T>(&json!(20_240_101)), "date", "{name}");
}

fn zone<T: Parse>(name: &str, field: impl Fn(&mut ClientPatch) -> &mut Patch<T>) {
    for good in ["Europe/Berlin", "America/Argentina/ComodRivadavia", "UTC"] {
        sets(name, &field, &json!(good));
    }
    for bad in ["europe/berlin", " UTC", "Europe/Berlin\0", "Mars/Olympus", "+01:00", "\0"] {
        assert_eq!(refused::<T>(&json!(bad)), "time_zone", "{name} {bad}");
    }
    assert_eq!(refused::<T>(&json!(1)), "type", "{name}");
}

fn region(name: &str, field: impl Fn(&mut ClientPatch) -> &mut Patch<Region>) {
    for id in [i64::MIN, i64::MAX] {
        let mut patch = ClientPatch::default();
        let name_of = String::parse(&json!("😀")).expect("any text");
        let id = AnyInt::parse(&json!(id)).expect("any int64");
        *field(&mut patch) = Patch::Set(Region { id, name: name_of });
        let (_, changes) = client().apply(&patch).expect("allowed");
        let expected = json!({ "id": id.get(), "name": "😀" });
        assert_eq!((changes[0].field.as_ref(), &changes[0].after), (name, &expected));
    }
    not_whole::<AnyInt>(name);
    for bad in ["9223372036854775808", "-9223372036854775809"] {
        assert_eq!(refused::<AnyInt>(&number(bad)), "range");
    }
    assert_eq!(refused::<String>(&json!("a\0")), "no_nul");
    assert_eq!(refused::<String>(&json!(1)), "type");
}

fn roles(name: &str, field: impl Fn(&mut ClientPatch) -> &mut Patch<Vec<TeamingRole>>) {
    let role = |role: &Value| TeamingRole {
        employee_id: AnyInt::new(i64::MIN).expect("any int64"),
        role: Label::parse(role).expect("a role"),
    };
    let list: Vec<_> = texts(1).iter().chain(&texts(100)).map(role).collect();
    let mut patch = ClientPatch::default();
    *field(&mut patch) = Patch::Set(list);
    let (next, changes) = client().apply(&patch).expect("allowed");
    assert_eq!(changes[0].field, name);
    assert_eq!(next.success.acc_teaming_roles.map(|list| list.len()), Some(6));
    label::<Label<100>>(100);
}

fn label<T: Parse>(max: usize) {
    for value in texts(1).iter().chain(&texts(max)) {
        assert!(T::parse(value).is_ok(), "{value}");
    }
    for value in texts(max + 1) {
        assert_eq!(refused::<T>(&value), "max_length");
    }
    for blank in ["", " ", "\t\n\u{a0}\u{3000}"] {
        assert_eq!(refused::<T>(&json!(blank)), "not_blank");
    }
    assert_eq!(refused::<T>(&json!("a\0")), "no_nul");
    assert_eq!(refused::<T>(&Value::Null), "type");
}

macro_rules! attributes {
    ($($field:ident: $check:ident $(($max:literal))?,)*) => {
        #[test]
        fn every_attribute_keeps_its_limit() {
            // Without `..`: an attribute that is not in the table does not compile.
            let SuccessPatch { $($field: _,)* } = SuccessPatch::default();
            $($check(
                stringify!($field),
                |patch: &mut ClientPatch| &mut patch.success.$field,
                $($max,)?
            );)*
        }
    };
}

attributes! {
    site_url: text(1024),
    logo_url: text(1024),
    inception_date: day,
    terminated_date: day,
    street: text(1024),
    city: text(100),
    state: text(100),
    country: text(100),
    zip: text(20),
    region: region,
    timezone: zone,
    salesforce_account_id: text(18),
    zendesk_id: text(200),
    freshdesk_id: text(200),
    usage_id: text(200),
    stripe_id: text(200),
    external_status_id: text(200),
    nps_score: score,
    note: long_text,
    created_by_employee_id: reference,
    modified_by_employee_id: reference,
    managed_by_employee_id: reference,
    assigned_sales_rep_id: reference,
    assigned_sales_rep: text(45),
    success_cycle_id: reference,
    primary_contact_id: reference,
    acc_teaming_roles: roles,
}

#[test]
fn so_do_those_that_other_surfaces_share() {
    text("external_id", |patch: &mut ClientPatch| &mut patch.external_id, 100);
    reference("parent_client_id", |patch: &mut ClientPatch| &mut patch.parent_client_id);
    reference("client_type_id", |patch: &mut ClientPatch| &mut patch.client_type_id);
    label::<ClientName>(255);
}
