//! `POST /v2/clients/{id}/merge`: two records of one client become one.

mod outside_ids;
mod trail;

use axum::http::Method;
use clientbook_testkit::{ACME, ACME_OBJECT, Actor, Answer, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};

const TENANTS: &str = "/clients/v1/tenants/tenant123/clients";
const WORKSPACE: &str = "/v1/workspace/tenant123/clients";
const GLOBEX_OBJECT: &str = "507f1f77bcf86cd799439012";

async fn merge(actor: &Actor, winner: &str, body: &Value) -> Answer {
    actor.post(&format!("/v2/clients/{winner}/merge"), body).await
}

/// Every address of a client by its three names.
fn addresses(id: &str, number: i64, object_id: &str) -> [String; 5] {
    [
        format!("/v2/clients/{id}"),
        format!("{TENANTS}/{number}"),
        format!("{WORKSPACE}/{object_id}"),
        format!("/client/{id}"),
        format!("/v2/client/{id}"),
    ]
}

/// What each surface shows of a client, tag and body.
async fn shown(actor: &Actor, id: &str, number: i64, object_id: &str) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    for path in addresses(id, number, object_id) {
        let read = actor.get(&path).await.expect(200);
        shown.push((read.header("etag").to_owned(), read.text));
    }
    shown
}

/// Two records with something of everything.
async fn prepared() -> (TestApp, Actor) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.advance(1_000);
    let acme = json!({
        "note": "the first", "city": "Bern", "externalId": "crm-1", "npsScore": 7,
        "custom": { "plan": "gold", "notes": "of Acme" },
    });
    admin.patch(&format!("/client/{ACME}"), &acme).await.expect(200);
    let tags = json!({ "tags": ["north", "vip"], "owner_id": "o-1" });
    admin.patch(&format!("{TENANTS}/456"), &tags).await.expect(200);
    let method = |kind: &str, value: &str, preferred: bool| json!({ "type": kind, "value": value, "isPreferred": preferred });
    let methods = json!([method("email", "jane@acme.example", true), method("other", "x", false)]);
    let body = json!({ "contactMethods": methods });
    admin.patch(&format!("{WORKSPACE}/{ACME_OBJECT}"), &body).await.expect(200);
    let globex = json!({
        "note": "the second", "street": "Main Street 1", "externalId": "crm-2",
        "custom": { "notes": "of Globex", "size": "large" },
    });
    admin.patch(&format!("/client/{GLOBEX}"), &globex).await.expect(200);
    let tags = json!({ "tags": ["vip", "south"], "email": "office@globex.example" });
    admin.patch(&format!("{TENANTS}/457"), &tags).await.expect(200);
    let methods = json!([method("other", "x", false), method("fax", "1234", true)]);
    let body = json!({ "contactMethods": methods });
    admin.patch(&format!("{WORKSPACE}/{GLOBEX_OBJECT}"), &body).await.expect(200);
    (app, admin)
}

#[tokio::test]
async fn the_loser_is_found_no_more_and_its_names_lead_to_the_winner() {
    let (app, admin) = prepared().await;
    let rows = || app.database().rows("SELECT * FROM clients ORDER BY id");
    let before = (rows(), shown(&admin, GLOBEX, 457, GLOBEX_OBJECT).await);
    let dry =
        merge(&admin, ACME, &json!({ "loser_id": GLOBEX, "dry_run": true })).await.expect(200);
    assert_eq!(dry.header("etag"), "");
    assert_eq!((rows(), shown(&admin, GLOBEX, 457, GLOBEX_OBJECT).await), before);
    app.advance(1_000);
    let done = merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    assert_eq!(done.json()["fields"], dry.json()["fields"], "a dry run tells what will be");
    let from = |field: &str| {
        let fields = done.json()["fields"].clone();
        let found = fields.as_array().expect("a list").iter().find(|one| one["field"] == field);
        found.unwrap_or_else(|| panic!("{field} in {fields}"))["from"].clone()
    };
    for (field, source) in [
        ("name", "winner"),
        ("note", "winner"),
        ("external_id", "winner"),
        ("custom.notes", "winner"),
        ("email", "loser"),
        ("street", "loser"),
        ("custom.size", "loser"),
        ("tags", "both"),
        ("contact_methods", "both"),
    ] {
        assert_eq!(from(field), source, "{field}");
    }
    let winner = shown(&admin, ACME, 456, ACME_OBJECT).await;
    assert_eq!(shown(&admin, GLOBEX, 457, GLOBEX_OBJECT).await, winner);
    assert_eq!(winner[0].0.split('-').next(), done.header("etag").split('-').next());
    let success = admin.get(&format!("/client/{GLOBEX}")).await.expect(200).json();
    assert_eq!((&success["uuid"], &success["id"]), (&json!(ACME), &json!(456)));
    assert_eq!(success["custom"], json!({ "notes": "of Acme", "plan": "gold", "size": "large" }));
    assert_eq!((&success["street"], &success["city"]), (&json!("Main Street 1"), &json!("Bern")));
    let tenants = admin.get(&format!("{TENANTS}/457")).await.expect(200).json();
    assert_eq!(tenants["tags"], json!(["north", "vip", "south"]));
    let methods = admin.get(&format!("{WORKSPACE}/{GLOBEX_OBJECT}")).await.expect(200).json();
    let methods = methods["client"]["contactMethods"].clone();
    assert_eq!(methods.as_array().map(Vec::len), Some(3));
    assert_eq!(methods[2], json!({ "type": "fax", "value": "1234", "isPreferred": false }));
    // Both outside ids find the one that is left.
    for id in ["crm-1", "crm-2"] {
        let found = admin.get(&format!("/client/search?externalId={id}")).await.expect(200).json();
        assert_eq!(found["data"][0]["uuid"], ACME, "{id}: {found}");
        assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{id}");
    }
    let taken = json!({ "externalId": "crm-2", "name": "x", "status": "ACTIVE", "active": true });
    admin.post("/client", &taken).await.expect(409);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn no_list_shows_or_counts_the_loser() {
    let (_app, admin) = prepared().await;
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    for query in [
        "",
        "?sort_by=created_at",
        "?sort_by=updated_at&sort_order=desc",
        "?status=active",
        "?q=o",
        "?q=globex",
        "?collection_mode=saas_usage&sort_by=updated_at",
    ] {
        let page = admin.get(&format!("/v2/clients{query}")).await.expect(200).json();
        let ids: Vec<_> =
            page["data"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
        assert!(ids.iter().all(|id| **id == ACME), "{query}: {page}");
        assert_eq!(page["total_count"], ids.len(), "{query}");
    }
    for query in ["", "?active=true", "?status=Active", "?name=e", "?tags=south"] {
        let page = admin.get(&format!("{TENANTS}{query}")).await.expect(200).json();
        assert_eq!(page["pagination"]["total"], 1, "{query}: {page}");
        assert_eq!(page["clients"][0]["id"], 456, "{query}");
    }
    let page = admin.get(WORKSPACE).await.expect(200).json();
    assert_eq!(page["clients"].as_array().map(Vec::len), Some(1));
    let all = json!({ "filter": {}, "all": true, "patch": { "tags": [] }, "dry_run": true });
    assert_eq!(admin.post("/v2/clients/bulk", &all).await.expect(200).json()["matched"], 1);
}

#[tokio::test]
async fn changes_by_the_losers_names_are_the_winners() {
    let (app, admin) = prepared().await;
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    let note = json!({ "note": "later" });
    let changed = admin.patch(&format!("/client/{GLOBEX}"), &note).await.expect(200).json();
    assert_eq!((&changed["uuid"], &changed["note"]), (&json!(ACME), &json!("later")));
    admin.patch_empty(&format!("{TENANTS}/457/deactivate")).await.expect(200);
    assert_eq!(admin.get(&format!("{TENANTS}/456")).await.expect(200).json()["active"], false);
    let bulk = json!({ "ids": [GLOBEX], "patch": { "status": "trial" } });
    admin.post("/v2/clients/bulk", &bulk).await.expect(200);
    assert_eq!(admin.get(&format!("{TENANTS}/456")).await.expect(200).json()["status"], "Trial");
    // A parent by the number of what was given up is what is left.
    let child = json!({ "name": "x", "status": "ACTIVE", "active": true, "parentClientId": 457 });
    let child = admin.post("/client", &child).await.expect(201).json();
    assert_eq!(child["parentClientId"], 456, "{child}");
    let circle = json!({ "parentClientId": 457 });
    admin.patch(&format!("/client/{ACME}"), &circle).await.expect(400);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn fields_can_be_taken_from_the_loser() {
    let (app, admin) = prepared().await;
    let take = ["name", "note", "external_id", "custom.notes", "tags", "contact_methods"];
    let done = merge(&admin, ACME, &json!({ "loser_id": GLOBEX, "take": take })).await.expect(200);
    for field in done.json()["fields"].as_array().expect("a list") {
        let name = field["field"].as_str().expect("a name");
        if take.contains(&name) {
            assert_eq!(field["from"], "loser", "{field}");
        }
    }
    let success = admin.get(&format!("/client/{ACME}")).await.expect(200).json();
    assert_eq!((&success["externalId"], &success["note"]), (&json!("crm-2"), &json!("the second")));
    // The outside id that had to give way still leads here.
    let found = admin.get("/client/search?externalId=crm-1").await.expect(200).json();
    assert_eq!(found["data"][0]["uuid"], ACME, "{found}");
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_cannot_be_joined_is_refused() {
    let (app, admin) = prepared().await;
    let entries = || app.database().rows("SELECT count(*) FROM audit_entries");
    let before = entries();
    for (body, path, rule) in [
        (json!({}), "/loser_id", "required"),
        (json!({ "loser_id": "x" }), "/loser_id", "uuid"),
        (json!({ "loser_id": ACME }), "/loser_id", "same"),
        (json!({ "loser_id": INITECH }), "/loser_id", "exists"),
        (json!({ "loser_id": "019abc4d-3f70-7c1e-9d2b-6a5f4e3d2c1b" }), "/loser_id", "exists"),
        (json!({ "loser_id": GLOBEX, "take": ["status"] }), "/take/0", "enum"),
        (json!({ "loser_id": GLOBEX, "take": ["name", "city"] }), "/take/1", "enum"),
        (json!({ "loser_id": GLOBEX, "winner": "me" }), "/winner", "unknown_field"),
    ] {
        let refused = merge(&admin, ACME, &body).await.expect(400).json();
        let field = refused["error"]["details"]["fields"][0].clone();
        assert_eq!((&field["path"], &field["rule"]), (&json!(path), &json!(rule)), "{refused}");
    }
    merge(&admin, INITECH, &json!({ "loser_id": ACME })).await.expect(404);
    // An operator cannot join what two tenants own.
    merge(&app.operator(), ACME, &json!({ "loser_id": INITECH })).await.expect(400);
    let body = json!({ "loser_id": GLOBEX });
    let stale = admin.request(Method::POST, &format!("/v2/clients/{ACME}/merge")).json(&body);
    admin.send(stale.header("if-match", "\"1-x\"")).await.expect(412);
    assert_eq!(entries(), before);
    merge(&admin, ACME, &body).await.expect(200);
    for winner in [ACME, GLOBEX] {
        for loser in [ACME, GLOBEX] {
            let again = merge(&admin, winner, &json!({ "loser_id": loser })).await.expect(400);
            assert_eq!(again.json()["error"]["details"]["fields"][0]["rule"], "same");
        }
    }
    let gone = json!({ "collection_mode": "deleted" });
    admin.patch(&format!("/v2/clients/{ACME}"), &gone).await.expect(200);
    let other = admin.post("/v2/clients", &json!({ "name": "x" })).await.expect(201).json();
    merge(&admin, ACME, &json!({ "loser_id": other["id"] })).await.expect(409);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn it_takes_both_permissions_on_both_clients() {
    let (app, _) = prepared().await;
    let body = json!({ "loser_id": GLOBEX, "dry_run": true });
    for permissions in [["clients.update", "clients.view"], ["clients.delete", "clients.view"]] {
        let half = app.grant(&json!({ "tenant": "tenant123", "permissions": permissions })).await;
        merge(&half, ACME, &body).await.expect(403);
    }
    for clients in [vec![ACME], vec![GLOBEX], vec![ACME, GLOBEX]] {
        let grant = json!({ "tenant": "tenant123", "role": "member", "client_ids": clients });
        let status = if clients.len() == 2 { 200 } else { 403 };
        merge(&app.grant(&grant).await, ACME, &body).await.expect(status);
    }
    let other = app.role("tenant999", "admin").await;
    merge(&other, ACME, &body).await.expect(404);
}

#[tokio::test]
async fn another_state_takes_what_changing_it_takes() {
    let (app, admin) = prepared().await;
    let body = json!({ "loser_id": GLOBEX, "dry_run": true });
    let member = app.role("tenant123", "member").await;
    let lacks = |refused: Answer| refused.json()["error"]["details"]["permission"].clone();
    merge(&member, ACME, &body).await.expect(200);
    admin.patch_empty(&format!("{TENANTS}/457/deactivate")).await.expect(200);
    assert_eq!(lacks(merge(&member, ACME, &body).await.expect(403)), "clients.status");
    admin.patch_empty(&format!("{TENANTS}/457/activate")).await.expect(200);
    let mode = |mode: &str| json!({ "collection_mode": mode });
    let globex = format!("/v2/clients/{GLOBEX}");
    admin.patch(&globex, &mode("disabled")).await.expect(200);
    assert_eq!(lacks(merge(&member, ACME, &body).await.expect(403)), "collection.update");
    merge(&admin, ACME, &body).await.expect(200);
    // Nothing leaves `deleted`, the names of a client neither.
    admin.patch(&globex, &mode("deleted")).await.expect(200);
    let refused = merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(400).json();
    assert_eq!(refused["error"]["code"], "invalid_transition", "{refused}");
    assert_eq!(admin.get(&globex).await.expect(200).json()["collection_mode"], "deleted");
}

#[tokio::test]
async fn nobody_moves_a_client_that_is_out_of_reach() {
    let (app, admin) = prepared().await;
    let child = json!({ "name": "x", "status": "ACTIVE", "active": true, "parentClientId": 457 });
    let child = admin.post("/client", &child).await.expect(201).json();
    let bound = async |clients: Value| {
        app.grant(&json!({ "tenant": "tenant123", "role": "admin", "client_ids": clients })).await
    };
    let body = json!({ "loser_id": GLOBEX });
    merge(&bound(json!([ACME, GLOBEX])).await, ACME, &body).await.expect(403);
    let path = format!("/client/{}", child["uuid"].as_str().expect("an id"));
    assert_eq!(admin.get(&path).await.expect(200).json()["parentClientId"], 457);
    merge(&bound(json!([ACME, GLOBEX, child["uuid"]])).await, ACME, &body).await.expect(200);
    assert_eq!(admin.get(&path).await.expect(200).json()["parentClientId"], 456);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_is_archived_stays_hidden() {
    let (_app, admin) = prepared().await;
    let fields = format!("{WORKSPACE}/fields");
    let notes = json!({ "label": "Notes", "type": "text" });
    let notes = admin.post(&fields, &notes).await.expect(201).json();
    let id = notes["field"]["id"].as_str().expect("an id").to_owned();
    admin.post(&format!("{fields}/{id}/archive"), &json!({})).await.expect(200);
    let body = json!({ "loser_id": GLOBEX, "take": ["custom.notes"] });
    let refused = merge(&admin, ACME, &body).await.expect(400);
    assert!(refused.text.contains("/take/0"), "{}", refused.text);
    assert!(!refused.text.contains(", custom.notes"), "{}", refused.text);
    let done = merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    assert!(done.text.contains("custom.size") && !done.text.contains("custom.notes"));
    admin.post(&format!("{fields}/{id}/restore"), &json!({})).await.expect(200);
    let success = admin.get(&format!("/client/{ACME}")).await.expect(200).json();
    assert_eq!(success["custom"]["notes"], "of Acme");
}

#[tokio::test]
async fn the_losers_outside_id_can_be_sent_as_before() {
    let (app, admin) = prepared().await;
    let first = json!({ "name": "x", "status": "ACTIVE", "active": true, "externalId": "crm-0" });
    let first = admin.post("/client", &first).await.expect(201).json();
    merge(&admin, GLOBEX, &json!({ "loser_id": first["uuid"] })).await.expect(200);
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    for id in ["crm-0", "crm-2"] {
        let sent = json!({ "externalId": id, "note": id });
        let changed = admin.patch(&format!("/client/{GLOBEX}"), &sent).await.expect(200).json();
        assert_eq!((&changed["uuid"], &changed["externalId"]), (&json!(ACME), &json!("crm-1")));
        assert_eq!(changed["note"], id);
    }
    let other = admin.post("/v2/clients", &json!({ "name": "x" })).await.expect(201).json();
    let other = format!("/client/{}", other["id"].as_str().expect("an id"));
    admin.patch(&other, &json!({ "externalId": "crm-2" })).await.expect(409);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn tokens_of_the_loser_are_the_winners() {
    let (app, admin) = prepared().await;
    let grant = json!({ "tenant": "tenant123", "role": "admin", "client_ids": [GLOBEX] });
    let bound = app.grant(&grant).await;
    bound.get(&format!("{TENANTS}/456")).await.expect(403);
    let path = format!("/v2/clients/{GLOBEX}/enrollment-tokens");
    admin.post(&path, &json!({})).await.expect(201);
    let active = "SELECT count(*) FROM enrollment_tokens WHERE revoked_at IS NULL";
    let before: i64 = app.database().rows(active)[0][0].parse().expect("a number");
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    let after: i64 = app.database().rows(active)[0][0].parse().expect("a number");
    assert_eq!(after, before - 1, "the loser's enrolment token lets nobody in any more");
    for path in addresses(GLOBEX, 457, GLOBEX_OBJECT) {
        bound.get(&path).await.expect(200);
    }
    for path in addresses(ACME, 456, ACME_OBJECT) {
        bound.get(&path).await.expect(200);
    }
    assert_eq!(bound.get("/v2/clients").await.expect(200).json()["total_count"], 1);
    // Suspended with the winner.
    admin.patch_empty(&format!("{TENANTS}/456/deactivate")).await.expect(200);
    bound.get(&format!("{TENANTS}/456")).await.expect(401);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn who_stood_below_the_loser_stands_below_the_winner() {
    let (app, admin) = prepared().await;
    let make = async |name: &str, parent: Option<i64>| {
        let mut body = json!({ "name": name, "status": "ACTIVE", "active": true });
        body["parentClientId"] = json!(parent);
        let made = admin.post("/client", &body).await.expect(201).json();
        (made["uuid"].as_str().expect("an id").to_owned(), made["id"].as_i64().expect("a number"))
    };
    let parent =
        async |id: &str| admin.get(&format!("/client/{id}")).await.json()["parentClientId"].clone();
    let (top, top_number) = make("Top", None).await;
    let (middle, middle_number) = make("Middle", Some(top_number)).await;
    let (below, below_number) = make("Below", Some(middle_number)).await;
    let (bottom, _) = make("Bottom", Some(below_number)).await;
    // The grandchild takes its grandparent's place.
    merge(&admin, &bottom, &json!({ "loser_id": middle })).await.expect(200);
    let bottom_number = admin.get(&format!("/client/{bottom}")).await.json()["id"].clone();
    assert_eq!((parent(&bottom).await, parent(&below).await), (json!(top_number), bottom_number));
    // The parent swallows its child, and what is below it.
    merge(&admin, &top, &json!({ "loser_id": bottom })).await.expect(200);
    assert_eq!((parent(&top).await, parent(&below).await), (Value::Null, json!(top_number)));
    // Names lead on over more than one step.
    let by_first = admin.get(&format!("/client/{middle}")).await.expect(200).json();
    assert_eq!(by_first["uuid"], json!(top));
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_repeat_with_its_key_joins_nothing_more() {
    let (app, admin) = prepared().await;
    let path = format!("/v2/clients/{ACME}/merge");
    let send = async || {
        let request = admin.request(Method::POST, &path).json(&json!({ "loser_id": GLOBEX }));
        admin.send(request.header("idempotency-key", "k")).await
    };
    let first = send().await.expect(200);
    let again = send().await.expect(200);
    assert_eq!((&again.text, again.header("etag")), (&first.text, first.header("etag")));
    app.assert_audit_intact().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_swallow_each_other_leave_one() {
    let (app, admin) = prepared().await;
    // Both could be given up: neither has devices.
    let rival = json!({ "name": "Globex Ltd", "tenant": "tenant123" });
    let rival = admin.post("/v2/clients", &rival).await.expect(201).json();
    let rival = rival["id"].as_str().expect("an id").to_owned();
    let (other, id) = (admin.clone(), rival.clone());
    let one = tokio::spawn(async move { merge(&other, GLOBEX, &json!({ "loser_id": id })).await });
    let two = merge(&admin, &rival, &json!({ "loser_id": GLOBEX })).await;
    let one = one.await.expect("an answer");
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{one:?} {two:?}");
    assert_eq!(admin.get("/v2/clients").await.expect(200).json()["total_count"], 2);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn a_value_that_must_be_unique_goes_with_the_name() {
    let (app, admin) = prepared().await;
    let fields = format!("{WORKSPACE}/fields");
    let size = json!({ "label": "Size", "type": "text", "isUnique": true });
    admin.post(&fields, &size).await.expect(201);
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    let seen = admin.get(&format!("/client/{ACME}")).await.expect(200).json();
    assert_eq!(seen["custom"]["size"], "large");
    // What the loser had is no other client's value.
    let notes = json!({ "label": "Notes", "type": "text", "isUnique": true });
    admin.post(&fields, &notes).await.expect(201);
    let other = json!({ "name": "Other", "status": "ACTIVE", "active": true });
    let other = admin.post("/client", &other).await.expect(201).json();
    let path = format!("/client/{}", other["uuid"].as_str().expect("an id"));
    admin.patch(&path, &json!({ "custom": { "size": "large" } })).await.expect(409);
    admin.patch(&path, &json!({ "custom": { "notes": "of Globex" } })).await.expect(200);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_was_joined_to_a_client_is_erased_with_it() {
    let (app, admin) = prepared().await;
    let first = json!({ "name": "Zebediah Quark", "tenant": "tenant123" });
    let first = admin.post("/v2/clients", &first).await.expect(201).json();
    let first = first["id"].as_str().expect("an id");
    merge(&admin, GLOBEX, &json!({ "loser_id": first })).await.expect(200);
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    let winner = format!("/v2/clients/{ACME}");
    admin.patch(&winner, &json!({ "collection_mode": "deleted" })).await.expect(200);
    // By the name of the one that was given up first, too.
    admin.delete(&format!("/v2/clients/{first}")).await.expect(204);
    for id in [ACME, GLOBEX, first] {
        admin.get(&format!("/v2/clients/{id}")).await.expect(404);
    }
    assert_eq!(app.database().rows("SELECT 1 FROM clients WHERE name LIKE 'Zebediah%'").len(), 0);
    let rows = app.database().rows("SELECT contents FROM audit_entries");
    assert!(!rows.iter().any(|row| row[0].contains("Quark") || row[0].contains("of Globex")));
    app.assert_audit_intact().await;
}

/// Two merges in a row: every name of the first loser leads to the end, for an import too.
#[tokio::test]
async fn an_import_and_an_erasure_follow_more_than_one_step() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = json!({ "name": "First" });
    let first = import(&admin, &[first]).await[0].clone();
    assert_eq!(first["summary"]["created"], 1, "{first}");
    let old = app.database().rows("SELECT number FROM clients WHERE name = 'First'");
    let number: i64 = old[0][0].parse().expect("a number");
    let listed = admin.get("/v2/clients?q=First").await.expect(200).json();
    let id = listed["data"][0]["id"].as_str().expect("an id").to_owned();
    merge(&admin, GLOBEX, &json!({ "loser_id": id })).await.expect(200);
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    for (at, parent) in [json!(number), json!(id)].into_iter().enumerate() {
        let child = json!({ "name": format!("Child {at}"), "parent_client_id": parent });
        assert_eq!(import(&admin, &[child]).await[0]["summary"]["created"], 1);
    }
    let children =
        app.database().rows("SELECT parent_client_id FROM clients WHERE name LIKE 'Child%'");
    assert_eq!(children, [["456"], ["456"]]);
    // As a store may be that was imported into before imports followed the second step.
    let hidden = format!("UPDATE clients SET parent_client_id = {number} WHERE name = 'Child 0'");
    assert_eq!(app.database().change(&hidden), 1);
    let winner = format!("/v2/clients/{ACME}");
    admin.patch(&winner, &json!({ "collection_mode": "deleted" })).await.expect(200);
    admin.delete(&winner).await.expect(204);
    let left = "SELECT 1 FROM clients WHERE name LIKE 'Child%' AND parent_client_id IS NULL";
    assert_eq!(app.database().rows(left).len(), 2);
    app.assert_audit_intact().await;
}

/// What an import of these rows tells.
async fn import(actor: &Actor, rows: &[Value]) -> Vec<Value> {
    let request = actor
        .request(Method::POST, "/v2/clients/import")
        .header("content-type", "application/x-ndjson");
    let rows: Vec<_> = rows.iter().map(|row| format!("{row}\n")).collect();
    let told = actor.send(request.body(rows.concat())).await.expect(200);
    told.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
