//! Workspace (v1): reading and changing a client over HTTP.

use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use clientbook_testkit::{ACME, ACME_OBJECT, Answer, INITECH_OBJECT, TENANT, TestApp};
use serde_json::{Value, json};

const CLIENT: &str = "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011";

const UNTOUCHED: &str = concat!(
    r#"{"client":{"id":"507f1f77bcf86cd799439011","name":"Acme Corporation","avatarUrl":null,"#,
    r#""contactMethods":[],"customFields":[],"#,
    r#""createdAt":"2025-06-01T00:00:00Z","updatedAt":"2026-02-20T12:00:00Z"}}"#
);

fn full() -> Value {
    json!({
        "name": "Jane Doe",
        "avatarUrl": "https://example.com/a.jpg",
        "contactMethods": [
            { "type": "email", "value": "jane@example.com", "isPreferred": true },
            { "type": "phone", "value": "030 901820", "isPreferred": false },
        ],
        "customFields": [
            { "fieldKey": "plan", "value": "gold" },
            { "fieldKey": "notes", "value": "" },
        ],
    })
}

/// Each broken rule as `path rule`, in the order told.
#[track_caller]
fn broken(answer: Answer) -> Vec<String> {
    let body = answer.expect(422).json();
    let error = body["error"].as_object().expect("an error");
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "fields", "message"], "{body}");
    assert_eq!(body["error"]["code"], "validation_failed");
    let fields = body["error"]["fields"].as_array().expect("fields");
    let told = fields.iter().map(|field| {
        let text = |name: &str| field[name].as_str().expect("a text").to_owned();
        assert!(!text("message").is_empty(), "{field}");
        format!("{} {}", text("path"), text("rule"))
    });
    told.collect()
}

/// The code and the message of an error without fields.
#[track_caller]
fn refused(answer: Answer, status: u16) -> (String, String) {
    let body = answer.expect(status).json();
    let error = body["error"].as_object().expect("an error");
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message"], "{body}");
    let text = |name: &str| body["error"][name].as_str().expect("a text").to_owned();
    (text("code"), text("message"))
}

#[tokio::test]
async fn reads_every_field_in_order() {
    let app = TestApp::start().await;
    let viewer = app.role("tenant123", "viewer").await;
    let read = viewer.get(CLIENT).await.expect(200);
    assert_eq!(read.text, UNTOUCHED);
    assert_eq!(read.header("content-type"), "application/json");
}

#[tokio::test]
async fn answers_the_whole_client_after_a_change() {
    let app = TestApp::start().await;
    let member = app.role("tenant123", "member").await;
    // A fraction of a second must not show.
    app.advance(999);
    let changed = member.patch(CLIENT, &full()).await.expect(200);
    assert_eq!(
        changed.text,
        concat!(
            r#"{"client":{"id":"507f1f77bcf86cd799439011","name":"Jane Doe","#,
            r#""avatarUrl":"https://example.com/a.jpg","contactMethods":["#,
            r#"{"type":"email","value":"jane@example.com","isPreferred":true},"#,
            r#"{"type":"phone","value":"030 901820","isPreferred":false}],"customFields":["#,
            r#"{"fieldId":null,"fieldKey":"notes","value":""},"#,
            r#"{"fieldId":null,"fieldKey":"plan","value":"gold"}],"#,
            r#""createdAt":"2025-06-01T00:00:00Z","updatedAt":"2026-03-10T14:30:00Z"}}"#
        )
    );
    assert_eq!(member.get(CLIENT).await.expect(200).text, changed.text);
}

#[tokio::test]
async fn only_what_is_given_changes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut expected = admin.patch(CLIENT, &full()).await.expect(200).json();
    let steps = [
        (json!({ "name": "  Acme  " }), "name", json!("Acme")),
        (json!({ "avatarUrl": "http://10.0.0.1/x" }), "avatarUrl", json!("http://10.0.0.1/x")),
        (json!({ "avatarUrl": null }), "avatarUrl", Value::Null),
        (
            json!({ "contactMethods": [{ "type": "other", "value": "door", "isPreferred": true }] }),
            "contactMethods",
            json!([{ "type": "other", "value": "door", "isPreferred": true }]),
        ),
    ];
    for (body, field, value) in steps {
        let changed = admin.patch(CLIENT, &body).await.expect(200).json();
        expected["client"][field] = value;
        assert_eq!(changed, expected, "{body}");
    }
}

#[tokio::test]
async fn null_and_empty_are_refused_where_a_value_must_be() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (body, rule) in [
        (json!({ "name": null }), "/name type"),
        (json!({ "name": "" }), "/name not_blank"),
        (json!({ "name": " \t " }), "/name not_blank"),
        (json!({ "name": 7 }), "/name type"),
        (json!({ "name": "a\u{0}b" }), "/name no_nul"),
        (json!({ "name": "n".repeat(256) }), "/name max_length"),
        (json!({ "contactMethods": null }), "/contactMethods type"),
        (json!({ "customFields": null }), "/customFields type"),
        (json!({ "avatarUrl": "" }), "/avatarUrl url"),
        (json!({ "avatarUrl": "/a.jpg" }), "/avatarUrl url"),
        (json!({ "avatarUrl": "ftp://example.com/a.jpg" }), "/avatarUrl url"),
        (json!({ "avatarUrl": 7 }), "/avatarUrl type"),
    ] {
        assert_eq!(broken(admin.patch(CLIENT, &body).await), [rule], "{body}");
    }
    assert_eq!(admin.get(CLIENT).await.text, UNTOUCHED);
}

#[tokio::test]
async fn a_body_without_a_wish_is_a_bad_request() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for body in ["", "{", "nonsense", "[]", "null", "7", "\"name\"", "{}", r#"{"name":"x"}x"#] {
        let request = admin.request(Method::PATCH, CLIENT);
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let (code, message) = refused(admin.send(request).await, 400);
        assert_eq!(code, "invalid_request", "{body}");
        assert!(!message.is_empty());
    }
    for body in [
        json!({ "id": ACME_OBJECT }),
        json!({ "createdAt": "2025-06-01T00:00:00Z", "updatedAt": "2026-02-20T12:00:00Z" }),
    ] {
        let (_, message) = refused(admin.patch(CLIENT, &body).await, 400);
        assert!(message.contains("name, avatarUrl, contactMethods, customFields"), "{message}");
    }
}

#[tokio::test]
async fn every_broken_rule_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({
        "name": " ",
        "avatarUrl": "example.com",
        "contactMethods": [
            { "type": "email", "value": "jane", "isPreferred": true },
            { "type": "pigeon", "value": "", "isPreferred": true },
            { "type": "phone", "value": "12" },
            7,
        ],
        "customFields": [
            { "fieldKey": "notes", "value": "a" },
            { "fieldKey": "", "value": 7 },
            { "fieldKey": "notes", "value": "b" },
            { "fieldKey": "plan" },
        ],
        "avatarURL": null,
        "id": INITECH_OBJECT,
    });
    let mut told = broken(admin.patch(CLIENT, &body).await);
    told.sort();
    assert_eq!(
        told,
        [
            "/avatarURL unknown_field",
            "/avatarUrl url",
            "/contactMethods one_preferred",
            "/contactMethods/0/value email",
            "/contactMethods/1/type enum",
            "/contactMethods/1/value not_blank",
            "/contactMethods/2/isPreferred required",
            "/contactMethods/2/value phone",
            "/contactMethods/3 type",
            "/customFields/1/fieldKey field_key",
            "/customFields/1/value type",
            "/customFields/2/fieldKey duplicate",
            "/customFields/3/value required",
            "/id read_only",
            "/name not_blank",
        ]
    );
    assert_eq!(admin.get(CLIENT).await.text, UNTOUCHED);
}

#[tokio::test]
async fn one_bad_field_keeps_the_good_ones_out() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut body = full();
    body["customFields"][1]["value"] = json!(7);
    let answer = admin.patch(CLIENT, &body).await;
    let whole = answer.expect(422).json();
    assert_eq!(
        whole["error"]["fields"],
        json!([{
            "path": "/customFields/1/value",
            "rule": "type",
            "message": "must be a string or null: a field that is not defined holds text",
        }])
    );
    assert_eq!(admin.get(CLIENT).await.text, UNTOUCHED);
}

#[tokio::test]
async fn custom_fields_are_set_removed_and_kept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let steps = [
        (json!([{ "fieldKey": "a", "value": "1" }, { "fieldKey": "b", "value": "2" }]), "a=1 b=2"),
        (json!([{ "fieldKey": "c", "value": "3" }]), "a=1 b=2 c=3"),
        (json!([{ "fieldKey": "a", "value": null }, { "fieldKey": "b", "value": "4" }]), "b=4 c=3"),
        (json!([]), "b=4 c=3"),
        (json!([{ "fieldKey": "never there", "value": null }]), "b=4 c=3"),
        (json!([{ "fieldId": null, "fieldKey": "b", "value": "5" }]), "b=5 c=3"),
    ];
    for (fields, left) in steps {
        let changed = admin.patch(CLIENT, &json!({ "customFields": fields })).await.expect(200);
        let shown = changed.json()["client"]["customFields"].as_array().expect("a list").clone();
        let shown: Vec<_> = shown
            .iter()
            .map(|field| {
                assert_eq!(field["fieldId"], Value::Null);
                let text = |name: &str| field[name].as_str().expect("a text").to_owned();
                format!("{}={}", text("fieldKey"), text("value"))
            })
            .collect();
        assert_eq!(shown.join(" "), left, "{fields}");
    }
}

#[tokio::test]
async fn custom_fields_have_rules_of_their_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (fields, rules) in [
        (
            json!([{ "fieldKey": "a", "value": "1" }, { "fieldKey": "a", "value": null }]),
            vec!["/customFields/1/fieldKey duplicate"],
        ),
        (json!([{ "fieldKey": "a", "value": true }]), vec!["/customFields/0/value type"]),
        (json!([{ "fieldKey": "a", "value": {} }]), vec!["/customFields/0/value type"]),
        (json!([{ "fieldKey": "a" }]), vec!["/customFields/0/value required"]),
        (json!([{ "value": "1" }]), vec!["/customFields/0/fieldKey required"]),
        (json!([{ "fieldKey": null, "value": "1" }]), vec!["/customFields/0/fieldKey type"]),
        (
            json!([{ "fieldkey": "a", "value": "1" }]),
            vec!["/customFields/0/fieldkey unknown_field", "/customFields/0/fieldKey required"],
        ),
        (
            json!([{ "fieldId": ACME_OBJECT, "fieldKey": "a", "value": "1" }]),
            vec!["/customFields/0/fieldId read_only"],
        ),
        (json!({ "a": "1" }), vec!["/customFields type"]),
    ] {
        let body = json!({ "customFields": fields });
        assert_eq!(broken(admin.patch(CLIENT, &body).await), rules, "{body}");
    }
    assert_eq!(admin.get(CLIENT).await.text, UNTOUCHED);
}

#[tokio::test]
async fn workspace_and_client_have_more_than_one_spelling() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let upper = |id: &str| id.to_ascii_uppercase();
    for workspace in [
        "tenant123",
        TENANT,
        &upper(TENANT),
        "65a000000000000000000123",
        "65A000000000000000000123",
    ] {
        for client in [ACME_OBJECT, &upper(ACME_OBJECT)] {
            let path = format!("/v1/workspace/{workspace}/clients/{client}");
            assert_eq!(admin.get(&path).await.expect(200).text, UNTOUCHED, "{path}");
            let body = json!({ "name": "Acme Corporation" });
            assert_eq!(admin.patch(&path, &body).await.expect(200).text, UNTOUCHED, "{path}");
        }
    }
    // The other surfaces' ids of the same client are none here.
    for client in [ACME, "456", "507f1f77bcf86cd79943901", "507f1f77bcf86cd79943901g"] {
        let path = format!("/v1/workspace/tenant123/clients/{client}");
        assert_eq!(refused(admin.get(&path).await, 404).0, "not_found", "{path}");
    }
}

#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.patch(CLIENT, &full()).await.expect(200);
    app.advance(60_000);
    let read = admin.get(CLIENT).await.expect(200);
    let mut body = read.json()["client"].clone();
    assert_eq!(admin.patch(CLIENT, &body).await.expect(200).text, read.text);
    // The server keeps the times, whatever a caller believes; identity must match.
    body["updatedAt"] = json!("1999-01-01T00:00:00Z");
    body["createdAt"] = Value::Null;
    body["id"] = json!(ACME_OBJECT.to_ascii_uppercase());
    assert_eq!(admin.patch(CLIENT, &body).await.expect(200).text, read.text);
    for other in [json!(INITECH_OBJECT), json!(ACME), json!(456), Value::Null] {
        body["id"] = other;
        assert_eq!(broken(admin.patch(CLIENT, &body).await), ["/id read_only"], "{body}");
    }
    assert_eq!(admin.get(CLIENT).await.expect(200).text, read.text);
}

#[tokio::test]
async fn an_unknown_field_is_named_with_the_nearest_known_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (sent, near) in [
        ("nmae", Some("name")),
        ("avatar_url", Some("avatarUrl")),
        ("contactmethods", Some("contactMethods")),
        ("custom", None),
        ("status", None),
    ] {
        let answer = admin.patch(CLIENT, &json!({ sent: "x", "name": "Jane" })).await;
        assert_eq!(broken(answer.clone()), [format!("/{sent} unknown_field")]);
        let message = answer.json()["error"]["fields"][0]["message"].to_string();
        match near {
            Some(near) => assert!(message.contains(&format!("did you mean {near}?")), "{message}"),
            None => assert!(!message.contains("did you mean"), "{message}"),
        }
        // The sentence names what was sent, not what stands near it.
        let sentence = answer.json()["error"]["message"].as_str().expect("a text").to_owned();
        assert!(sentence.starts_with(&format!("{sent}: ")), "{sentence}");
    }
    assert_eq!(admin.get(CLIENT).await.text, UNTOUCHED);
}

#[tokio::test]
async fn who_may_change_a_client() {
    let app = TestApp::start().await;
    let body = json!({ "name": "Jane Doe" });
    let viewer = app.role("tenant123", "viewer").await;
    let (code, message) = refused(viewer.patch(CLIENT, &body).await, 403);
    assert_eq!(code, "forbidden");
    assert!(message.contains("clients.update"), "{message}");
    let anon = app.anon().patch(CLIENT, &body).await;
    assert!(anon.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(refused(anon, 401).0, "unauthenticated");
    let wrong = app.bearer("cb_wrong").patch(CLIENT, &body).await;
    assert_eq!(refused(wrong, 401).0, "unauthenticated");
    assert_eq!(viewer.get(CLIENT).await.text, UNTOUCHED);
    for role in ["member", "admin"] {
        let actor = app.role("tenant123", role).await;
        let body = json!({ "name": role });
        assert_eq!(actor.patch(CLIENT, &body).await.expect(200).json()["client"]["name"], role);
    }
    let body = json!({ "name": "operator" });
    let answer = app.operator().patch(CLIENT, &body).await.expect(200);
    assert_eq!(answer.json()["client"]["name"], "operator");
}

#[tokio::test]
async fn other_tenants_are_not_there() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({ "name": "Mine now" });
    let theirs = format!("/v1/workspace/tenant999/clients/{INITECH_OBJECT}");
    let nobodys = format!("/v1/workspace/tenant000/clients/{INITECH_OBJECT}");
    let theirs_in_ours = format!("/v1/workspace/tenant123/clients/{INITECH_OBJECT}");
    let nobodys_in_ours = "/v1/workspace/tenant123/clients/000000000000000000000000";
    let ours_in_theirs = format!("/v1/workspace/tenant999/clients/{ACME_OBJECT}");
    // Somebody else's and nobody's look the same, byte for byte.
    for (one, other) in [
        (theirs.as_str(), nobodys.as_str()),
        (ours_in_theirs.as_str(), nobodys.as_str()),
        (theirs_in_ours.as_str(), nobodys_in_ours),
    ] {
        let (read, nothing) = (admin.get(one).await, admin.get(other).await);
        assert_eq!(read.text, nothing.text);
        assert_eq!(refused(read, 404).0, "not_found");
        let (changed, nothing) = (admin.patch(one, &body).await, admin.patch(other, &body).await);
        assert_eq!(changed.text, nothing.text);
        assert_eq!(refused(changed, 404).0, "not_found");
    }
    let rival = app.role("tenant999", "admin").await;
    assert_eq!(rival.get(&theirs).await.expect(200).json()["client"]["name"], "Initech");
    assert_eq!(refused(rival.patch(CLIENT, &body).await, 404).0, "not_found");
    assert_eq!(admin.get(CLIENT).await.text, UNTOUCHED);
}

#[tokio::test]
async fn custom_values_are_the_same_on_both_surfaces() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let success = format!("/client/{ACME}");
    let body = json!({ "customFields": [{ "fieldKey": "a/b", "value": "1" }] });
    admin.patch(CLIENT, &body).await.expect(200);
    assert_eq!(admin.get(&success).await.expect(200).json()["custom"], json!({ "a/b": "1" }));
    let body = json!({ "custom": { "a/b": null, "c": "2" } });
    admin.patch(&success, &body).await.expect(200);
    assert_eq!(
        admin.get(CLIENT).await.expect(200).json()["client"]["customFields"],
        json!([{ "fieldId": null, "fieldKey": "c", "value": "2" }])
    );
}

#[tokio::test]
async fn no_more_custom_values_than_a_client_holds() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let field = |at: usize| json!({ "fieldKey": format!("key {at:03}"), "value": "x" });
    let some: Vec<_> = (0..500).map(field).collect();
    admin.patch(CLIENT, &json!({ "customFields": some })).await.expect(200);
    let one_more = json!({ "customFields": [field(500)] });
    assert_eq!(broken(admin.patch(CLIENT, &one_more).await), ["/customFields max_items"]);
    let swapped = json!({
        "customFields": [field(500), { "fieldKey": "key 000", "value": null }],
    });
    let shown = admin.patch(CLIENT, &swapped).await.expect(200).json();
    let shown = shown["client"]["customFields"].as_array().expect("a list").clone();
    assert_eq!((shown.len(), &shown[499]["fieldKey"]), (500, &json!("key 500")));
}
