//! The descriptions: complete, valid, and true of what is answered.

use clientbook_api::{Access, documents, operations};
use clientbook_testkit::{ACME, TestApp};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

/// `docs/openapi/organizations.json` and so on, read.
fn all() -> Vec<(&'static str, Value)> {
    let read = |text: &[u8]| serde_json::from_slice(text).expect("a document in JSON");
    documents().map(|(name, text)| (name, read(text))).collect()
}

/// Where the reviewed documents stand.
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi");

/// `cargo xtask openapi` sets this: the files are then written, for somebody to review.
const WRITE: &str = "CLIENTBOOK_WRITE_OPENAPI";

#[test]
fn the_files_are_what_the_code_says() {
    for (name, text) in documents() {
        let path = Path::new(FILES).join(name).with_extension("json");
        if env::var_os(WRITE).is_some() {
            fs::write(&path, text).expect("a file that can be written");
        }
        let file = fs::read(&path).unwrap_or_default();
        assert!(file == text, "docs/openapi/{name}.json: run `cargo xtask openapi`, review");
    }
}

/// Every described operation: the method, the path, the description.
fn described(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            found.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    found
}

fn parameters(operation: &Value, place: &str) -> BTreeSet<String> {
    let parameters = operation["parameters"].as_array().expect("parameters").iter();
    let here = parameters.filter(|parameter| parameter["in"] == place);
    here.map(|parameter| parameter["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn every_operation_is_described_once_and_nothing_else_is() {
    let mut described: Vec<_> = all()
        .iter()
        .flat_map(|(_, document)| described(document))
        .map(|(method, path, operation)| (method, path, parameters(&operation, "query")))
        .collect();
    let mut known: Vec<_> = operations()
        .iter()
        .map(|operation| {
            let query = operation.parameters().map(str::to_owned).collect();
            (operation.method.to_string(), operation.path.to_owned(), query)
        })
        .collect();
    described.sort();
    known.sort();
    assert_eq!(described, known);
}

#[test]
fn the_documents_are_sound() {
    for (name, document) in all() {
        assert_eq!(document["openapi"], "3.1.0", "{name}");
        let mut ids = BTreeSet::new();
        for (method, path, operation) in described(&document) {
            let at = format!("{name}: {method} {path}");
            let id = operation["operationId"].as_str().expect("an id").to_owned();
            assert!(ids.insert(id), "{at}: its operationId is another's too");
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{at}");
            let segments: BTreeSet<_> = path
                .split('/')
                .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
                .map(str::to_owned)
                .collect();
            assert_eq!(parameters(&operation, "path"), segments, "{at}");
            for status in ["400", "405", "500", "503"] {
                assert!(operation["responses"][status].is_object(), "{at} has no {status}");
            }
        }
        check_references(&document, &document);
    }
}

#[test]
fn every_refusal_has_an_example() {
    for (name, document) in all() {
        for (method, path, operation) in described(&document) {
            for (status, answer) in operation["responses"].as_object().expect("answers") {
                let contents = answer["content"].as_object();
                let examples = contents.into_iter().flatten().map(|(_, media)| &media["examples"]);
                let shown = examples.filter_map(Value::as_object).map(Map::len).sum::<usize>();
                assert!(status.as_str() < "400" || shown > 0, "{name}: {method} {path} {status}");
            }
        }
    }
}

#[test]
fn operations_name_their_permission_and_a_tag_of_the_document() {
    let access: Vec<_> = operations()
        .iter()
        .map(|known| (known.method.to_string(), known.path.to_owned(), known.access))
        .collect();
    for (name, document) in all() {
        let tags: Vec<_> = document["tags"].as_array().expect("tags").iter().collect();
        let schemes = &document["components"]["securitySchemes"];
        for (method, path, operation) in described(&document) {
            let at = format!("{name}: {method} {path}");
            let tag = &operation["tags"][0];
            assert!(tags.iter().any(|known| known["name"] == *tag), "{at}: {tag}");
            let known = access.iter().find(|known| (&known.0, &known.1) == (&method, &path));
            let (_, _, access) = known.expect("an operation");
            let needs = operation["security"].as_array().expect("security");
            let each = schemes.as_object().expect("schemes").len();
            if *access == Access::Device {
                assert_eq!(operation["security"], json!([{ "deviceToken": [] }]), "{at}");
                continue;
            }
            let each = each - usize::from(schemes["deviceToken"].is_object());
            let permissions: Vec<_> = access.permissions().collect();
            assert_eq!(needs.len(), each * permissions.len(), "{at}");
            for (at_need, need) in needs.iter().enumerate() {
                for (scheme, named) in need.as_object().expect("one") {
                    assert!(schemes[scheme].is_object(), "{at}: {scheme}");
                    let permission = permissions[at_need / each].as_str();
                    assert_eq!(*named, json!([permission]), "{at}: {scheme}");
                }
            }
        }
    }
}

fn check_references(document: &Value, part: &Value) {
    match part {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                let target = document.pointer(reference.trim_start_matches('#'));
                assert!(target.is_some(), "{reference} leads nowhere");
            }
            object.values().for_each(|part| check_references(document, part));
        }
        Value::Array(parts) => parts.iter().for_each(|part| check_references(document, part)),
        _ => {}
    }
}

/// Checks `value` against a schema of `document`, with the document's other schemas at hand.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    let mut whole = schema.as_object().cloned().unwrap_or_else(Map::new);
    whole.insert("components".into(), document["components"].clone());
    let validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&Value::Object(whole))
        .unwrap_or_else(|error| panic!("{at}: {error}"));
    let broken: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(broken.is_empty(), "{at}: {broken:?} in {value}");
}

#[test]
fn examples_fit_their_schemas() {
    for (name, document) in all() {
        for (method, path, operation) in described(&document) {
            let answers = operation["responses"].as_object().expect("answers").iter();
            let mut contents: Vec<_> =
                answers.map(|(status, answer)| (status.as_str(), &answer["content"])).collect();
            contents.push(("body", &operation["requestBody"]["content"]));
            for (part, content) in contents {
                for (media_type, media) in content.as_object().into_iter().flatten() {
                    let at = format!("{name}: {method} {path} {part} {media_type}");
                    let named = media["examples"].as_object().into_iter().flatten();
                    let named = named.map(|(_, example)| &example["value"]);
                    for example in named.chain(media.get("example")) {
                        check(&document, &media["schema"], example, &at);
                    }
                }
            }
        }
    }
}

/// Where the demo can be read, its answer is the example.
#[tokio::test]
async fn the_examples_of_clients_are_the_demos() {
    let app = TestApp::start().await;
    let operator = app.operator();
    for (name, document) in all() {
        for (method, path, operation) in described(&document) {
            let id = operation["operationId"].as_str().unwrap_or_default();
            if method != "GET" || !id.starts_with("readClient") {
                continue;
            }
            let mut address = path.clone();
            for parameter in operation["parameters"].as_array().expect("parameters") {
                let example = match &parameter["example"] {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let segment = format!("{{{}}}", parameter["name"].as_str().expect("a name"));
                address = address.replace(&segment, &example);
            }
            let answer = operator.get(&address).await.expect(200).json();
            let content = &operation["responses"]["200"]["content"]["application/json"];
            assert_eq!(answer, content["example"], "{name}: {address}");
            check(&document, &content["schema"], &answer, &address);
        }
    }
}

#[tokio::test]
async fn whatever_a_client_holds_fits_the_schemas() {
    let app = TestApp::start().await;
    let operator = app.operator();
    let change = json!({
        "custom": { "notes": "x" },
        "inceptionDate": "2025-01-01",
        "region": { "id": -7, "name": "South" },
        "parentClientId": 457,
        "clientTypeTitle": "Enterprise",
        "npsScore": -100,
        "accTeamingRoles": [{ "employeeId": 1, "role": "Lead" }],
    });
    let answer = operator.patch(&format!("/client/{ACME}"), &change).await.expect(200).json();
    let documents = all();
    let (_, document) = documents.iter().find(|(name, _)| *name == "customer-success").expect("it");
    check(document, &json!({ "$ref": "#/components/schemas/Client" }), &answer, "the client");
    let (_, document) = documents.iter().find(|(name, _)| *name == "organizations").expect("it");
    let wish = json!({ "name": "A token", "tenant": "tenant123", "role": "viewer" });
    let made = operator.post("/v2/api-tokens", &wish).await.expect(201).json();
    check(document, &json!({ "$ref": "#/components/schemas/NewApiToken" }), &made, "a token");
    let off = json!({ "collection_mode": "disabled" });
    operator.patch(&format!("/v2/clients/{ACME}"), &off).await.expect(200);
    let log = format!("/v2/clients/{ACME}/collection-control/audit-log");
    let log = operator.get(&log).await.expect(200).json();
    assert_eq!(log["total_count"], 1);
    check(document, &json!({ "$ref": "#/components/schemas/EntryList" }), &log, "the log");
}

#[tokio::test]
async fn documents_and_their_page_are_served_to_anyone() {
    let app = TestApp::start().await;
    let anon = app.anon();
    let initializer = anon.get("/docs/swagger-initializer.js").await.expect(200).text;
    for (name, text) in documents() {
        let path = format!("/openapi/{name}.json");
        let answer = anon.get(&path).await.expect(200);
        assert_eq!(answer.text.as_bytes(), text, "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert!(initializer.contains(&path), "the page does not show {path}");
    }
    let page = anon.get("/docs").await.expect(200);
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!page.text.contains("http"), "the page names another server");
    let linked = page.text.split('"').filter(|part| part.starts_with("/docs/"));
    for file in linked.chain(["/docs/swagger-initializer.js"]) {
        let served =
            app.anon().request(axum::http::Method::GET, file).send().await.expect("an answer");
        assert_eq!(served.status().as_u16(), 200, "{file}");
    }
    anon.get("/docs/oauth2-redirect.html").await.expect(404);
}
