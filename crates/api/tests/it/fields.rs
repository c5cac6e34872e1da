//! Definitions of custom fields: made, listed, changed, put in order, archived.

mod delete;
mod unique;
mod values;

use axum::http::Method;
use clientbook_testkit::{ACME, ACME_OBJECT, Actor, Answer, TestApp};
use serde_json::{Value, json};

pub(crate) const FIELDS: &str = "/v1/workspace/tenant123/clients/fields";
pub(crate) const CLIENT: &str = "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011";

pub(crate) fn success() -> String {
    format!("/client/{ACME}")
}

/// Defines a field; its id.
pub(crate) async fn define(actor: &Actor, body: &Value) -> String {
    let made = actor.post(FIELDS, body).await.expect(201).json();
    made["field"]["id"].as_str().expect("an id").to_owned()
}

pub(crate) fn custom(key: &str, value: impl Into<Value>) -> Value {
    json!({ "customFields": [{ "fieldKey": key, "value": value.into() }] })
}

/// Each broken rule as `path rule`.
#[track_caller]
pub(crate) fn broken(answer: Answer) -> Vec<String> {
    let body = answer.expect(422).json();
    let fields = body["error"]["fields"].as_array().expect("fields").clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    fields.iter().map(|one| format!("{} {}", text(&one["path"]), text(&one["rule"]))).collect()
}

async fn keys(actor: &Actor, path: &str) -> Vec<String> {
    let listed = actor.get(path).await.expect(200).json();
    let fields = listed["fields"].as_array().expect("fields").iter();
    fields.map(|field| field["key"].as_str().expect("a key").to_owned()).collect()
}

#[tokio::test]
async fn a_field_is_defined_listed_and_used() {
    let app = TestApp::start().await;
    let member = app.role("tenant123", "member").await;
    assert_eq!(member.get(FIELDS).await.expect(200).text, r#"{"fields":[]}"#);
    let body = json!({
        "label": " Contract end (signed) ", "type": "date", "description": "As signed",
        "isFilterable": true, "metadata": { "width": 2 },
    });
    let made = member.post(FIELDS, &body).await.expect(201);
    let id = made.json()["field"]["id"].as_str().expect("an id").to_owned();
    let field = format!(
        concat!(
            r#"{{"id":"{}","key":"contract_end_signed_","label":"Contract end (signed)","#,
            r#""description":"As signed","type":"date","isRequired":false,"isUnique":false,"#,
            r#""isFilterable":true,"order":0,"status":"active","metadata":{{"width":2}},"#,
            r#""createdAt":"2026-03-10T14:30:00Z","updatedAt":"2026-03-10T14:30:00Z"}}"#
        ),
        id
    );
    assert_eq!(made.text, format!(r#"{{"field":{field}}}"#));
    assert_eq!(id.len(), 24);
    let viewer = app.role("tenant123", "viewer").await;
    assert_eq!(viewer.get(FIELDS).await.expect(200).text, format!(r#"{{"fields":[{field}]}}"#));
    let set = custom("contract_end_signed_", "2027-12-31");
    let client = member.patch(CLIENT, &set).await.expect(200).json();
    let shown = json!([{
        "fieldId": id, "fieldKey": "contract_end_signed_", "value": "2027-12-31",
    }]);
    assert_eq!(client["client"]["customFields"], shown);
    assert_eq!(member.get(CLIENT).await.json()["client"]["customFields"], shown);
    let other = member.get(&success()).await.expect(200).json();
    assert_eq!(other["custom"], json!({ "contract_end_signed_": "2027-12-31" }));
    for path in ["/customfield/all/CLIENT", "/v2/customfield/all/CLIENT"] {
        let request = app.anon().request(Method::GET, path);
        let listed = app.anon().send(request.header("x-api-key", viewer.token())).await;
        assert_eq!(
            listed.expect(200).text,
            concat!(
                r#"[{"id":1,"name":"contract_end_signed_","label":"Contract end (signed)","#,
                r#""resourceType":"CLIENT","fieldType":"DATE","required":false,"active":true}]"#
            )
        );
    }
    viewer.get("/customfield/all/DEAL").await.expect(404);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_key_is_made_from_the_label_and_is_one_fields_only() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (label, key) in [
        ("Plan", "plan"),
        ("Größe / Łódź", "grosse_lodz"),
        ("  a -- B  ", "a_b"),
        ("№ 7!", "no_7_"),
    ] {
        let made = admin.post(FIELDS, &json!({ "label": label, "type": "text" })).await;
        assert_eq!(made.expect(201).json()["field"]["key"], key, "{label}");
    }
    let given = json!({ "label": "Plan", "type": "text", "key": "Plan B/ü" });
    assert_eq!(admin.post(FIELDS, &given).await.expect(201).json()["field"]["key"], "Plan B/ü");
    for body in [json!({ "label": "PLAN", "type": "date" }), given] {
        let taken = admin.post(FIELDS, &body).await.expect(409).json();
        assert_eq!(taken["error"]["code"], "conflict");
        let message = taken["error"]["message"].as_str().expect("a text");
        assert!(message.starts_with("key: another field"), "{message}");
    }
    let nameless = json!({ "label": "日本語", "type": "text" });
    assert_eq!(broken(admin.post(FIELDS, &nameless).await), ["/key required"]);
    // What was refused took no number.
    let next = json!({ "label": "Next", "type": "text" });
    admin.post(FIELDS, &next).await.expect(201);
    let listed = admin.get("/customfield/all/CLIENT").await.expect(200).json();
    let ids: Vec<_> = listed.as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    assert_eq!(keys(&admin, FIELDS).await.last().expect("one"), "next");
    // Keys are each tenant's own.
    let rival = app.role("tenant999", "member").await;
    let theirs = FIELDS.replace("tenant123", "tenant999");
    rival.post(&theirs, &json!({ "label": "Plan", "type": "text" })).await.expect(201);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn every_broken_rule_of_a_definition_is_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let long = "x".repeat(256);
    for (body, told) in [
        (json!({}), vec!["/label required", "/type required"]),
        (
            json!({ "label": long, "type": "Text", "key": " a", "isUnique": "yes", "order": 1 }),
            vec![
                "/isUnique type",
                "/key field_key",
                "/label max_length",
                "/order unknown_field",
                "/type enum",
            ],
        ),
        (json!({ "label": "x", "type": "select" }), vec!["/metadata/options required"]),
        (
            json!({ "label": "x", "type": "select", "metadata": { "options": "gold" } }),
            vec!["/metadata/options type"],
        ),
        (
            json!({ "label": "x", "type": "select", "metadata": { "options": [] } }),
            vec!["/metadata/options items"],
        ),
        (
            json!({ "label": "x", "type": "select", "metadata": { "options": ["a", " b"] } }),
            vec!["/metadata/options option"],
        ),
        (
            json!({ "label": "x", "type": "select", "metadata": { "options": ["a", "a"] } }),
            vec!["/metadata/options duplicate"],
        ),
        (json!({ "label": "x", "type": "text", "metadata": [] }), vec!["/metadata type"]),
        (
            json!({ "label": "x", "type": "text", "metadata": { "a": ["\0"] } }),
            vec!["/metadata no_nul"],
        ),
        (
            json!({ "label": "x", "type": "text", "metadata": { "a": "x".repeat(65_536) } }),
            vec!["/metadata max_bytes"],
        ),
        (
            json!({ "label": "x", "type": "text", "description": "x".repeat(1_001) }),
            vec!["/description max_length"],
        ),
    ] {
        let mut found = broken(admin.post(FIELDS, &body).await);
        found.sort();
        assert_eq!(found, told, "{body}");
    }
    assert_eq!(keys(&admin, FIELDS).await, Vec::<String>::new());
    admin.get(&format!("{FIELDS}?includeArchived=yes")).await.expect(400);
    admin.get(&format!("{FIELDS}?archived=true")).await.expect(400);
}

#[tokio::test]
async fn a_definition_changes_and_what_was_read_can_be_sent_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let select = json!({ "label": "Plan", "type": "select", "metadata": { "options": ["a"] } });
    let id = define(&admin, &select).await;
    let path = format!("{FIELDS}/{id}");
    app.advance(60_000);
    let mut wish = json!({
        "label": "The plan", "description": "x", "isRequired": true, "isUnique": true,
        "isFilterable": true, "metadata": { "options": ["b", "c"] },
    });
    let changed = admin.patch(&path, &wish).await.expect(200);
    let field = changed.json()["field"].clone();
    for (name, value) in wish.as_object().expect("an object") {
        assert_eq!(field[name], *value, "{name}");
    }
    assert_eq!(field["updatedAt"], "2026-03-10T14:31:00Z");
    let tag = changed.header("etag").to_owned();
    assert!(tag.starts_with("\"2-"), "{tag}");
    // Sent back as it was read, in any letter case of the id: nothing changes, and leaves no trace.
    let entries = "SELECT count(*) FROM audit_entries";
    let before = app.database().rows(entries);
    let mut whole = field.clone();
    whole["id"] = json!(id.to_uppercase());
    let same = admin.patch(&path, &whole).await.expect(200);
    assert_eq!((same.text.as_str(), same.header("etag")), (changed.text.as_str(), tag.as_str()));
    assert_eq!(app.database().rows(entries), before);
    for (name, value, rule) in [
        ("id", json!("0".repeat(24)), "read_only"),
        ("key", json!("other"), "read_only"),
        ("type", json!("text"), "read_only"),
        ("order", json!(7), "read_only"),
        ("status", json!("archived"), "read_only"),
        ("label", json!(null), "type"),
        ("isRequired", json!(null), "type"),
        ("metadata", json!(null), "required"),
    ] {
        let mut body = whole.clone();
        body[name] = value;
        let told = broken(admin.patch(&path, &body).await);
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        assert!(told[0].ends_with(rule), "{name}: {told:?}");
    }
    admin.patch(&path, &json!({})).await.expect(400);
    admin.patch(&path, &json!({ "order": 0 })).await.expect(400);
    // Only of the version that is meant.
    wish["label"] = json!("Once more");
    let stale = admin.request(Method::PATCH, &path).header("if-match", "\"1-x\"").json(&wish);
    admin.send(stale).await.expect(412);
    let right = admin.request(Method::PATCH, &path).header("if-match", &tag).json(&wish);
    admin.send(right).await.expect(200);
    let cleared = json!({ "description": "", "isUnique": false, "isRequired": false });
    let cleared = admin.patch(&path, &cleared).await.expect(200).json();
    assert_eq!(cleared["field"]["description"], Value::Null);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn another_tenants_field_is_not_there() {
    let app = TestApp::start().await;
    let (admin, rival) = (app.admin().await, app.role("tenant999", "admin").await);
    let id = define(&admin, &json!({ "label": "Plan", "type": "text" })).await;
    let theirs = FIELDS.replace("tenant123", "tenant999");
    let entries = "SELECT count(*) FROM audit_entries";
    let before = (app.database().rows(entries), admin.get(FIELDS).await.text);
    for id in [&id, &id.to_uppercase(), "0".repeat(24).as_str(), ACME_OBJECT, "x"] {
        let path = format!("{theirs}/{id}");
        rival.patch(&path, &json!({ "label": "x" })).await.expect(404);
        rival.delete(&path).await.expect(404);
        for verb in ["archive", "restore"] {
            let told = rival.post(&format!("{path}/{verb}"), &json!({})).await.expect(404).json();
            assert_eq!(told["error"]["message"], "Field not found");
        }
        if id.len() == 24 {
            let order = json!({ "fields": [{ "fieldId": id, "order": 3 }] });
            let told = broken(rival.post(&format!("{theirs}/reorder"), &order).await);
            assert_eq!(told, ["/fields/0/fieldId exists"]);
        }
    }
    assert_eq!(before, (app.database().rows(entries), admin.get(FIELDS).await.text));
    assert_eq!(rival.get(&theirs).await.expect(200).text, r#"{"fields":[]}"#);
    assert_eq!(rival.get("/customfield/all/CLIENT").await.expect(200).text, "[]");
    // A value under the same key is theirs alone.
    let value = custom("plan", "x");
    let initech = "/v1/workspace/tenant999/clients/607f1f77bcf86cd799439011";
    let shown = rival.patch(initech, &value).await.expect(200).json();
    assert_eq!(shown["client"]["customFields"][0]["fieldId"], Value::Null);
}

/// A definition is everyone's: not for those who are restricted within the tenant.
#[tokio::test]
async fn the_restricted_list_fields_and_define_none() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = define(&admin, &json!({ "label": "Plan", "type": "text" })).await;
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [ACME] });
    let bound = app.grant(&grant).await;
    assert_eq!(keys(&bound, FIELDS).await, ["plan"]);
    bound.post(FIELDS, &json!({ "label": "x", "type": "text" })).await.expect(403);
    bound.patch(&format!("{FIELDS}/{id}"), &json!({ "label": "x" })).await.expect(403);
    bound.delete(&format!("{FIELDS}/{id}")).await.expect(403);
    bound.patch(CLIENT, &custom("plan", "gold")).await.expect(200);
}

#[tokio::test]
async fn fields_are_put_in_order() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut ids = Vec::new();
    for label in ["A", "B", "C", "D"] {
        ids.push(define(&admin, &json!({ "label": label, "type": "text" })).await);
    }
    admin.post(&format!("{FIELDS}/{}/archive", ids[3]), &json!({})).await.expect(200);
    let reorder = format!("{FIELDS}/reorder");
    let place = |at: usize, order: i64| json!({ "fieldId": ids[at], "order": order });
    let body = json!({ "fields": [place(2, 0), place(0, 5), place(1, 1)] });
    let entries = "SELECT count(*) FROM audit_entries WHERE action = 'field_updated'";
    let before: i64 = app.database().rows(entries)[0][0].parse().expect("a number");
    let listed = admin.post(&reorder, &body).await.expect(200).json();
    let shown = listed["fields"].as_array().expect("fields");
    assert_eq!(shown.iter().map(|one| &one["key"]).collect::<Vec<_>>(), ["c", "b", "a"]);
    assert_eq!(keys(&admin, FIELDS).await, ["c", "b", "a"]);
    assert_eq!(keys(&admin, &format!("{FIELDS}?includeArchived=true")).await, ["c", "b", "d", "a"]);
    // One entry for each that moved, and none the second time.
    let after: i64 = app.database().rows(entries)[0][0].parse().expect("a number");
    assert_eq!(after - before, 2);
    admin.post(&reorder, &body).await.expect(200);
    assert_eq!(app.database().rows(entries)[0][0], after.to_string());
    for (body, told) in [
        (json!({}), vec!["/fields required"]),
        (json!({ "fields": [place(0, 1), place(0, 2)] }), vec!["/fields/1/fieldId duplicate"]),
        (json!({ "fields": [place(0, -1)] }), vec!["/fields/0/order range"]),
        (
            json!({ "fields": [{ "fieldId": "x" }] }),
            vec!["/fields/0/fieldId object_id", "/fields/0/order required"],
        ),
    ] {
        assert_eq!(broken(admin.post(&reorder, &body).await), told, "{body}");
    }
    assert_eq!(keys(&admin, FIELDS).await, ["c", "b", "a"]);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn archiving_and_restoring_take_no_fields() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let viewer = app.role("tenant123", "viewer").await;
    let id = define(&admin, &json!({ "label": "Plan", "type": "text" })).await;
    for verb in ["archive", "restore"] {
        let path = format!("{FIELDS}/{id}/{verb}");
        let refused = admin.post(&path, &json!({ "x": 1 })).await.expect(400);
        assert!(refused.text.contains("must be empty"), "{}", refused.text);
        viewer.post(&path, &json!({ "x": 1 })).await.expect(403);
    }
}

#[tokio::test]
async fn an_archived_field_keeps_its_values_and_hides_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = define(&admin, &json!({ "label": "Plan", "type": "text", "isRequired": true })).await;
    let values = json!({ "custom": { "plan": "gold", "notes": "x" } });
    admin.patch(&success(), &values).await.expect(200);
    let (before, other) = (admin.get(CLIENT).await, admin.get(&success()).await);
    let archived = admin.post(&format!("{FIELDS}/{id}/archive"), &json!({})).await.expect(200);
    assert_eq!(archived.json()["field"]["status"], "archived");
    assert_eq!(keys(&admin, FIELDS).await, Vec::<String>::new());
    assert_eq!(keys(&admin, &format!("{FIELDS}?includeArchived=true")).await, ["plan"]);
    assert_eq!(admin.get("/customfield/all/CLIENT").await.json()[0]["active"], false);
    // Hidden at once on both surfaces, in lists and in what is answered to a change.
    let hidden = json!([{ "fieldId": null, "fieldKey": "notes", "value": "x" }]);
    assert_eq!(admin.get(CLIENT).await.json()["client"]["customFields"], hidden);
    assert_eq!(admin.get(&success()).await.json()["custom"], json!({ "notes": "x" }));
    let list = admin.get("/v1/workspace/tenant123/clients").await.expect(200).json();
    assert_eq!(list["clients"][0]["customFields"], hidden);
    let found = admin.get("/client/search").await.expect(200).json();
    assert_eq!(found["data"][0]["custom"], json!({ "notes": "x" }));
    let named = admin.patch(CLIENT, &json!({ "name": "Jane Doe" })).await.expect(200).json();
    assert_eq!(named["client"]["customFields"], hidden);
    // Nobody writes what nobody sees, and nobody needs it.
    for value in [json!("silver"), json!("gold"), json!(null)] {
        let told = broken(admin.patch(CLIENT, &custom("plan", value.clone())).await);
        assert_eq!(told, ["/customFields/0/fieldKey archived"], "{value}");
        let body = json!({ "custom": { "plan": value } });
        let told = admin.patch(&success(), &body).await.expect(400).json();
        assert_eq!(told["errors"][0]["pointer"], "/custom/plan");
    }
    let new = json!({ "name": "x", "status": "ACTIVE", "active": true });
    admin.post("/client", &new).await.expect(201);
    let again = json!({ "label": "Plan", "type": "text" });
    let taken = admin.post(FIELDS, &again).await.expect(409).text;
    assert!(taken.contains("an archived field"), "{taken}");
    // Twice is once.
    let entries = "SELECT count(*) FROM audit_entries";
    let count = app.database().rows(entries);
    admin.post(&format!("{FIELDS}/{id}/archive"), &json!({})).await.expect(200);
    assert_eq!(app.database().rows(entries), count);
    admin.patch(CLIENT, &json!({ "name": "Acme Corporation" })).await.expect(200);
    let restored = admin.post(&format!("{FIELDS}/{id}/restore"), &json!({})).await.expect(200);
    assert_eq!(restored.json()["field"]["status"], "active");
    let shown = |answer: &Answer, pointer: &str| answer.json().pointer(pointer).cloned();
    let (again, other_again) = (admin.get(CLIENT).await, admin.get(&success()).await);
    let pointer = "/client/customFields";
    assert_eq!(shown(&again, pointer), shown(&before, pointer));
    assert_eq!(shown(&other_again, "/custom"), shown(&other, "/custom"));
    assert_eq!(
        broken(admin.patch(CLIENT, &custom("plan", json!(null))).await),
        ["/customFields/0/value required"]
    );
    app.assert_audit_intact().await;
}

/// `fields` is no client's id: what is not allowed there is told as such.
#[tokio::test]
async fn the_path_of_fields_comes_before_clients() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let refused = admin.patch(FIELDS, &json!({ "name": "x" })).await.expect(405);
    assert_eq!(refused.header("allow"), "GET,HEAD,POST");
    admin.get(&format!("{FIELDS}/{ACME_OBJECT}")).await.expect(405);
    admin.get(&format!("{FIELDS}/reorder")).await.expect(405);
}

#[tokio::test]
async fn a_workspace_has_at_most_five_hundred() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    define(&admin, &json!({ "label": "First", "type": "text" })).await;
    let id = app.database().rows("SELECT id FROM tenants WHERE slug = 'tenant123'")[0][0].clone();
    let id = app.database().uuid(id.parse().expect("a UUID"));
    for at in 2..500 {
        let own = app.database().uuid(uuid::Uuid::from_u128(at));
        app.database().execute(&format!(
            "INSERT INTO fields SELECT tenant_id, {own}, {at}, '{at:024x}', 'k{at}', label,
                description, kind, is_required, is_unique, is_filterable, {at}, status, metadata,
                version, created_at, updated_at FROM fields
            WHERE tenant_id = {id} AND field_key = 'first'"
        ));
    }
    app.database()
        .execute(&format!("UPDATE field_sets SET next_number = 500 WHERE tenant_id = {id}"));
    define(&admin, &json!({ "label": "Last", "type": "text" })).await;
    let refused = admin.post(FIELDS, &json!({ "label": "Too many", "type": "text" })).await;
    assert!(refused.expect(422).text.contains("at most 500 fields"));
}

#[tokio::test]
async fn all_metadata_of_a_workspace_has_an_end() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // Sixteen of 65,536 bytes are all there is room for.
    let full = json!({ "a": "x".repeat(65_536 - r#"{"a":""}"#.len()) });
    let mut ids = Vec::new();
    for at in 0..16 {
        let field = json!({ "label": format!("F{at}"), "type": "text", "metadata": full });
        ids.push(define(&admin, &field).await);
    }
    let more = json!({ "label": "More", "type": "text", "metadata": { "a": 1 } });
    let refused = admin.post(FIELDS, &more).await;
    assert!(refused.text.contains("1048576 bytes"), "{}", refused.text);
    assert_eq!(broken(refused), ["/metadata max_total_bytes"]);
    let id = define(&admin, &json!({ "label": "None", "type": "text" })).await;
    let grown = admin.patch(&format!("{FIELDS}/{id}"), &json!({ "metadata": { "a": 1 } })).await;
    assert_eq!(broken(grown), ["/metadata max_total_bytes"]);
    // What makes room, and what takes none, is done.
    let less = json!({ "metadata": { "a": "y".repeat(65_000) } });
    admin.patch(&format!("{FIELDS}/{}", ids[0]), &less).await.expect(200);
    admin.patch(&format!("{FIELDS}/{id}"), &json!({ "metadata": { "a": 1 } })).await.expect(200);
    let label = json!({ "label": "Another", "metadata": full });
    admin.patch(&format!("{FIELDS}/{}", ids[1]), &label).await.expect(200);
}
