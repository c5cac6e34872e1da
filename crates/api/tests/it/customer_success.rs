//! Customer success: reading and changing the whole client over HTTP.

mod dry_run;
mod rules;

use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use clientbook_testkit::{ACME, Answer, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};

fn client(id: &str) -> String {
    format!("/client/{id}")
}

fn full() -> Value {
    json!({
        "custom": { "plan": "gold" },
        "name": "Jane Doe",
        "siteUrl": "https://jane.example",
        "logoUrl": "https://jane.example/logo.svg",
        "status": "TRIAL",
        "active": true,
        "inceptionDate": "2024-02-29",
        "terminatedDate": "2026-12-31",
        "street": "1 Main Street",
        "city": "Springfield",
        "state": "Illinois",
        "country": "United States",
        "zip": "62701",
        "region": { "id": -7, "name": "Midwest" },
        "timezone": "America/Chicago",
        "externalId": "ext-1",
        "salesforceAccountId": "001xx000003DGb2AAG",
        "zendeskId": "z1",
        "freshdeskId": "f1",
        "usageId": "u1",
        "stripeId": "cus_1",
        "externalStatusId": "s1",
        "npsScore": -5,
        "note": "Plain\ntext",
        "createdByEmployeeId": 1,
        "modifiedByEmployeeId": 2,
        "managedByEmployeeId": 3,
        "assignedSalesRepId": 4,
        "assignedSalesRep": "Joe Roe",
        "clientTypeId": 2,
        "successCycleId": 5,
        "primaryContactId": 6,
        "parentClientId": 457,
        "accTeamingRoles": [{ "employeeId": 8, "role": "CSM" }, { "employeeId": -9, "role": "AE" }],
    })
}

/// The errors of a problem as `pointer`s, in the order told.
#[track_caller]
fn pointers(answer: &Answer, status: u16, path: &str) -> Vec<String> {
    let answer = answer.clone().expect(status);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let body = answer.json();
    assert_eq!((&body["status"], &body["instance"]), (&json!(status), &json!(path)), "{body}");
    let errors = body["errors"].as_array().expect("errors");
    let told = errors.iter().map(|error| {
        let detail = error["detail"].as_str().expect("a detail");
        assert!(!detail.is_empty() && error.as_object().is_some_and(|error| error.len() == 2));
        error["pointer"].as_str().expect("a pointer").to_owned()
    });
    told.collect()
}

#[tokio::test]
async fn an_unset_property_reads_null() {
    let app = TestApp::start().await;
    let viewer = app.role("tenant123", "viewer").await;
    let read = viewer.get(&client(GLOBEX)).await.expect(200);
    assert_eq!(
        read.text,
        concat!(
            r#"{"id":457,"uuid":"aa7cf840-9ca9-46a3-9778-9015d6580d51","#,
            r#""tenantId":"b2c3d4e5-f6a7-8901-bcde-f12345678901","#,
            r#""createdTime":"2025-06-01T00:00:00.000Z","modifiedTime":"2025-06-01T00:00:00.000Z","#,
            r#""custom":{},"name":"Globex Corporation","siteUrl":null,"logoUrl":null,"#,
            r#""status":"ACTIVE","active":true,"inceptionDate":null,"terminatedDate":null,"#,
            r#""street":null,"city":null,"state":null,"country":null,"zip":null,"region":null,"#,
            r#""timezone":null,"externalId":null,"salesforceAccountId":null,"zendeskId":null,"#,
            r#""freshdeskId":null,"usageId":null,"stripeId":null,"externalStatusId":null,"#,
            r#""npsScore":null,"note":null,"createdByEmployeeId":null,"#,
            r#""modifiedByEmployeeId":null,"managedByEmployeeId":null,"assignedSalesRepId":null,"#,
            r#""assignedSalesRep":null,"clientTypeId":null,"clientTypeTitle":null,"#,
            r#""successCycleId":null,"primaryContactId":null,"parentClientId":null,"#,
            r#""accTeamingRoles":null}"#
        )
    );
    assert_eq!(read.header("content-type"), "application/json");
}

#[tokio::test]
async fn every_property_is_set_and_shown_in_order() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let changed = admin.patch(&client(ACME), &full()).await.expect(200);
    assert_eq!(
        changed.text,
        concat!(
            r#"{"id":456,"uuid":"aa7cf840-9ca9-46a3-9778-9015d6580d50","#,
            r#""tenantId":"b2c3d4e5-f6a7-8901-bcde-f12345678901","#,
            r#""createdTime":"2025-06-01T00:00:00.000Z","modifiedTime":"2026-03-10T14:30:00.000Z","#,
            r#""custom":{"plan":"gold"},"name":"Jane Doe","siteUrl":"https://jane.example","#,
            r#""logoUrl":"https://jane.example/logo.svg","status":"TRIAL","active":true,"#,
            r#""inceptionDate":"2024-02-29","terminatedDate":"2026-12-31","#,
            r#""street":"1 Main Street","city":"Springfield","state":"Illinois","#,
            r#""country":"United States","zip":"62701","region":{"id":-7,"name":"Midwest"},"#,
            r#""timezone":"America/Chicago","externalId":"ext-1","#,
            r#""salesforceAccountId":"001xx000003DGb2AAG","zendeskId":"z1","freshdeskId":"f1","#,
            r#""usageId":"u1","stripeId":"cus_1","externalStatusId":"s1","npsScore":-5,"#,
            r#""note":"Plain\ntext","createdByEmployeeId":1,"modifiedByEmployeeId":2,"#,
            r#""managedByEmployeeId":3,"assignedSalesRepId":4,"assignedSalesRep":"Joe Roe","#,
            r#""clientTypeId":2,"clientTypeTitle":"Mid-market","successCycleId":5,"#,
            r#""primaryContactId":6,"parentClientId":457,"accTeamingRoles":["#,
            r#"{"employeeId":8,"role":"CSM"},{"employeeId":-9,"role":"AE"}],"#,
            r#""parentClient":{"id":457,"uuid":"aa7cf840-9ca9-46a3-9778-9015d6580d51","#,
            r#""name":"Globex Corporation"},"clientType":{"id":2,"title":"Mid-market"}}"#
        )
    );
    for path in [client(ACME), format!("/v2/client/{ACME}")] {
        assert_eq!(admin.get(&path).await.expect(200).text, changed.text, "{path}");
    }
}

#[tokio::test]
async fn only_what_is_sent_changes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut expected = admin.patch(&client(ACME), &full()).await.expect(200).json();
    for (property, value) in full().as_object().expect("an object") {
        if ["name", "status", "active", "custom"].contains(&property.as_str()) {
            continue;
        }
        expected[property] = Value::Null;
        match property.as_str() {
            "clientTypeId" => {
                expected["clientTypeTitle"] = Value::Null;
                expected.as_object_mut().expect("an object").remove("clientType");
            }
            "parentClientId" => {
                expected.as_object_mut().expect("an object").remove("parentClient");
            }
            _ => {}
        }
        let body = json!({ property: null });
        let cleared = admin.patch(&client(ACME), &body).await.expect(200).json();
        assert_eq!(cleared, expected, "{property}, which was {value}");
    }
    let nothing = admin.patch(&client(ACME), &json!({})).await.expect(200).json();
    assert_eq!(nothing, expected);
}

#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.patch(&client(ACME), &full()).await.expect(200);
    app.advance(60_000);
    for id in [ACME, GLOBEX] {
        let read = admin.get(&client(id)).await.expect(200);
        let mut body = read.json();
        let answer = admin.patch(&client(id), &body).await.expect(200);
        assert_eq!((&answer.text, answer.header("etag")), (&read.text, read.header("etag")));
        // What the server keeps or derives is ignored, whatever a caller believes.
        for kept in ["createdTime", "modifiedTime", "parentClient", "clientType"] {
            body[kept] = json!("1999");
        }
        body["uuid"] = json!(id.to_ascii_uppercase());
        assert_eq!(admin.patch(&client(id), &body).await.expect(200).text, read.text);
        body["id"] = json!(1);
        body["uuid"] = json!(INITECH);
        body["tenantId"] = Value::Null;
        let mut told = pointers(&admin.patch(&client(id), &body).await, 400, &client(id));
        told.sort();
        assert_eq!(told, ["/id", "/tenantId", "/uuid"]);
    }
}

#[tokio::test]
async fn an_empty_string_clears_an_optional_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.patch(&client(ACME), &full()).await.expect(200);
    let mut body = full();
    let strings = body.as_object_mut().expect("an object");
    strings.retain(|name, value| value.is_string() && !["name", "status"].contains(&name.as_str()));
    strings.insert("clientTypeTitle".into(), Value::Null);
    for value in strings.values_mut() {
        *value = json!("");
    }
    assert_eq!(strings.len(), 20);
    let changed = admin.patch(&client(ACME), &body).await.expect(200).json();
    for name in body.as_object().expect("an object").keys() {
        assert_eq!(changed[name], Value::Null, "{name}");
    }
    assert_eq!(changed["clientTypeId"], Value::Null);
    // An object and a number have no empty form but null.
    for name in ["region", "npsScore", "accTeamingRoles", "clientTypeId", "custom"] {
        let answer = admin.patch(&client(ACME), &json!({ name: "" })).await;
        assert_eq!(pointers(&answer, 400, &client(ACME)), [format!("/{name}")]);
    }
}

#[tokio::test]
async fn a_token_comes_in_three_ways_on_both_paths() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let token = admin.token();
    let anon = app.anon();
    for path in [client(ACME), format!("/v2/client/{ACME}")] {
        let expected = admin.get(&path).await.expect(200).text;
        let headers = [
            ("authorization", format!("Bearer {token}")),
            ("authorization", format!("bearer {token}")),
            ("authorization", token.to_owned()),
            ("x-api-key", token.to_owned()),
        ];
        for (name, value) in headers {
            let read = anon.request(Method::GET, &path).header(name, &value);
            assert_eq!(anon.send(read).await.expect(200).text, expected, "{name}");
            let change = anon.request(Method::PATCH, &path).json(&json!({ "npsScore": null }));
            assert_eq!(anon.send(change.header(name, value)).await.expect(200).text, expected);
        }
        for (name, value) in [
            ("authorization", "cb_wrong".to_owned()),
            ("authorization", format!("Basic {token}")),
            ("authorization", String::new()),
            ("x-api-key", "cb_wrong".to_owned()),
            ("x-api-key", format!("Bearer {token}")),
        ] {
            let answer = anon.send(anon.request(Method::GET, &path).header(name, &value)).await;
            let answer = answer.expect(401);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{name} {value}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
        // `Authorization` is what counts where both are sent.
        let both = anon.request(Method::GET, &path).header("x-api-key", token);
        anon.send(both.header(AUTHORIZATION, "Bearer cb_wrong")).await.expect(401);
        anon.get(&path).await.expect(401);
    }
    // The other surfaces know the published header only.
    for (name, path) in [
        (AUTHORIZATION.as_str(), format!("/v2/clients/{ACME}")),
        ("x-api-key", format!("/v2/clients/{ACME}")),
        ("x-api-key", "/v1/workspace/tenant123/clients/507f1f77bcf86cd799439011".to_owned()),
    ] {
        anon.send(anon.request(Method::GET, &path).header(name, token)).await.expect(401);
    }
}

#[tokio::test]
async fn who_may_read_and_change() {
    let app = TestApp::start().await;
    let body = json!({ "npsScore": 7 });
    let viewer = app.role("tenant123", "viewer").await;
    let answer = viewer.patch(&client(ACME), &body).await.expect(403);
    let problem = answer.json();
    assert_eq!(
        answer.text,
        format!(
            r#"{{"type":"about:blank","title":"Forbidden","status":403,"detail":{},"instance":"/client/{ACME}"}}"#,
            problem["detail"]
        )
    );
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("clients.update")));
    let admin = app.admin().await;
    let nobodys = "aa7cf840-9ca9-46a3-9778-000000000000";
    for (id, other) in [(INITECH, nobodys), ("456", "nonsense")] {
        for (one, two) in [
            (admin.get(&client(id)).await, admin.get(&client(other)).await),
            (admin.patch(&client(id), &body).await, admin.patch(&client(other), &body).await),
        ] {
            assert_eq!(one.expect(404).text.replace(id, other), two.expect(404).text);
        }
    }
    let untouched = admin.get(&client(ACME)).await.expect(200).json();
    assert_eq!(untouched["npsScore"], Value::Null);
    for actor in [app.role("tenant123", "member").await, app.operator()] {
        let path = client(&ACME.to_ascii_uppercase());
        assert_eq!(actor.patch(&path, &body).await.expect(200).json()["npsScore"], 7);
    }
}

#[tokio::test]
async fn a_problem_names_every_bad_property() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = admin.get(&client(ACME)).await.expect(200).text;
    let body = json!({
        "custom": { "a/b": 7, "": "x", "fine": "y" },
        "name": null,
        "site_url": "https://example.com",
        "status": "active",
        "active": "true",
        "inceptionDate": "2023-02-29",
        "city": "c".repeat(101),
        "region": { "id": "1", "nmae": "x" },
        "timezone": "Europe/Berln",
        "npsScore": 101,
        "clientTypeTitle": "Enterprize",
        "parentClientId": 999,
        "accTeamingRoles": [{ "employeeId": 1, "role": "" }, 7],
        "note": "still fine",
    });
    for path in [client(ACME), format!("/v2/client/{ACME}")] {
        let answer = admin.patch(&path, &body).await;
        let mut told = pointers(&answer, 400, &path);
        told.sort();
        assert_eq!(
            told,
            [
                "/accTeamingRoles/0/role",
                "/accTeamingRoles/1",
                "/active",
                "/city",
                "/clientTypeTitle",
                "/custom/",
                "/custom/a~1b",
                "/inceptionDate",
                "/name",
                "/npsScore",
                "/parentClientId",
                "/region/id",
                "/region/name",
                "/region/nmae",
                "/site_url",
                "/status",
                "/timezone",
            ]
        );
        let problem = answer.json();
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["title"], "Bad Request");
    }
    assert_eq!(admin.get(&client(ACME)).await.expect(200).text, before);
}

#[tokio::test]
async fn name_status_and_active_may_be_left_out_but_not_emptied() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.patch(&client(ACME), &json!({ "note": "x" })).await.expect(200);
    for name in ["name", "status", "active"] {
        for value in [Value::Null, json!(""), json!(" "), json!(0), json!([])] {
            let answer = admin.patch(&client(ACME), &json!({ name: value })).await;
            assert_eq!(pointers(&answer, 400, &client(ACME)), [format!("/{name}")], "{value}");
        }
    }
    let trimmed = admin.patch(&client(ACME), &json!({ "name": " Acme \n" })).await.expect(200);
    assert_eq!(trimmed.json()["name"], "Acme");
}

#[tokio::test]
async fn a_body_that_is_no_object_is_a_bad_request() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for body in ["", "{", "[]", "null", "\"x\""] {
        let request = admin.request(Method::PATCH, &client(ACME));
        let request = request.header("content-type", "application/merge-patch+json").body(body);
        let problem = admin.send(request).await.expect(400).json();
        assert_eq!(problem["title"], "Bad Request", "{body}");
        assert_eq!(problem.get("errors"), None, "{body}");
    }
}
