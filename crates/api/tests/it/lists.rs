//! Lists and searches of clients on every surface.

mod numbered;

use clientbook_testkit::{ACME, ACME_OBJECT, Actor, Answer, GLOBEX, TENANT, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const V2: &str = "/v2/clients";
const TENANTS: &str = "/clients/v1/tenants/tenant123/clients";
const WORKSPACE: &str = "/v1/workspace/tenant123/clients";
const SUCCESS: &str = "/client/search";

/// The list of a page, whatever the surface calls it.
fn rows(page: &Value) -> &Vec<Value> {
    ["data", "clients"].iter().find_map(|name| page[*name].as_array()).expect("a list")
}

fn names(page: &Value) -> Vec<&str> {
    rows(page).iter().map(|row| row["name"].as_str().expect("a name")).collect()
}

async fn get(actor: &Actor, path: &str) -> Value {
    actor.get(path).await.expect(200).json()
}

async fn found(actor: &Actor, q: &str) -> Vec<String> {
    let q: String = url_encoded(q);
    let page = get(actor, &format!("{V2}?q={q}")).await;
    assert_eq!(page["total_count"], rows(&page).len(), "{q}");
    names(&page).into_iter().map(str::to_owned).collect()
}

fn url_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn each_surface_lists_in_its_own_shape() {
    let app = TestApp::start().await;
    let viewer = app.role("tenant123", "viewer").await;
    let page = viewer.get(V2).await.expect(200);
    let one = |text: &str| text.to_owned();
    let acme = one(&viewer.get(&format!("{V2}/{ACME}")).await.text);
    let globex = one(&viewer.get(&format!("{V2}/{GLOBEX}")).await.text);
    let expected = format!(r#"{{"data":[{acme},{globex}],"total_count":2,"next_cursor":null}}"#);
    assert_eq!(page.text, expected);
    assert_eq!(page.header("link"), "");
    viewer
        .send(
            viewer
                .request(axum::http::Method::GET, V2)
                .header("if-none-match", page.header("etag")),
        )
        .await
        .expect(304);

    let acme = one(&viewer.get(&format!("{TENANTS}/456")).await.text);
    let globex = one(&viewer.get(&format!("{TENANTS}/457")).await.text);
    let pagination = r#"{"page":1,"limit":10,"total":2,"total_pages":1}"#;
    let expected = format!(r#"{{"clients":[{acme},{globex}],"pagination":{pagination}}}"#);
    assert_eq!(viewer.get(TENANTS).await.expect(200).text, expected);

    let listed = get(&viewer, WORKSPACE).await;
    let single = get(&viewer, &format!("{WORKSPACE}/{ACME_OBJECT}")).await;
    assert!(rows(&listed).contains(&single["client"]));
    assert_eq!(rows(&listed).len(), 2);
    assert_eq!(listed.as_object().expect("an object").len(), 1);

    for base in ["", "/v2"] {
        let acme = one(&viewer.get(&format!("/client/{ACME}")).await.text);
        let globex = one(&viewer.get(&format!("/client/{GLOBEX}")).await.text);
        let end = r#""first":true,"last":true,"page":0,"size":50,"totalPages":1,"totalElements":2"#;
        let expected = format!(r#"{{"data":[{acme},{globex}],{end}}}"#);
        assert_eq!(viewer.get(&format!("{base}{SUCCESS}")).await.expect(200).text, expected);
    }
}

/// Gives Acme everything that it can be found by.
async fn fill_in(admin: &Actor) {
    let profile = json!({
        "name": "Łódź Straße 50%_\"'",
        "contactMethods": [
            { "type": "email", "value": "Zoë@Example.com", "isPreferred": true },
            { "type": "phone", "value": "+49 30 901820", "isPreferred": false },
        ],
    });
    admin.patch(&format!("{WORKSPACE}/{ACME_OBJECT}"), &profile).await.expect(200);
    let ids = json!({
        "externalId": "CRM-Ä1",
        "salesforceAccountId": "001xx000003DGb2",
        "zendeskId": "zen-7",
        "freshdeskId": "fresh-7",
        "usageId": "use-7",
        "stripeId": "cus_7",
        "externalStatusId": "status-7",
        "note": "nothing to find",
    });
    admin.patch(&format!("/client/{ACME}"), &ids).await.expect(200);
}

#[tokio::test]
async fn q_finds_by_everything_that_names_a_client() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    fill_in(&admin).await;
    let acme = ["Łódź Straße 50%_\"'"];
    for q in [
        "lodz",
        "ŁÓDŹ",
        "strasse",
        "STRASSE 5",
        "%_",
        "0%_\"",
        "_\"'",
        "'",
        "z",
        "ß",
        "zoe@ex",
        "ZOË",
        "crm-a1",
        "001XX0",
        "zen-7",
        "fresh-7",
        "use-7",
        "cus_7",
        "status-7",
        "o",
        "od",
    ] {
        assert!(found(&admin, q).await.contains(&acme[0].to_owned()), "{q}");
    }
    for q in
        ["%%", "0%x", "l%z", "l_dz", "nothing", "901820", "lodz strase", "dź zoë", "*", "zoe OR"]
    {
        assert_eq!(found(&admin, q).await, Vec::<String>::new(), "{q}");
    }
    // What it was called before is forgotten, what the other is called is not.
    assert_eq!(found(&admin, "acme").await, Vec::<String>::new());
    assert_eq!(found(&admin, "corp").await, ["Globex Corporation"]);
}

#[tokio::test]
async fn searches_of_customer_success_are_of_one_field() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    fill_in(&admin).await;
    let acme = ["Łódź Straße 50%_\"'"];
    let page = get(&admin, &format!("{SUCCESS}?name=odz")).await;
    assert_eq!((names(&page), &page["totalElements"]), (acme.to_vec(), &json!(1)));
    for (query, count) in [
        ("externalId=CRM-%C3%841", 1),
        ("externalId=crm-%C3%841", 0),
        ("salesforceAccountId=001xx000003DGb2", 1),
        ("salesforceAccountId=001xx000003DGb", 0),
        ("name=zen-7", 0),
        ("name=strasse&status=ACTIVE", 1),
        ("name=strasse&status=TRIAL", 0),
    ] {
        let page = get(&admin, &format!("{SUCCESS}?{query}")).await;
        assert_eq!((rows(&page).len(), &page["totalElements"]), (count, &json!(count)), "{query}");
    }
}

#[tokio::test]
async fn filters_and_orders_of_v2() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.advance(1000);
    admin
        .patch(&format!("{V2}/{GLOBEX}"), &json!({ "collection_mode": "disabled" }))
        .await
        .expect(200);
    admin.patch_empty(&format!("{TENANTS}/456/deactivate")).await.expect(200);
    let (acme, globex) = ("Acme Corporation", "Globex Corporation");
    for (query, expected) in [
        ("", vec![acme, globex]),
        ("?sort_order=desc", vec![globex, acme]),
        ("?sort_by=updated_at&sort_order=desc&page_size=1", vec![acme, globex]),
        ("?status=inactive", vec![acme]),
        ("?status=trial", vec![]),
        ("?collection_mode=disabled", vec![globex]),
        ("?collection_mode=disabled&status=inactive", vec![]),
        ("?q=corp&status=active", vec![globex]),
        ("?tenant=tenant123", vec![acme, globex]),
        ("?tenant=65A000000000000000000123", vec![acme, globex]),
    ] {
        let mut page = get(&admin, &format!("{V2}{query}")).await;
        assert_eq!(page["total_count"], expected.len(), "{query}");
        assert_eq!(page.get("total_is_lower_bound"), None);
        if let Some(next) = page["next_cursor"].as_str() {
            let rest = get(&admin, &format!("{V2}{query}&cursor={next}")).await;
            assert_eq!(rest["next_cursor"], Value::Null);
            let more = rows(&rest).clone();
            page["data"].as_array_mut().expect("a list").extend(more);
        }
        // Both changed at the same moment: ids decide.
        let mut names = names(&page);
        let mut expected = expected;
        if query.contains("updated_at") {
            names.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(names, expected, "{query}");
    }
}

fn refusal(answer: &Answer, pointer: &str) -> String {
    let body = answer.json();
    let told = ["/error/details/fields/0", "/errors/0"].iter().find_map(|at| body.pointer(at));
    let Some(told) = told else {
        return body["message"]
            .as_str()
            .or(body["error"]["message"].as_str())
            .expect("a message")
            .into();
    };
    let at = told["path"].as_str().or(told["pointer"].as_str()).expect("a pointer");
    assert_eq!(at, pointer, "{}", answer.text);
    told["message"].as_str().or(told["detail"].as_str()).expect("words").to_owned()
}

#[tokio::test]
async fn what_a_list_does_not_have_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let known = "tenant, q, status, collection_mode, sort_by, sort_order, page_size, cursor";
    let statuses = "must be one of: pending, trial, active, inactive, terminated";
    for (path, pointer, told) in [
        (format!("{V2}?limit=5"), "/limit", known),
        (format!("{V2}?page=1"), "/page", known),
        (format!("{V2}?status=Active"), "/status", statuses),
        (format!("{V2}?status="), "/status", statuses),
        (
            format!("{V2}?sort_by=number"),
            "/sort_by",
            "must be one of: name, created_at, updated_at",
        ),
        (format!("{V2}?sort_order=up"), "/sort_order", "must be one of: asc, desc"),
        (format!("{V2}?collection_mode=all"), "/collection_mode", "must be one of: "),
        (format!("{V2}?page_size=0"), "/page_size", "from 1 to 500"),
        (format!("{V2}?page_size=501"), "/page_size", "from 1 to 500"),
        (format!("{V2}?q="), "/q", "at least 1 character"),
        (format!("{V2}?q=%CC%81"), "/q", "at least 1 character"),
        (format!("{V2}?q=a%00"), "/q", "U+0000"),
        (format!("{V2}?q={}", "x".repeat(201)), "/q", "at most 200 characters"),
        (format!("{TENANTS}?q=acme"), "/q", "it has: status, active, active_only, name, tags"),
        (format!("{TENANTS}?active=yes"), "/active", "must be one of: true, false"),
        (format!("{TENANTS}?active_only=1"), "/active_only", "must be one of: true, false"),
        (format!("{TENANTS}?status=active"), "/status", "must be one of: Pending, Trial, Active"),
        (format!("{TENANTS}?tags=a,,b"), "/tags", "at least 1 character"),
        (format!("{TENANTS}?tags={}", "x,".repeat(21)), "/tags", ""),
        (format!("{WORKSPACE}?page=1"), "/page", "it has: limit, cursor"),
        (format!("{WORKSPACE}?limit=501"), "/limit", "from 1 to 500"),
        (format!("{WORKSPACE}?cursor=x"), "/cursor", "must be a next_cursor"),
        (format!("{SUCCESS}?q=acme"), "/q", "it has: page, size, externalId"),
        (format!("{SUCCESS}?page=-1"), "/page", "from 0 to"),
        (format!("{SUCCESS}?size=501"), "/size", "from 1 to 500"),
        (format!("{SUCCESS}?status=active"), "/status", "must be one of: PENDING, TRIAL"),
    ] {
        let answer = admin.get(&path).await.expect(400);
        assert!(refusal(&answer, pointer).contains(told), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_tenant_is_named_or_ones_own() {
    let app = TestApp::start().await;
    let (admin, operator) = (app.admin().await, app.operator());
    for list in [V2, SUCCESS, "/v2/client/search"] {
        let refused = operator.get(list).await.expect(400);
        assert!(refusal(&refused, "/tenant").contains("must name the tenant"));
        let unknown = operator.get(&format!("{list}?tenant=nobody")).await.expect(400);
        assert!(refusal(&unknown, "/tenant").contains("of a tenant"));
        assert_eq!(names(&get(&operator, &format!("{list}?tenant=tenant999")).await), ["Initech"]);
        let other = admin.get(&format!("{list}?tenant=tenant999")).await.expect(403);
        let nobody = admin.get(&format!("{list}?tenant=nobody")).await.expect(403);
        assert_eq!(
            other.text.replace(other.header("x-request-id"), ""),
            nobody.text.replace(nobody.header("x-request-id"), "")
        );
    }
    for list in ["/clients/v1/tenants/{}/clients", "/v1/workspace/{}/clients"] {
        let path = |tenant: &str| list.replace("{}", tenant);
        assert_eq!(names(&get(&operator, &path("tenant999")).await), ["Initech"]);
        admin.get(&path("tenant999")).await.expect(404);
        admin.get(&path("nobody")).await.expect(404);
        get(&admin, &path(TENANT)).await;
    }
}

/// What restricted callers see of the lists, totals included.
#[tokio::test]
async fn a_restriction_binds_lists_too() {
    let app = TestApp::start().await;
    let clients = app.sample("big", 12).await;
    let ids: Vec<_> = clients.iter().map(|client| client.id.to_string()).collect();
    let grant = |more: Value| {
        let mut grant = json!({ "tenant": "big", "role": "admin" });
        let more = more.as_object().expect("an object").clone();
        grant.as_object_mut().expect("an object").extend(more);
        grant
    };
    let admin = app.grant(&grant(json!({}))).await;
    let two = app.grant(&grant(json!({ "client_ids": [ids[3], ids[7]] }))).await;
    let org = app.grant(&grant(json!({ "org_id": "org-1" }))).await;
    let elsewhere = app.grant(&grant(json!({ "org_id": "org-2" }))).await;
    let project = app.grant(&grant(json!({ "org_id": "org-1", "project_id": "x" }))).await;
    let counts = async |actor: &Actor, query: &str| {
        let v2 = get(actor, &format!("{V2}?page_size=500{query}")).await;
        let tenants = get(actor, "/clients/v1/tenants/big/clients?limit=100").await;
        let workspace = get(actor, "/v1/workspace/big/clients").await;
        let success = get(actor, SUCCESS).await;
        let seen = rows(&v2).len();
        if query.is_empty() {
            assert_eq!(tenants["pagination"]["total"], seen);
            assert_eq!(success["totalElements"], seen);
            for page in [&tenants, &workspace, &success] {
                assert_eq!(rows(page).len(), seen);
            }
        }
        assert_eq!(v2["total_count"], seen);
        seen
    };
    for (actor, expected) in [(&admin, 12), (&two, 2), (&org, 12), (&elsewhere, 0), (&project, 0)] {
        assert_eq!(counts(actor, "").await, expected);
        assert_eq!(counts(actor, "&q=sample").await, expected);
        assert_eq!(counts(actor, "&status=active&sort_by=updated_at").await, expected);
    }
    assert_eq!(counts(&two, "&q=client%205").await, 0);
    // A client that is inactive is out of reach of who is bound to it.
    let number = clients[3].number;
    let path = format!("/clients/v1/tenants/big/clients/{number}/deactivate");
    admin.patch_empty(&path).await.expect(200);
    two.get(&format!("{V2}/{}", ids[3])).await.expect(403);
    assert_eq!(counts(&two, "").await, 1);
    assert_eq!(counts(&admin, "&status=inactive").await, 1);
    assert_eq!(counts(&admin, "").await, 12);
}

#[tokio::test]
async fn a_cursor_is_of_its_own_list() {
    let app = TestApp::start().await;
    let _made = app.sample("big", 7).await;
    let admin = app.role("big", "admin").await;
    let two = json!({ "tenant": "big", "role": "admin", "org_id": "org-1" });
    let bound = app.grant(&two).await;
    let page = get(&admin, &format!("{V2}?page_size=2")).await;
    let cursor = page["next_cursor"].as_str().expect("a cursor").to_owned();
    assert!(!cursor.contains('='));
    let (head, last) = cursor.split_at(cursor.len() - 1);
    let other = if last == "A" { "B" } else { "A" };
    let refused = async |actor: &Actor, path: &str| {
        let answer = actor.get(path).await.expect(400);
        assert!(refusal(&answer, "/cursor").contains("must be a next_cursor"), "{}", answer.text);
    };
    for damaged in ["", "x", head, &format!("{head}{other}"), &format!("A{cursor}")] {
        refused(&admin, &format!("{V2}?cursor={damaged}")).await;
        refused(&admin, &format!("/v1/workspace/big/clients?cursor={damaged}")).await;
    }
    for query in [
        "sort_order=desc",
        "sort_by=created_at",
        "q=sample",
        "status=active",
        "collection_mode=saas_usage",
    ] {
        refused(&admin, &format!("{V2}?cursor={cursor}&{query}")).await;
    }
    refused(&admin, &format!("/v1/workspace/big/clients?cursor={cursor}")).await;
    refused(&admin, &format!("/v2/api-tokens?cursor={cursor}")).await;
    refused(&bound, &format!("{V2}?cursor={cursor}")).await;
    refused(&app.admin().await, &format!("{V2}?cursor={cursor}")).await;
    refused(&app.operator(), &format!("{V2}?tenant=tenant123&cursor={cursor}")).await;
    // Who asks for the same may have another page size, and be somebody else.
    let rest =
        get(&app.operator(), &format!("{V2}?tenant=big&page_size=500&cursor={cursor}")).await;
    assert_eq!((rows(&rest).len(), &rest["total_count"]), (5, &json!(7)));
}

#[tokio::test]
async fn workspaces_are_walked_by_link() {
    let app = TestApp::start().await;
    let made = app.sample("big", 7).await;
    let viewer = app.role("big", "viewer").await;
    let mut path = "/v1/workspace/big/clients?limit=3".to_owned();
    let (mut seen, mut pages) = (BTreeSet::new(), 0);
    loop {
        let answer = viewer.get(&path).await.expect(200);
        let page = answer.json();
        let ids = rows(&page).iter().map(|row| row["id"].as_str().expect("an id").to_owned());
        for id in ids {
            assert!(seen.insert(id), "twice");
        }
        pages += 1;
        let link = answer.header("link");
        let Some(next) = link.strip_prefix('<') else { break };
        path = next.strip_suffix(">; rel=\"next\"").expect("a link").to_owned();
        assert!(path.starts_with("/v1/workspace/big/clients?limit=3&cursor="));
    }
    let all: BTreeSet<_> = made.iter().map(|client| client.object_id.to_string()).collect();
    assert_eq!((seen, pages), (all, 3));
}

/// What the workspace surface has removed is in the other lists only.
#[tokio::test]
async fn a_workspace_does_not_list_what_it_removed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.delete(&format!("{WORKSPACE}/{ACME_OBJECT}")).await.expect(204);
    assert_eq!(names(&get(&admin, WORKSPACE).await), ["Globex Corporation"]);
    let bound = json!({ "tenant": "tenant123", "role": "viewer", "client_ids": [GLOBEX, ACME] });
    let bound = app.grant(&bound).await;
    assert_eq!(names(&get(&bound, WORKSPACE).await), ["Globex Corporation"]);
    for list in [V2, TENANTS, SUCCESS] {
        assert_eq!(rows(&get(&admin, list).await).len(), 2, "{list}");
    }
    let page = get(&admin, &format!("{V2}?status=terminated")).await;
    assert_eq!((names(&page), &page["total_count"]), (vec!["Acme Corporation"], &json!(1)));
}

#[tokio::test]
async fn clients_that_are_made_are_listed_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({ "name": "Ümläut GmbH", "email": "Info@Umlaut.example", "tags": ["new"] });
    admin.post(TENANTS, &body).await.expect(201);
    assert_eq!(found(&admin, "umlaut g").await, ["Ümläut GmbH"]);
    assert_eq!(found(&admin, "info@UMLAUT").await, ["Ümläut GmbH"]);
    let page = get(&admin, &format!("{TENANTS}?tags=new")).await;
    assert_eq!((names(&page), &page["pagination"]["total"]), (vec!["Ümläut GmbH"], &json!(1)));
    assert_eq!(get(&admin, V2).await["total_count"], 3);
    let path = format!("{TENANTS}/{}", page["clients"][0]["id"]);
    admin.patch(&path, &json!({ "tags": [], "email": null })).await.expect(200);
    assert_eq!(found(&admin, "info@").await, Vec::<String>::new());
    assert_eq!(rows(&get(&admin, &format!("{TENANTS}?tags=new")).await).len(), 0);
}

#[tokio::test]
async fn spaces_at_the_ends_are_searched_for_by_nobody() {
    let app = TestApp::start().await;
    let viewer = app.role("tenant123", "viewer").await;
    for q in [" acme", "acme ", "\tAcme Corp \n"] {
        assert_eq!(found(&viewer, q).await, ["Acme Corporation"], "{q:?}");
    }
    for blank in ["%20", "+", "%e3%80%80"] {
        viewer.get(&format!("{V2}?q={blank}")).await.expect(400);
    }
}

#[tokio::test]
async fn a_query_is_percent_encoded_utf_8() {
    let app = TestApp::start().await;
    let viewer = app.role("tenant123", "viewer").await;
    for broken in ["%", "%f", "%zz", "a%2", "%ff", "%C3", "%c3%28", "%ED%A0%80", "%+1"] {
        for (path, name) in
            [(V2, "q"), (TENANTS, "name"), (WORKSPACE, "cursor"), (SUCCESS, "externalId")]
        {
            let refused = viewer.get(&format!("{path}?{name}={broken}")).await.expect(400);
            let told =
                refused.text.contains("percent-encoded UTF-8") && refused.text.contains(name);
            assert!(told, "{path} {broken}: {}", refused.text);
            viewer.get(&format!("{path}?{broken}=x")).await.expect(400);
        }
    }
    for (path, name) in [(V2, "%71"), (TENANTS, "n%61me")] {
        let page = get(&viewer, &format!("{path}?&{name}=acme+c%6Frp&")).await;
        assert_eq!(names(&page), ["Acme Corporation"], "{path}");
    }
}
