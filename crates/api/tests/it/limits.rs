//! Every limit of the customer-success properties: the boundary is accepted and read back, one
//! beyond is refused.

use clientbook_testkit::{Actor, GLOBEX, TestApp};
use serde_json::{Value, json};

/// The most characters of each text.
const TEXTS: [(&str, usize); 16] = [
    ("name", 255),
    ("siteUrl", 1024),
    ("logoUrl", 1024),
    ("street", 1024),
    ("city", 100),
    ("state", 100),
    ("country", 100),
    ("zip", 20),
    ("externalId", 100),
    ("salesforceAccountId", 18),
    ("zendeskId", 200),
    ("freshdeskId", 200),
    ("usageId", 200),
    ("stripeId", 200),
    ("externalStatusId", 200),
    ("assignedSalesRep", 45),
];

/// References to what other systems keep: any int64 that is not negative.
const REFERENCES: [&str; 6] = [
    "createdByEmployeeId",
    "modifiedByEmployeeId",
    "managedByEmployeeId",
    "assignedSalesRepId",
    "successCycleId",
    "primaryContactId",
];

/// One, two, three and four bytes in UTF-8; the last is two units in UTF-16.
const CHARACTERS: [&str; 4] = ["x", "é", "€", "🦀"];

fn path() -> String {
    format!("/client/{GLOBEX}")
}

async fn accepted(actor: &Actor, property: &str, value: &Value, read_back: &Value) {
    let changed = actor.patch(&path(), &json!({ property: value })).await.expect(200);
    assert_eq!(&changed.json()[property], read_back, "{property}");
    assert_eq!(actor.get(&path()).await.expect(200).text, changed.text, "{property}");
}

/// The value is refused, and the one before it stays.
async fn refused(actor: &Actor, property: &str, value: &Value) -> String {
    let before = actor.get(&path()).await.expect(200);
    let answer = actor.patch(&path(), &json!({ property: value })).await.expect(400).json();
    let errors = answer["errors"].as_array().expect("errors");
    let [error] = &errors[..] else { panic!("{property}: {answer}") };
    assert_eq!(error["pointer"], format!("/{property}"), "{value}");
    assert_eq!(actor.get(&path()).await.expect(200).text, before.text, "{property}");
    error["detail"].as_str().expect("a detail").to_owned()
}

#[tokio::test]
async fn texts_count_characters() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (property, limit) in TEXTS {
        for character in CHARACTERS {
            let longest = json!(character.repeat(limit));
            accepted(&admin, property, &longest, &longest).await;
            let detail = refused(&admin, property, &json!(character.repeat(limit + 1))).await;
            assert_eq!(detail, format!("must have at most {limit} characters"), "{property}");
        }
        accepted(&admin, property, &json!("🦀"), &json!("🦀")).await;
    }
}

#[tokio::test]
async fn a_text_may_be_empty_and_a_name_may_not() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (property, _) in TEXTS {
        accepted(&admin, property, &json!("x"), &json!("x")).await;
        if property == "name" {
            refused(&admin, property, &json!("")).await;
        } else {
            accepted(&admin, property, &json!(""), &Value::Null).await;
        }
    }
}

#[tokio::test]
async fn a_name_is_counted_after_trimming() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let longest = "🦀".repeat(255);
    accepted(&admin, "name", &json!(format!(" \t{longest}\n ")), &json!(longest)).await;
    refused(&admin, "name", &json!(format!(" {longest}x "))).await;
    // Inside and in other texts, white space is the caller's.
    accepted(&admin, "name", &json!("a  b"), &json!("a  b")).await;
    accepted(&admin, "city", &json!(" x "), &json!(" x ")).await;
}

#[tokio::test]
async fn a_text_is_a_string_without_nul() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for property in TEXTS.map(|(property, _)| property).into_iter().chain(["note"]) {
        for wrong in [json!(7), json!(true), json!(["x"]), json!({}), json!("a\u{0}b")] {
            refused(&admin, property, &wrong).await;
        }
        accepted(
            &admin,
            property,
            &json!("a\u{1}\u{7f}\u{fffd}b"),
            &json!("a\u{1}\u{7f}\u{fffd}b"),
        )
        .await;
    }
}

#[tokio::test]
async fn a_note_has_no_limit_of_its_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let note = json!("🦀".repeat(200_000));
    accepted(&admin, "note", &note, &note).await;
    accepted(&admin, "note", &json!(""), &Value::Null).await;
}

#[tokio::test]
async fn references_are_not_negative_and_fit_64_bits() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for property in REFERENCES {
        for good in [0, 1, 9_007_199_254_740_993, i64::MAX] {
            accepted(&admin, property, &json!(good), &json!(good)).await;
        }
        for wrong in [json!(-1), json!(i64::MIN), json!(9_223_372_036_854_775_808_u64)] {
            let detail = refused(&admin, property, &wrong).await;
            assert_eq!(detail, "must be a whole number from 0 to 9223372036854775807");
        }
        not_a_whole_number(&admin, property).await;
        accepted(&admin, property, &Value::Null, &Value::Null).await;
    }
    // Those that must name something of ours are held to the same range.
    for property in ["clientTypeId", "parentClientId"] {
        for wrong in [json!(-1), json!(9_223_372_036_854_775_808_u64)] {
            let detail = refused(&admin, property, &wrong).await;
            assert_eq!(detail, "must be a whole number from 0 to 9223372036854775807");
        }
        not_a_whole_number(&admin, property).await;
    }
}

#[tokio::test]
async fn the_score_is_between_minus_100_and_100() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for good in [-100, -1, 0, 100] {
        accepted(&admin, "npsScore", &json!(good), &json!(good)).await;
    }
    for wrong in
        [json!(-101), json!(101), json!(i64::MIN), json!(u64::MAX), json!(4_294_967_296_u64)]
    {
        let detail = refused(&admin, "npsScore", &wrong).await;
        assert_eq!(detail, "must be a whole number from -100 to 100");
    }
    not_a_whole_number(&admin, "npsScore").await;
    accepted(&admin, "npsScore", &Value::Null, &Value::Null).await;
}

async fn not_a_whole_number(admin: &Actor, property: &str) {
    for wrong in [json!(1.5), json!(-0.5), json!("1"), json!(true), json!([1]), json!({ "id": 1 })]
    {
        refused(admin, property, &wrong).await;
    }
}

#[tokio::test]
async fn the_longest_of_everything_fits_together() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut body = json!({ "note": "🦀".repeat(10_000), "npsScore": -100 });
    for (property, limit) in TEXTS {
        body[property] = json!("🦀".repeat(limit));
    }
    for property in REFERENCES {
        body[property] = json!(i64::MAX);
    }
    let changed = admin.patch(&path(), &body).await.expect(200).json();
    for (property, value) in body.as_object().expect("an object") {
        assert_eq!(&changed[property], value, "{property}");
    }
    assert_eq!(admin.get(&path()).await.expect(200).json(), changed);
}

#[tokio::test]
async fn custom_keys_and_values_have_limits_too() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let key = "🦀".repeat(100);
    let longest = json!({ key.as_str(): "🦀".repeat(65_536) });
    accepted(&admin, "custom", &longest, &longest).await;
    for (wrong, pointer) in [
        (json!({ "k": "🦀".repeat(65_537) }), "/custom/k".to_owned()),
        (json!({ format!("{key}x"): "v" }), format!("/custom/{key}x")),
        (json!({ "": "v" }), "/custom/".to_owned()),
        (json!({ "a\nb": "v" }), "/custom/a\nb".to_owned()),
        (json!({ "k": "a\u{0}b" }), "/custom/k".to_owned()),
    ] {
        let answer = admin.patch(&path(), &json!({ "custom": wrong })).await.expect(400).json();
        assert_eq!(answer["errors"][0]["pointer"], pointer);
    }
}
