//! Custom values against their definitions, on both surfaces that write them.

use super::{CLIENT, FIELDS, broken, custom, define, success};
use clientbook_testkit::{ACME, TestApp};
use serde_json::{Value, json};

const TENANT: &str = "/v2/tenants/tenant123";

fn select(options: &[&str]) -> Value {
    json!({ "label": "select", "type": "select", "metadata": { "options": options } })
}

#[tokio::test]
async fn values_are_of_their_fields_type() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for kind in ["text", "number", "date", "boolean", "url", "email"] {
        define(&admin, &json!({ "label": kind, "type": kind })).await;
    }
    define(&admin, &select(&["gold", "silver"])).await;
    let long = "x".repeat(65_537);
    for (key, good, bad) in [
        ("text", vec![json!(""), json!("x")], vec![json!(1), json!("a\0"), json!(long)]),
        (
            "number",
            vec![json!(0), json!(-1.5), json!(9_007_199_254_740_991_i64), json!(1e-300)],
            vec![json!("1"), json!(true), json!(9_007_199_254_740_993_i64), json!(1e300)],
        ),
        (
            "date",
            vec![json!("2024-02-29")],
            vec![json!("2023-02-29"), json!(""), json!("2024-02-29T00:00:00Z"), json!(20_240_229)],
        ),
        ("boolean", vec![json!(true), json!(false)], vec![json!("true"), json!(1), json!({})]),
        ("select", vec![json!("gold")], vec![json!("Gold"), json!(""), json!(["gold"])]),
        (
            "url",
            vec![json!("https://example.com/a")],
            vec![json!("example.com"), json!("javascript:x"), json!("")],
        ),
        ("email", vec![json!("J@example.com")], vec![json!("nobody"), json!("a@b@c"), json!(7)]),
    ] {
        for value in good {
            let shown = admin.patch(CLIENT, &custom(key, value.clone())).await.expect(200).json();
            let fields = shown["client"]["customFields"].as_array().expect("fields");
            let field = fields.iter().find(|field| field["fieldKey"] == key).expect("the field");
            assert_eq!(field["value"], value, "{key}");
            let body = json!({ "custom": { key: null } });
            admin.patch(&success(), &body).await.expect(200);
            let body = json!({ "custom": { key: value } });
            let shown = admin.patch(&success(), &body).await.expect(200).json();
            assert_eq!(shown["custom"][key], value, "{key}");
        }
        for value in bad {
            let told = broken(admin.patch(CLIENT, &custom(key, value.clone())).await);
            assert_eq!(told.len(), 1, "{key} {value}");
            assert!(told[0].starts_with("/customFields/0/value "), "{key} {value}: {told:?}");
            let body = json!({ "custom": { key: value } });
            let told = admin.patch(&success(), &body).await.expect(400);
            assert_eq!(told.header("content-type"), "application/problem+json");
            assert_eq!(told.json()["errors"][0]["pointer"], format!("/custom/{key}"));
        }
    }
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_number_has_one_form() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    define(&admin, &json!({ "label": "Seats", "type": "number" })).await;
    let first = admin.patch(CLIENT, &custom("seats", 100)).await.expect(200);
    assert!(first.text.contains(r#""value":100}"#), "{}", first.text);
    app.advance(5_000);
    for written in [r"1e2", "100.0", "1.0E+2"] {
        let body = format!(r#"{{"customFields": [{{"fieldKey": "seats", "value": {written}}}]}}"#);
        let request = admin.request(axum::http::Method::PATCH, CLIENT);
        let request = request.header("content-type", "application/json").body(body);
        let same = admin.send(request).await.expect(200);
        assert_eq!(same.text, first.text, "{written} is no change");
    }
    admin.patch(CLIENT, &custom("seats", json!(-0.0))).await.expect(200);
    assert!(admin.get(CLIENT).await.text.contains(r#""value":0}"#));
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_field_id_is_the_one_of_its_key() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let plan = define(&admin, &json!({ "label": "Plan", "type": "text" })).await;
    let seats = define(&admin, &json!({ "label": "Seats", "type": "number" })).await;
    let body = |id: Value, key: &str| json!({ "customFields": [{ "fieldId": id, "fieldKey": key, "value": "x" }] });
    for id in [json!(plan), json!(plan.to_uppercase()), json!(null)] {
        admin.patch(CLIENT, &body(id, "plan")).await.expect(200);
    }
    for (id, key) in [(json!(seats), "plan"), (json!(7), "plan"), (json!(plan), "notes")] {
        let told = broken(admin.patch(CLIENT, &body(id, key)).await);
        assert_eq!(told, ["/customFields/0/fieldId read_only"], "{key}");
    }
}

/// The surfaces that have no custom fields make clients without them.
#[tokio::test]
async fn what_is_required_is_demanded_where_it_can_be_said() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.patch(CLIENT, &custom("plan", "gold")).await.expect(200);
    define(&admin, &json!({ "label": "Plan", "type": "text", "isRequired": true })).await;
    define(&admin, &json!({ "label": "Seats", "type": "number", "isRequired": true })).await;
    let method = json!([{ "type": "other", "value": "x", "isPreferred": true }]);
    let workspace = json!({ "name": "x", "contactMethods": method });
    let path = "/v1/workspace/tenant123/clients";
    let told = admin.post(path, &workspace).await;
    assert!(told.text.contains("missing: plan, seats"), "{}", told.text);
    assert_eq!(broken(told), ["/customFields required"]);
    let mut success_body = json!({
        "name": "x", "status": "ACTIVE", "active": true, "custom": { "plan": "a", "seats": null },
    });
    let told = admin.post("/client", &success_body).await.expect(400).json();
    assert_eq!(told["errors"][0]["pointer"], "/custom");
    success_body["custom"]["seats"] = json!(7);
    let made = admin.post("/client", &success_body).await.expect(201).json();
    assert_eq!(made["custom"], json!({ "plan": "a", "seats": 7 }));
    let mut whole = workspace.clone();
    whole["customFields"] = json!([
        { "fieldKey": "plan", "value": "b" }, { "fieldKey": "seats", "value": 8 },
    ]);
    admin.post(path, &whole).await.expect(201);
    admin.post("/v2/clients", &json!({ "name": "x" })).await.expect(201);
    admin.post("/clients/v1/tenants/tenant123/clients", &json!({ "name": "x" })).await.expect(201);
    // Nobody removes it, and nobody without it is held up.
    assert_eq!(
        broken(admin.patch(CLIENT, &custom("plan", json!(null))).await),
        ["/customFields/0/value required"]
    );
    assert_eq!(
        broken(admin.patch(CLIENT, &custom("plan", " ")).await),
        ["/customFields/0/value not_blank"]
    );
    admin.patch(CLIENT, &custom("seats", json!(null))).await.expect(200);
    admin.patch(CLIENT, &json!({ "name": "Jane Doe" })).await.expect(200);
    app.assert_audit_intact().await;
}

/// What is taken away stays with those who have it, and can be sent back.
#[tokio::test]
async fn an_option_that_is_taken_away_stays_where_it_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = define(&admin, &select(&["gold", "silver"])).await;
    admin.patch(CLIENT, &custom("select", "gold")).await.expect(200);
    let fewer = json!({ "metadata": { "options": ["silver"] } });
    admin.patch(&format!("{FIELDS}/{id}"), &fewer).await.expect(200);
    let read = admin.get(CLIENT).await.json()["client"]["customFields"].clone();
    assert_eq!(read[0]["value"], "gold");
    admin.patch(CLIENT, &json!({ "customFields": read })).await.expect(200);
    let told = admin.patch(CLIENT, &custom("select", "bronze")).await.expect(422).json();
    assert_eq!(told["error"]["fields"][0]["allowed"], json!(["silver"]));
    admin.patch(CLIENT, &custom("select", "silver")).await.expect(200);
    assert_eq!(broken(admin.patch(CLIENT, &custom("select", "gold")).await).len(), 1);
}

#[tokio::test]
async fn a_strict_workspace_has_defined_fields_only() {
    let app = TestApp::start().await;
    let (admin, operator) = (app.admin().await, app.operator());
    admin.patch(CLIENT, &custom("legacy", "old")).await.expect(200);
    define(&admin, &json!({ "label": "Plan", "type": "text" })).await;
    define(&admin, &json!({ "label": "Seats", "type": "number" })).await;
    assert_eq!(operator.get(TENANT).await.expect(200).json()["strict_fields"], false);
    admin.patch(TENANT, &json!({ "strict_fields": true })).await.expect(403);
    let strict = operator.patch(TENANT, &json!({ "strict_fields": true })).await.expect(200);
    assert_eq!(strict.json()["strict_fields"], true);
    let told = admin.patch(CLIENT, &custom("paln", "gold")).await;
    assert!(told.text.contains("did you mean plan?; they are: plan, seats"), "{}", told.text);
    assert_eq!(told.json()["error"]["fields"][0]["allowed"], json!(["plan", "seats"]));
    assert_eq!(broken(told), ["/customFields/0/fieldKey known_field"]);
    let told = admin.patch(&success(), &json!({ "custom": { "colour": "x" } })).await.expect(400);
    assert_eq!(told.json()["errors"][0]["pointer"], "/custom/colour");
    assert!(told.text.contains("plan, seats"), "{}", told.text);
    let new = json!({
        "name": "x", "status": "ACTIVE", "active": true, "custom": { "colour": "x" },
    });
    admin.post("/client", &new).await.expect(400);
    // What was there before can be sent back and removed, and not changed.
    admin.patch(CLIENT, &custom("legacy", "old")).await.expect(200);
    assert_eq!(broken(admin.patch(CLIENT, &custom("legacy", "new")).await).len(), 1);
    admin.patch(CLIENT, &custom("legacy", json!(null))).await.expect(200);
    assert_eq!(broken(admin.patch(CLIENT, &custom("legacy", json!(null))).await).len(), 1);
    // Another tenant's rule is its own, and this one can be taken back.
    let rival = app.role("tenant999", "member").await;
    let initech = "/v1/workspace/tenant999/clients/607f1f77bcf86cd799439011";
    rival.patch(initech, &custom("colour", "x")).await.expect(200);
    operator.patch(TENANT, &json!({ "strict_fields": false })).await.expect(200);
    admin.patch(CLIENT, &custom("colour", "x")).await.expect(200);
    let made = json!({ "slug": "strict", "name": "x", "strict_fields": true });
    assert_eq!(operator.post("/v2/tenants", &made).await.expect(201).json()["strict_fields"], true);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_definition_fits_what_clients_already_hold() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let values = json!({ "custom": { "day": "2026-01-01", "seats": "7", "mail": "nobody" } });
    admin.patch(&success(), &values).await.expect(200);
    for (key, kind) in [("seats", "number"), ("mail", "email"), ("day", "boolean")] {
        let entries = "SELECT count(*) FROM audit_entries";
        let before = app.database().rows(entries);
        let told = admin.post(FIELDS, &json!({ "label": "x", "key": key, "type": kind })).await;
        assert!(told.text.contains("1 hold something else: 507f1f77bcf86cd799439011"), "{told:?}");
        assert_eq!(broken(told), ["/type existing_values"], "{key}");
        assert_eq!(app.database().rows(entries), before);
    }
    define(&admin, &json!({ "label": "Day", "type": "date" })).await;
    define(&admin, &json!({ "label": "Mail", "type": "text" })).await;
    let shown = admin.get(CLIENT).await.json();
    let fields = shown["client"]["customFields"].as_array().expect("fields");
    let defined = fields.iter().filter(|field| field["fieldId"] != Value::Null);
    assert_eq!(defined.map(|field| &field["fieldKey"]).collect::<Vec<_>>(), ["day", "mail"]);
    app.assert_audit_intact().await;
}

/// What is wrong with one item hides nothing of the others.
#[tokio::test]
async fn all_broken_values_are_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    define(&admin, &json!({ "label": "Seats", "type": "number" })).await;
    let body = json!({ "customFields": [
        { "fieldKey": "seats", "value": "x" },
        { "fieldKey": " ", "value": "x" },
        { "fieldKey": "notes", "value": 7 },
        { "fieldKey": "notes" },
    ] });
    let mut told = broken(admin.patch(CLIENT, &body).await);
    told.sort();
    assert_eq!(
        told,
        [
            "/customFields/0/value type",
            "/customFields/1/fieldKey field_key",
            "/customFields/2/value type",
            "/customFields/3/fieldKey duplicate",
            "/customFields/3/value required",
        ]
    );
    let many: Vec<_> =
        (0..500).map(|at| json!({ "fieldKey": format!("k{at}"), "value": 7 })).collect();
    let told = broken(admin.patch(CLIENT, &json!({ "customFields": many })).await);
    assert_eq!((told.len(), told.last().expect("one").as_str()), (101, " more"));
    let dry = format!("/client/{ACME}?dryRun=true");
    let shown = admin.patch(&dry, &json!({ "custom": { "seats": 7 } })).await.expect(200).json();
    assert_eq!(shown["custom"]["seats"], 7);
    assert_eq!(admin.get(&success()).await.json()["custom"], json!({}));
}
