//! Contact methods: what a list and each of its items may be.

use clientbook_testkit::{Actor, TestApp};
use serde_json::{Value, json};

const CLIENT: &str = "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011";

/// Sends a list; the list as it then reads, or each broken rule as `path rule`.
async fn send(actor: &Actor, methods: &Value) -> Result<Value, Vec<String>> {
    let before = actor.get(CLIENT).await.expect(200);
    let answer = actor.patch(CLIENT, &json!({ "contactMethods": methods })).await;
    if answer.status == 200 {
        assert_eq!(actor.get(CLIENT).await.expect(200).text, answer.text);
        return Ok(answer.json()["client"]["contactMethods"].clone());
    }
    let body = answer.expect(422).json();
    assert_eq!(actor.get(CLIENT).await.expect(200).text, before.text, "{methods}");
    let fields = body["error"]["fields"].as_array().expect("fields");
    let told = fields.iter().map(|field| {
        let text = |name: &str| field[name].as_str().expect("a text");
        let path = text("path").strip_prefix("/contactMethods").expect("a path below the list");
        format!("{path} {}", text("rule")).trim_start().to_owned()
    });
    Err(told.collect())
}

/// Sends one item; whether it is accepted, and then kept as typed, or the rule of its value.
async fn send_one(actor: &Actor, kind: &str, value: &str) -> Result<(), String> {
    let methods = json!([{ "type": kind, "value": value, "isPreferred": true }]);
    match send(actor, &methods).await {
        Ok(kept) => {
            assert_eq!(kept, methods);
            Ok(())
        }
        Err(broken) => {
            let [rule] = &broken[..] else { panic!("{kind} {value:?}: {broken:?}") };
            Err(rule.strip_prefix("/0/value ").expect("a rule of the value").to_owned())
        }
    }
}

fn method(preferred: bool) -> Value {
    json!({ "type": "other", "value": "door", "isPreferred": preferred })
}

#[tokio::test]
async fn at_least_one_and_exactly_one_preferred() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (first, second) = (method(true), method(false));
    for (methods, rule) in [
        (json!([]), "min_items"),
        (json!([second]), "one_preferred"),
        (json!([second, second]), "one_preferred"),
        (json!([first, first]), "one_preferred"),
        (json!([first, second, first]), "one_preferred"),
        (json!({}), "type"),
        (json!("door"), "type"),
        (Value::Null, "type"),
    ] {
        assert_eq!(send(&admin, &methods).await, Err(vec![rule.to_owned()]), "{methods}");
    }
    for methods in [json!([first]), json!([second, first, second])] {
        assert_eq!(send(&admin, &methods).await, Ok(methods));
    }
    // What was set once cannot become nothing again.
    assert_eq!(send(&admin, &json!([])).await, Err(vec!["min_items".to_owned()]));
}

#[tokio::test]
async fn the_list_is_replaced_and_keeps_its_order() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let all = json!([
        { "type": "whatsapp", "value": "+49 30 901820", "isPreferred": false },
        { "type": "phone", "value": "030 901820", "isPreferred": false },
        { "type": "email", "value": "jane@example.com", "isPreferred": true },
        { "type": "fax", "value": "0049/30/901820", "isPreferred": false },
        { "type": "other", "value": "carrier pigeon", "isPreferred": false },
    ]);
    assert_eq!(send(&admin, &all).await, Ok(all.clone()));
    let mut reversed = all.as_array().expect("a list").clone();
    reversed.reverse();
    let reversed = Value::from(reversed);
    assert_eq!(send(&admin, &reversed).await, Ok(reversed));
    let one = json!([{ "value": "me@example.com", "isPreferred": true, "type": "email" }]);
    assert_eq!(send(&admin, &one).await, Ok(one));
}

#[tokio::test]
async fn an_email_must_be_an_address() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for good in [
        "jane@example.com",
        "Jane.Doe+crm@Sub.Example.co.uk",
        "o'neil@example.com",
        "jane@bücher.example",
        "\"jane doe\"@example.com",
    ] {
        assert_eq!(send_one(&admin, "email", good).await, Ok(()), "{good}");
    }
    let long = format!("{}@example.com", "j".repeat(65));
    for bad in [
        "jane",
        "jane@",
        "@example.com",
        "jane@@example.com",
        "jane doe@example.com",
        "jane@exam ple.com",
        "jane@-example.com",
        "jane@example..com",
        ".jane@example.com",
        "Jane <jane@example.com>",
        "<jane@example.com>",
        "jane@example.com, joe@example.com",
        "jane@example.com\n",
        " jane@example.com",
        "mailto:jane@example.com@",
        &long,
    ] {
        assert_eq!(send_one(&admin, "email", bad).await, Err("email".into()), "{bad}");
    }
}

#[tokio::test]
async fn a_number_with_a_plus_is_an_international_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let good = [
        "+4930901820",
        "+49 30 901820",
        "+49 (30) 90-18.20",
        "+49/30/901820",
        "+1 (202) 456-1111",
        "+442079460958",
    ];
    let bad = [
        "+",
        "+49",
        "+4930901820x",
        "+49 30 901820 ext. 5",
        "++4930901820",
        "+49309018201234567",
        "+٤٩٣٠٩٠١٨٢٠",
        // Long enough, and still nobody's: there is no such country, and no such area.
        "+999123456789",
        "+1 000 456 1111",
    ];
    for kind in ["phone", "whatsapp", "fax"] {
        for good in good {
            assert_eq!(send_one(&admin, kind, good).await, Ok(()), "{kind} {good}");
        }
        for bad in bad {
            assert_eq!(send_one(&admin, kind, bad).await, Err("e164".into()), "{kind} {bad}");
        }
    }
}

#[tokio::test]
async fn a_number_without_a_plus_has_4_to_15_digits() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let good = ["1234", "123456789012345", "12-34", "(0)1 23.4/5", " 0301234 ", "030 90-18 20"];
    let bad =
        ["123", "1234567890123456", "1-2-3", "12a4", "0x1234", "jane", "---", "12,34", "٠١٢٣"];
    for kind in ["phone", "whatsapp", "fax"] {
        for good in good {
            assert_eq!(send_one(&admin, kind, good).await, Ok(()), "{kind} {good}");
        }
        for bad in bad {
            assert_eq!(send_one(&admin, kind, bad).await, Err("phone".into()), "{kind} {bad}");
        }
    }
}

#[tokio::test]
async fn any_other_way_is_anything_but_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for good in ["x", "  knock twice ", "jane@", "+", "🕊️", "a\nb"] {
        assert_eq!(send_one(&admin, "other", good).await, Ok(()), "{good:?}");
    }
    for kind in ["other", "email", "phone", "whatsapp", "fax"] {
        for bad in ["", " ", "\t\n"] {
            assert_eq!(send_one(&admin, kind, bad).await, Err("not_blank".into()), "{kind}");
        }
        let nul = send_one(&admin, kind, "a\u{0}b").await;
        assert_eq!(nul, Err("no_nul".into()), "{kind}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_item_is_named_by_its_place() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let good = method(true);
    for (item, rules) in [
        (json!({}), vec!["/1/type required", "/1/value required", "/1/isPreferred required"]),
        (json!({ "value": "door", "isPreferred": false }), vec!["/1/type required"]),
        (json!({ "type": "other", "isPreferred": false }), vec!["/1/value required"]),
        (json!({ "type": "other", "value": "door" }), vec!["/1/isPreferred required"]),
        (
            json!({ "type": "other", "value": "door", "isPreferred": false, "label": "home" }),
            vec!["/1/label unknown_field"],
        ),
        (
            json!({ "type": "other", "value": "door", "is_preferred": false }),
            vec!["/1/is_preferred unknown_field", "/1/isPreferred required"],
        ),
        (
            json!({ "type": null, "value": null, "isPreferred": null }),
            vec!["/1/type enum", "/1/value type", "/1/isPreferred type"],
        ),
        (
            json!({ "type": "Email", "value": 7, "isPreferred": "false" }),
            vec!["/1/type enum", "/1/value type", "/1/isPreferred type"],
        ),
        (json!(null), vec!["/1 type"]),
        (json!("jane@example.com"), vec!["/1 type"]),
        (json!([]), vec!["/1 type"]),
    ] {
        let rules = rules.into_iter().map(str::to_owned).collect();
        assert_eq!(send(&admin, &json!([good, item])).await, Err(rules), "{item}");
    }
}

#[tokio::test]
async fn an_item_hides_neither_another_nor_the_list() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let bad = |preferred: Value| json!({ "type": "email", "value": "x", "isPreferred": preferred });
    for (methods, rules) in [
        (
            json!([bad(json!(true)), bad(json!(true))]),
            vec!["/0/value email", "/1/value email", "one_preferred"],
        ),
        (json!([bad(json!(false))]), vec!["/0/value email", "one_preferred"]),
        (json!([bad(json!(true)), method(false)]), vec!["/0/value email"]),
        // Nobody knows yet whether one will be preferred.
        (json!([bad(json!("yes"))]), vec!["/0/isPreferred type", "/0/value email"]),
        (
            json!([{ "type": "email", "value": "x" }]),
            vec!["/0/isPreferred required", "/0/value email"],
        ),
        (
            json!([{ "type": "mail", "value": "", "isPreferred": true }]),
            vec!["/0/type enum", "/0/value not_blank"],
        ),
    ] {
        let rules = rules.into_iter().map(str::to_owned).collect();
        assert_eq!(send(&admin, &methods).await, Err(rules), "{methods}");
    }
}

#[tokio::test]
async fn the_kinds_are_listed_to_who_sends_another() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let methods = json!([{ "type": "pager", "value": "1234", "isPreferred": true }]);
    let answer = admin.patch(CLIENT, &json!({ "contactMethods": methods })).await.expect(422);
    assert_eq!(
        answer.json()["error"]["fields"][0]["allowed"],
        json!(["whatsapp", "phone", "email", "fax", "other"])
    );
}
