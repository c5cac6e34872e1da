//! What a client is known by: whose it is, was, and can be again.

use super::{Place, TENANT_ID, broken, caller, counts, errors, home, is_broken, lines, terms};
use crate::book::{change, parsed};
use clientbook_app::{
    ClientKey, ClientRef, ExportTerms, Home, ImportTerms, Merge, NewTenant, Once, Precondition,
};
use clientbook_model::client::ClientPatch;
use clientbook_model::client_filter::ClientWishes;
use clientbook_model::id::ClientId;
use clientbook_model::moving::{Format, MatchBy};
use clientbook_model::principal::Permission;
use clientbook_model::tenant::{Slug, TenantName};
use serde_json::{Value, json};
use uuid::Uuid;

const OTHER: &str = "another-tenant";

fn id(row: &Value) -> ClientId {
    parsed(&row["id"])
}

fn target(client: ClientId) -> ClientRef {
    ClientRef { tenant: None, asked: client.to_string(), key: Some(ClientKey::Id(client)) }
}

async fn other_tenant(place: &Place) {
    let slug = Slug::new(OTHER).expect("a slug");
    let name = TenantName::new("Another tenant").expect("a name");
    let tenant = NewTenant { id: None, object_id: None, slug, name, strict_fields: false };
    place.app.create_tenant(&caller(), tenant, Once::free()).await.expect("a tenant");
}

async fn import_into_other(place: &Place, rows: &[Value]) {
    let home = Home::Field { asked: Some(OTHER.into()), at: "/tenant" };
    let terms = ImportTerms { home, ..terms(None) };
    let file = lines(rows);
    let import = place.import_as(&caller(), terms, Format::Ndjson, file.as_bytes()).await;
    assert_eq!(counts(&import.expect("an import"))[0], 1);
}

#[tokio::test]
async fn the_names_of_a_merged_record_lead_to_the_other_one() {
    let place = Place::new().await;
    let rows = ["a", "b"].map(|name| json!({ "name": name, "external_id": name }));
    place.import(None, &rows).await;
    let rows = place.rows().await;
    let take = Vec::new();
    let loser_id = id(&rows[1]);
    let merge = Merge { loser_id, take, precondition: Precondition::None, dry_run: false };
    let winner = target(id(&rows[0]));
    place.app.merge_clients(&caller(), winner, merge, Once::free()).await.expect("one of two");
    for (by, column) in MatchBy::ALL.map(|by| (by, by.as_str())) {
        let mut row = json!({ "note": column });
        for name in ["id", "number", "object_id", "external_id"] {
            row[name] = rows[1][name].clone();
        }
        let key = json!({ column: rows[1][column], "note": column });
        let import = place.import(Some(by), &[row, key]).await;
        assert_eq!(counts(&import), [0, 1, 1, 0], "{column}: {:?}", errors(&import).await);
    }
    let left = place.rows().await;
    assert_eq!((left.len(), &left[0]["external_id"]), (1, &json!("a")));
    place.verify().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_written_stops_no_other() {
    let place = Place::new().await;
    other_tenant(&place).await;
    import_into_other(&place, &[json!({ "name": "x", "external_id": "theirs" })]).await;
    // Now it refuses what the rows' own checks let through, as if somebody was quicker each time.
    place.database.execute("DROP INDEX clients_external_id");
    let index = "CREATE UNIQUE INDEX clients_external_id ON clients (external_id)";
    place.database.execute(index);
    let rows = [
        json!({ "name": "First" }),
        json!({ "name": "Second", "external_id": "theirs" }),
        json!({ "name": "Third" }),
        json!({ "name": "Waits", "external_id": "theirs", "parent_client_id": 70 }),
        json!({ "name": "Parent", "number": 70 }),
    ];
    let import = place.import(None, &rows).await;
    assert_eq!(counts(&import), [3, 0, 0, 2]);
    let errors = errors(&import).await;
    is_broken(&errors[0], 2, "", "unique");
    is_broken(&errors[1], 4, "", "unique");
    let names: Vec<_> = place.rows().await.iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["First", "Third", "Parent"]);
    place.verify().await;
}

#[tokio::test]
async fn what_an_erased_client_or_a_tenant_is_known_by_is_taken() {
    let place = Place::new().await;
    place.import(None, &[json!({ "name": "x", "number": 50 })]).await;
    let gone = place.rows().await.remove(0);
    let mode = Some(parsed(&json!("deleted")));
    let patch = ClientPatch { collection_mode: mode, ..ClientPatch::default() };
    change(&place.app, id(&gone).0, patch).await;
    let erased = place.app.erase_client(&caller(), target(id(&gone)), Precondition::None).await;
    erased.expect("an erasure");
    let rows = [
        (json!({ "number": 50 }), "/number", "unique"),
        (json!({ "object_id": gone["object_id"] }), "/object_id", "unique"),
        (json!({ "id": gone["id"] }), "/id", "unique"),
        (json!({ "id": TENANT_ID }), "/id", "unique"),
        (json!({ "id": Uuid::nil() }), "/id", "uuid"),
        (json!({ "id": Uuid::max() }), "/id", "uuid"),
        (
            json!({ "client_type_id": i64::MAX, "client_type_title": "t" }),
            "/client_type_id",
            "range",
        ),
    ];
    for (mut row, path, rule) in rows {
        row["name"] = json!("y");
        let import = place.import(None, &[row]).await;
        is_broken(&errors(&import).await[0], 1, path, rule);
    }
    let last = json!({ "name": "y", "number": 1_i64 << 52, "client_type_id": 1_i64 << 52,
        "client_type_title": "t" });
    let import = place.import(None, &[last]).await;
    assert_eq!(counts(&import), [1, 0, 0, 0], "{:?}", errors(&import).await);
    let next = json!({ "name": "z", "number": 7, "client_type_title": "u" });
    let import = place.import(None, &[next]).await;
    is_broken(&errors(&import).await[0], 1, "/client_type_title", "spent");
    place.verify().await;
}

#[tokio::test]
async fn a_token_is_one_clients_across_tenants() {
    let place = Place::new().await;
    other_tenant(&place).await;
    let row = json!({ "name": "x", "enrollment_token": format!("enroll_{}", "c".repeat(32)) });
    import_into_other(&place, std::slice::from_ref(&row)).await;
    let import = place.import(None, &[row]).await;
    is_broken(&errors(&import).await[0], 1, "/enrollment_token", "unique");
}

#[tokio::test]
async fn readers_get_the_tokens_that_the_record_shows() {
    let place = Place::new().await;
    let token = |letter: &str, more: Value| {
        let mut token = json!({ "value": format!("enroll_{}", letter.repeat(32)), "uses": 2 });
        token.as_object_mut().expect("it").extend(more.as_object().expect("more").clone());
        json!({ "name": letter, "enrollment_token": token })
    };
    let rows = [
        token("a", json!({})),
        token("b", json!({ "max_uses": 5 })),
        token("c", json!({ "max_uses": 2 })),
        token("d", json!({ "expires_at": "2020-01-01T00:00:00Z" })),
    ];
    assert_eq!(counts(&place.import(None, &rows).await), [4, 0, 0, 0]);
    let viewer = super::with_permissions(&[Permission::ClientsView]);
    let terms =
        ExportTerms { home: home(), wishes: ClientWishes::default(), format: Format::Ndjson };
    let mut export = place.app.export_clients(&viewer, terms).await.expect("an export");
    let file = export.next().await.expect("bytes").expect("a page");
    let text = String::from_utf8(file).expect("text");
    let shown: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["enrollment_token"].take())
        .collect();
    assert_eq!([&shown[0]["uses"], &shown[1]["uses"]], [&Value::Null, &json!(2)]);
    assert_eq!(shown[0]["value"], rows[0]["enrollment_token"]["value"]);
    assert_eq!(shown[2..], [Value::Null, Value::Null]);
    assert!(place.rows().await.iter().all(|row| row["enrollment_token"]["uses"] == 2));
}

#[tokio::test]
async fn errors_are_short_whatever_the_file_says() {
    let place = Place::new().await;
    let long = |count: usize| {
        let names = (0..count).map(|at| (format!("{at}{}", "k".repeat(40_000 / count)), json!(1)));
        Value::Object(names.collect())
    };
    let mut rows = vec![json!({ "name": "x", "custom": { "c".repeat(900_000): 1 } })];
    rows.extend((0..400).map(|_| long(20)));
    let import = place.import(None, &rows).await;
    assert_eq!(counts(&import), [0, 0, 0, 401]);
    let page = errors(&import).await;
    assert!(page[0].json().len() < 1_000, "{}", page[0].json());
    assert_eq!(broken(&page[1]).len(), 20);
    assert!(page.iter().all(|error| error.json().len() < 16 << 10));
    let bytes: usize = page.iter().map(|error| error.fields.to_string().len()).sum();
    assert!(page.len() < 401 && bytes < 2 << 20, "{} rows of {bytes} bytes", page.len());
    let told = i64::try_from(page.len()).expect("few");
    let rest = import.report().errors(told).await.expect("the others");
    assert_eq!(rest.len() + page.len(), 401);
}
