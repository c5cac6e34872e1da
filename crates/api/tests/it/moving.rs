//! `/v2/clients/export` and `/v2/clients/import`.

use axum::body::{Body, Bytes};
use clientbook_testkit::{ACME, Actor, Answer, TestApp};
use futures_util::stream;
use serde_json::{Value, json};

const NDJSON: &str = "application/x-ndjson";

async fn import(by: &Actor, query: &str, media_type: &str, body: &str) -> Answer {
    let path = format!("/v2/clients/import{query}");
    let request = by.request(axum::http::Method::POST, &path).header("content-type", media_type);
    by.send(request.body(body.to_owned())).await
}

fn lines(answer: &Answer) -> Vec<Value> {
    answer.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn summary(answer: &Answer) -> Value {
    lines(answer).pop().expect("a line")["summary"].clone()
}

#[tokio::test]
async fn an_export_is_what_the_caller_may_see() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answer = admin.get("/v2/clients/export").await.expect(200);
    assert_eq!(answer.header("content-type"), NDJSON);
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"clients.ndjson\"");
    let rows = lines(&answer);
    assert_eq!(rows.len(), 2);
    assert_eq!([&rows[0]["id"], &rows[0]["number"]], [&json!(ACME), &json!(456)]);
    let csv = admin.get("/v2/clients/export?format=csv").await.expect(200);
    assert_eq!(csv.header("content-type"), "text/csv");
    assert!(csv.text.starts_with("id,number,object_id,name,"), "{}", csv.text);
    assert_eq!(csv.text.lines().count(), 3);
    let some = admin.get("/v2/clients/export?q=globex").await.expect(200);
    assert_eq!(lines(&some).len(), 1);
    let none = admin.get("/v2/clients/export?status=terminated").await.expect(200);
    assert_eq!(none.text, "");
    let bound = json!({
        "tenant": "tenant123", "permissions": ["clients.view"], "client_ids": [ACME],
    });
    let own = app.grant(&bound).await.get("/v2/clients/export").await.expect(200);
    assert_eq!(lines(&own).len(), 1);
    admin.get("/v2/clients/export?format=xml").await.expect(400);
    admin.get("/v2/clients/export?tenant=tenant999").await.expect(403);
    let operator = app.operator();
    operator.get("/v2/clients/export").await.expect(400);
    let rival = operator.get("/v2/clients/export?tenant=tenant999").await.expect(200);
    assert_eq!(lines(&rival).len(), 1);
}

#[tokio::test]
async fn an_import_tells_each_row_that_failed_and_then_the_sum() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = "{\"name\":\"One\",\"external_id\":\"1\"}\n{\"name\":\"\"}\nno JSON\n";
    let answer = import(&admin, "", NDJSON, body).await.expect(200);
    assert_eq!(answer.header("content-type"), NDJSON);
    let told = lines(&answer);
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(
        told[0],
        json!({
            "row": 2,
            "message": "name: must have at least 1 character",
            "fields": [{
                "path": "/name", "rule": "not_blank", "message": "must have at least 1 character",
            }],
        })
    );
    assert_eq!([&told[1]["row"], &told[1]["fields"][0]["rule"]], [&json!(3), &json!("json")]);
    let sum = json!({
        "rows": 3, "created": 1, "updated": 0, "unchanged": 0, "failed": 2, "waiting": 0,
    });
    assert_eq!(told[2]["summary"], sum);
    let csv = "\u{feff}external_id,note,name\r\n1,\"a, b\",One\r\n2,,Two\r\n";
    let answer = import(&admin, "?match=external_id", "text/csv; charset=utf-8", csv).await;
    let sum = summary(&answer.expect(200));
    assert_eq!([&sum["created"], &sum["updated"]], [1, 1], "{sum}");
    let dry = import(&admin, "?dry_run=true", NDJSON, "{\"name\":\"Dry\"}").await.expect(200);
    assert_eq!(summary(&dry)["created"], 1);
    let listed = admin.get("/v2/clients").await.expect(200).json();
    assert_eq!(listed["total_count"], 4);
    app.assert_audit_intact().await;
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_before_it_begins() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let row = "{\"name\":\"x\"}\n";
    for (query, media_type, body, status) in [
        ("", "application/json", row, 415),
        ("?match=name", NDJSON, row, 400),
        ("?import_id=7", NDJSON, row, 400),
        ("?tenant=tenant999", NDJSON, row, 403),
        ("", "text/csv", "name,colour\nx,red\n", 400),
        ("", "text/csv", "name,name\nx,y\n", 400),
        ("", "text/csv", "", 400),
    ] {
        import(&admin, query, media_type, body).await.expect(status);
    }
    let refused = import(&admin, "", "text/csv", "nmae\nx\n").await.expect(400).json();
    let field = &refused["error"]["details"]["fields"][0];
    assert_eq!(field["message"], "is no column of a client; did you mean name?");
    let bound = json!({ "tenant": "tenant123", "permissions": ["clients.create"], "org_id": "o" });
    import(&app.grant(&bound).await, "", NDJSON, row).await.expect(403);
    let packed = admin.request(axum::http::Method::POST, "/v2/clients/import");
    let packed = packed.header("content-encoding", "gzip");
    admin.send(packed.header("content-type", NDJSON).body(row)).await.expect(415);
    let viewer = app.role("tenant123", "viewer").await;
    import(&viewer, "", NDJSON, row).await.expect(403);
    import(&app.anon(), "", NDJSON, row).await.expect(401);
    assert_eq!(app.database().rows("SELECT count(*) FROM clients"), [["3"]]);
}

#[tokio::test]
async fn ids_of_another_tenant_are_taken_and_nothing_else_of_it_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rival = app.role("tenant999", "admin").await;
    let theirs = lines(&rival.get("/v2/clients/export").await.expect(200)).remove(0);
    // Object ids and external ids are each tenant's own.
    let mut row = json!({ "name": "Mine" });
    row["object_id"] = theirs["object_id"].clone();
    row["external_id"] = theirs["external_id"].clone();
    let answer = import(&admin, "?match=object_id", NDJSON, &row.to_string()).await.expect(200);
    assert_eq!(summary(&answer)["created"], 1, "{}", answer.text);
    let row = json!({ "name": "Mine", "id": theirs["id"] });
    let answer = import(&admin, "?match=id", NDJSON, &row.to_string()).await.expect(200);
    assert_eq!(lines(&answer)[0]["fields"][0]["path"], "/id");
    assert_eq!(lines(&answer)[0]["fields"][0]["rule"], "unique");
    let row = json!({ "name": "Mine", "parent_client_id": theirs["id"] });
    let answer = import(&admin, "", NDJSON, &row.to_string()).await.expect(200);
    assert_eq!(lines(&answer)[0]["fields"][0]["rule"], "exists");
    // An import's name is its tenant's own, too.
    let query = format!("?import_id={ACME}");
    let row = "{\"name\":\"x\"}";
    assert_eq!(summary(&import(&admin, &query, NDJSON, row).await.expect(200))["created"], 1);
    assert_eq!(summary(&import(&rival, &query, NDJSON, row).await.expect(200))["created"], 1);
    let after = lines(&rival.get("/v2/clients/export").await.expect(200)).remove(0);
    assert_eq!(after, theirs);
}

#[tokio::test]
async fn a_broken_import_goes_on_with_its_id() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rows: Vec<String> = (0..350).map(|at| format!("{{\"name\":\"Row {at}\"}}\n")).collect();
    let query = format!("/v2/clients/import?import_id={ACME}");
    // Breaks off after 250 rows, of which the first 200 fill batches.
    let sent = Bytes::from(rows[..250].concat());
    let broken = std::io::Error::other("gone");
    let body = Body::from_stream(stream::iter([Ok(sent), Err(broken)]));
    let request = axum::http::Request::post(&query)
        .header("authorization", format!("Bearer {}", admin.token()))
        .header("content-type", NDJSON);
    let answer = app.call_piece_by_piece(request.body(body).expect("a request")).await.expect(200);
    let told = lines(&answer);
    assert_eq!(told[0]["error"]["code"], "invalid_request", "{told:?}");
    let listed = admin.get("/v2/clients").await.expect(200).json();
    assert_eq!(listed["total_count"], 202);
    let again = import(&admin, &format!("?import_id={ACME}"), NDJSON, &rows.concat()).await;
    let sum = summary(&again.expect(200));
    assert_eq!([&sum["rows"], &sum["created"]], [350, 350], "{sum}");
    let listed = admin.get("/v2/clients").await.expect(200).json();
    assert_eq!(listed["total_count"], 352);
    let other = format!("?import_id={ACME}&match=id");
    import(&admin, &other, NDJSON, "{}").await.expect(409);
}

#[tokio::test]
async fn a_body_may_be_large_and_a_row_may_not() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let row = json!({ "name": "x", "note": "y".repeat(400_000) }).to_string() + "\n";
    let long = json!({ "name": "x", "note": "y".repeat(1 << 20) }).to_string() + "\n";
    let body = [row.repeat(6), long, row].concat();
    let answer = import(&admin, "", NDJSON, &body).await.expect(200);
    let told = lines(&answer);
    assert_eq!([&told[0]["row"], &told[0]["fields"][0]["rule"]], [&json!(7), &json!("max_row")]);
    assert_eq!(summary(&answer)["created"], 7);
}

#[tokio::test]
async fn the_same_import_id_with_other_content_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let query = format!("?import_id={ACME}");
    let rows = "{\"name\":\"r1\"}\n{\"name\":\"\"}\n{\"name\":\"r3\"}\n";
    let first = import(&admin, &query, NDJSON, rows).await.expect(200);
    assert_eq!(summary(&first)["created"], 2);
    for other in ["{\"name\":\"zz\"}\n", &rows.replace("r3", "zz"), &rows[..15], ""] {
        let refused = import(&admin, &query, NDJSON, other).await.expect(409).json();
        assert_eq!(refused["error"]["code"], "conflict", "{refused}");
        let field = &refused["error"]["details"]["fields"][0];
        assert_eq!([&field["path"], &field["rule"]], ["/import_id", "other_content"], "{field}");
        let message = field["message"].as_str().expect("a sentence");
        assert!(message.contains("or begin anew with another id"), "{message}");
    }
    assert_eq!(import(&admin, &query, NDJSON, rows).await.expect(200).text, first.text);
    let longer = import(&admin, &query, NDJSON, &format!("{rows}{{\"name\":\"r4\"}}")).await;
    assert_eq!(summary(&longer.expect(200))["created"], 3);
    // The columns' names are content.
    let query = "?import_id=0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a";
    import(&admin, query, "text/csv", "name,city\nx,y\n").await.expect(200);
    import(&admin, query, "text/csv", "name,state\nx,y\n").await.expect(409);
    import(&admin, query, "text/csv", "name,city\r\nx,\"y\"").await.expect(200);
    let listed = admin.get("/v2/clients").await.expect(200).json();
    assert_eq!(listed["total_count"], 6);
}

/// An import may give out the last number: then a tenant makes no more clients without one.
#[tokio::test]
async fn no_client_is_made_beyond_the_last_number() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let row = "{\"name\":\"Last\",\"number\":4503599627370496}";
    assert_eq!(summary(&import(&admin, "", NDJSON, row).await.expect(200))["created"], 1);
    let refused = admin.post("/v2/clients", &json!({ "name": "Next" })).await.expect(409).json();
    let field = &refused["error"]["details"]["fields"][0];
    assert_eq!(field["rule"], "spent", "{refused}");
    admin.get("/v2/clients/export").await.expect(200);
}

#[tokio::test]
async fn a_header_that_cannot_be_read_tells_which_columns_there_are() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let told = async |header: &str| {
        let refused = import(&admin, "", "text/csv", header).await.expect(400).json();
        let fields = refused["error"]["details"]["fields"].as_array().expect("a list").clone();
        fields
            .iter()
            .map(|one| one["message"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    let all = told("name,zzz,qqq\n").await;
    assert!(
        all[0].starts_with("is no column of a client; the columns are id, number, "),
        "{all:?}"
    );
    assert_eq!(all[1], "is no column of a client");
    let separated = "is no column of a client; commas stand between columns";
    assert_eq!(told("name;email\n").await, [separated]);
}
