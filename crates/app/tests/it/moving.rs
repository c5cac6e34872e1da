//! Clients out of one store and into another, whatever stands in their rows.

mod going_on;
mod names;

use clientbook_app::{
    App, AppError, AuditScope, Caller, Clock, ExportTerms, Home, Import, ImportTerms, NewTenant,
    Once, RowError,
};
use clientbook_model::client_filter::ClientWishes;
use clientbook_model::id::TenantId;
use clientbook_model::moving::{Batcher, Format, Gather, MAX_NUMBER, MatchBy, Taken};
use clientbook_model::principal::{Permission, Permissions};
use clientbook_model::tenant::{Slug, TenantName};
use clientbook_store::{Access, Db};
use clientbook_testkit::{Engine, TestDatabase};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use uuid::Uuid;

use crate::book::env;

const TENANT: &str = "tenant-of-rows";
const TENANT_ID: TenantId = TenantId(Uuid::from_u128(5));
const IMPORT: Uuid = Uuid::from_u128(7);

/// A store with an empty tenant.
struct Place {
    app: App,
    clock: Arc<AtomicI64>,
    database: TestDatabase,
}

fn home() -> Home {
    Home::Field { asked: Some(TENANT.into()), at: "/tenant" }
}

fn caller() -> Caller {
    Caller::cli("a test".into())
}

fn with_permissions(permissions: &[Permission]) -> Caller {
    let caller = caller();
    let mut principal = (*caller.principal).clone();
    principal.permissions = permissions.iter().copied().collect::<Permissions>();
    Caller { principal: Arc::new(principal), ..caller }
}

fn terms(match_by: Option<MatchBy>) -> ImportTerms {
    ImportTerms { home: home(), id: IMPORT, match_by, dry_run: false, resume: false, batch: 50 }
}

impl Place {
    async fn new() -> Self {
        Self::on(TestDatabase::with_tables()).await
    }

    async fn on(database: TestDatabase) -> Self {
        let db = Db::open(database.url(), Access::Write).expect("a store");
        let env = env();
        let Clock::Manual(clock) = env.clock.clone() else { unreachable!("a test's clock") };
        let (app, _) = App::start(db, env, None).await.expect("a start");
        let slug = Slug::new(TENANT).expect("a slug");
        let name = TenantName::new("A tenant").expect("a name");
        let id = Some(TENANT_ID);
        let tenant = NewTenant { id, object_id: None, slug, name, strict_fields: false };
        app.create_tenant(&caller(), tenant, Once::free()).await.expect("a tenant");
        Self { app, clock, database }
    }

    async fn export(&self, format: Format) -> Vec<u8> {
        let terms = ExportTerms { home: home(), wishes: ClientWishes::default(), format };
        let mut export = self.app.export_clients(&caller(), terms).await.expect("an export");
        let mut file = Vec::new();
        while let Some(bytes) = export.next().await.expect("bytes") {
            file.extend(bytes);
        }
        file
    }

    async fn rows(&self) -> Vec<Value> {
        let file = self.export(Format::Ndjson).await;
        let lines = file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
    }

    async fn import_as(
        &self,
        by: &Caller,
        terms: ImportTerms,
        format: Format,
        file: &[u8],
    ) -> Result<Import, AppError> {
        let mut import = self.app.import_clients(by, terms).await?;
        take(&mut import, format, file).await?;
        import.finish().await?;
        Ok(import)
    }

    async fn import(&self, match_by: Option<MatchBy>, rows: &[Value]) -> Import {
        let terms = ImportTerms { id: self.app.new_import_id(), ..terms(match_by) };
        let file = lines(rows);
        let import = self.import_as(&caller(), terms, Format::Ndjson, file.as_bytes()).await;
        import.expect("an import")
    }

    /// Every chain is intact, and every record is what its chain tells.
    async fn verify(&self) {
        let report = self.app.verify_audit(AuditScope::default()).await.expect("a report");
        assert_eq!(report.faults, []);
    }

    fn count(&self, table: &str) -> String {
        self.database.rows(&format!("SELECT count(*) FROM {table}"))[0][0].clone()
    }
}

pub(crate) async fn take(import: &mut Import, format: Format, file: &[u8]) -> Result<(), AppError> {
    let mut gather = Gather::new(format, import.mark().taken(), import.batch());
    // In small pieces: where they end says nothing.
    for piece in file.chunks(100).chain([&b""[..]]) {
        gather.feed(piece);
        while let Some(rows) = gather.next_batch()? {
            import.take(rows).await?;
        }
    }
    Ok(())
}

async fn errors(import: &Import) -> Vec<RowError> {
    import.report().errors(0).await.expect("errors")
}

/// Created, updated, unchanged, failed.
fn counts(import: &Import) -> [i64; 4] {
    let mark = import.mark();
    [mark.created, mark.updated, mark.unchanged, mark.failed]
}

/// Where a row is wrong, and by which rule.
fn broken(error: &RowError) -> Vec<(String, String)> {
    let fields = error.fields.as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    fields.iter().map(|field| (text(&field["path"]), text(&field["rule"]))).collect()
}

fn is_broken(error: &RowError, row: i64, path: &str, rule: &str) {
    assert_eq!(error.row, row, "{error:?}");
    assert_eq!(broken(error), [(path.to_owned(), rule.to_owned())], "{error:?}");
}

/// Rows with everything that a client can have, and texts that are hard on CSV.
fn hard_rows() -> Vec<Value> {
    let mut rows = vec![json!({
        "id": "0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a", "number": 42,
        "object_id": "507f1f77bcf86cd799439011", "name": "=HYPERLINK(\"x\")",
        "status": "terminated", "collection_mode": "discovery", "email": "a@example.com",
        "tags": ["a,b", "'c", "d\"e"], "org_id": "-1", "project_id": "+1", "owner_id": "@x",
        "avatar_url": "https://example.com/a.png",
        "contact_methods": [
            {"type": "email", "value": "b@example.com", "preferred": true},
            {"type": "phone", "value": "+49 30 901820"},
        ],
        "custom": {"plan": "gold\n\r\t", "k\"ey": "ä漢"}, "external_id": "'=1",
        "enrollment_token": {
            "id": "0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2b",
            "value": "enroll_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6", "description": "d",
            "site_id": "s", "max_uses": 10, "uses": 3, "expires_at": "2027-01-01T00:00:00.000Z",
            "created_at": "2024-05-01T00:00:00.000Z",
        },
        "created_at": "2020-01-01T00:00:00.000Z", "updated_at": "2025-01-01T00:00:00.001Z",
        "workspace_deleted_at": "2025-01-01T00:00:00.000Z",
    })];
    let attributes = json!({
        "client_type_id": 9, "client_type_title": "Big, \"old\"", "site_url": " spaces ",
        "logo_url": "-", "inception_date": "2020-02-29", "terminated_date": "2021-01-01",
        "street": "line\nbreak", "city": "''", "state": "=", "country": "'s-Hertogenbosch",
        "zip": "\t1", "region": {"id": -7, "name": "South"}, "timezone": "Europe/Berlin",
        "salesforce_account_id": "s", "zendesk_id": "z", "freshdesk_id": "f", "usage_id": "u",
        "stripe_id": "st", "external_status_id": "e", "nps_score": -42, "note": "\r\n\"\"",
        "created_by_employee_id": 0, "modified_by_employee_id": 1, "managed_by_employee_id": 2,
        "assigned_sales_rep_id": 3, "assigned_sales_rep": "Rep", "success_cycle_id": 4,
        "primary_contact_id": 5, "acc_teaming_roles": [{"employee_id": 1, "role": "Lead"}]
    });
    rows[0].as_object_mut().expect("a row").extend(attributes.as_object().expect("it").clone());
    for number in 1..=170 {
        rows.push(
            json!({ "name": format!("Client {number}"), "external_id": format!("x{number}") }),
        );
    }
    rows[7]["parent_client_id"] = json!(42);
    rows[8]["enrollment_token"] = Value::Null;
    rows[9]["collection_mode"] = json!("deleted");
    rows
}

#[tokio::test]
async fn what_is_exported_can_be_imported_and_is_the_same() {
    let from = Place::new().await;
    let import = from.import(None, &hard_rows()).await;
    assert_eq!((counts(&import), errors(&import).await), ([171, 0, 0, 0], Vec::new()));
    from.verify().await;
    let row = &from.rows().await[0];
    for (name, value) in hard_rows()[0].as_object().expect("a row") {
        match name.as_str() {
            "contact_methods" => assert_eq!(row[name][1]["preferred"], false),
            _ => assert_eq!(row[name], *value, "{name}"),
        }
    }
    let mut engines = vec![TestDatabase::new(), TestDatabase::sqlite()];
    engines.extend(Engine::postgres().map(TestDatabase::on));
    for database in engines {
        for format in Format::ALL {
            let file = from.export(format).await;
            let into = Place::on(TestDatabase::on(match database.url().split_once(':') {
                Some(("sqlite", _)) => Engine::Sqlite,
                _ => Engine::postgres().expect("the other engine"),
            }))
            .await;
            let import = into.import_as(&caller(), terms(None), format, &file).await;
            assert_eq!(counts(&import.expect("an import")), [171, 0, 0, 0]);
            assert!(into.export(format).await == file, "{format:?}");
            into.verify().await;
            // Once more, as changes: nothing is one.
            let entries = into.count("audit_entries");
            let again = ImportTerms { id: Uuid::from_u128(8), ..terms(Some(MatchBy::Id)) };
            let again = into.import_as(&caller(), again, format, &file).await.expect("an import");
            assert_eq!(counts(&again), [0, 0, 171, 0], "{:?}", errors(&again).await);
            assert_eq!(into.count("audit_entries"), entries);
        }
    }
}

#[tokio::test]
async fn rows_change_the_clients_that_they_match() {
    let place = Place::new().await;
    place.import(None, &hard_rows()).await;
    let id = "0195803b-5c40-7d0f-9c1b-7a6e5d4c3b2a";
    for (by, key) in [
        (MatchBy::Id, json!({ "id": id })),
        (MatchBy::Number, json!({ "number": 42 })),
        (MatchBy::ObjectId, json!({ "object_id": "507F1F77BCF86CD799439011" })),
        (MatchBy::ExternalId, json!({ "external_id": "'=1" })),
    ] {
        let mut row = key;
        row["note"] = json!(format!("by {}", by.as_str()));
        row["custom"] = json!({ "plan": null, "new": by.as_str() });
        row["tags"] = Value::Null;
        let import = place.import(Some(by), &[row.clone(), row]).await;
        assert_eq!(counts(&import), [0, 1, 1, 0], "{:?}", errors(&import).await);
    }
    let row = &place.rows().await[0];
    assert_eq!(row["note"], "by external_id");
    assert_eq!(row["custom"], json!({ "k\"ey": "ä漢", "new": "external_id" }));
    assert_eq!([&row["tags"], &row["org_id"]], [&json!([]), &json!("-1")]);
    // One that is not there is made, with the key that it was looked for by.
    let new = json!({ "external_id": "new", "name": "New" });
    let import = place.import(Some(MatchBy::ExternalId), &[new.clone(), new]).await;
    assert_eq!(counts(&import), [1, 0, 1, 0]);
    // What a client is known by stays.
    let others = json!({ "number": 42, "id": Uuid::from_u128(1), "enrollment_token": {
        "value": format!("enroll_{}", "a".repeat(32)),
    }});
    let import = place.import(Some(MatchBy::Number), &[others]).await;
    let error = &errors(&import).await[0];
    let rules = ["/id", "/enrollment_token"].map(|path| (path.to_owned(), "read_only".to_owned()));
    assert_eq!(broken(error), rules);
    let taken = json!({ "number": 42, "external_id": "new" });
    let import = place.import(Some(MatchBy::Number), &[taken]).await;
    is_broken(&errors(&import).await[0], 1, "/external_id", "unique");
    place.verify().await;
}

#[tokio::test]
async fn a_row_that_fails_leaves_nothing_and_the_others_stand() {
    let place = Place::new().await;
    place.import(None, &[json!({ "name": "There", "number": 5, "external_id": "there" })]).await;
    let before = place.count("audit_entries");
    let rows = [
        (json!({ "name": " " }), "/name", "not_blank"),
        (json!({}), "/name", "required"),
        (json!({ "name": "x", "number": 5 }), "/number", "unique"),
        (json!({ "name": "x", "external_id": "there" }), "/external_id", "unique"),
        (json!({ "name": "x", "colour": "red" }), "/colour", "unknown_field"),
        (json!({ "name": "x", "parent_client_id": 77 }), "/parent_client_id", "exists"),
        (json!({ "name": "x", "client_type_id": 77 }), "/client_type_id", "exists"),
        (json!({ "name": "x", "created_at": "2099-01-01T00:00:00Z" }), "/created_at", "past"),
        (
            json!({ "name": "x", "workspace_deleted_at": "2020-01-01T00:00:00Z" }),
            "/workspace_deleted_at",
            "status",
        ),
        (json!({ "name": "x", "nps_score": 101 }), "/nps_score", "range"),
        (json!({ "name": "x", "number": 4_503_599_627_370_497_i64 }), "/number", "range"),
        (
            json!({ "name": "x", "contact_methods": [{ "type": "fax", "value": "x" }] }),
            "/contact_methods/0/value",
            "phone",
        ),
        (
            json!({ "name": "x", "inception_date": "2020-01-02", "terminated_date": "2020-01-01" }),
            "/terminated_date",
            "date_order",
        ),
        (json!([]), "", "type"),
    ];
    let mut file: Vec<_> = rows.iter().map(|(row, ..)| row.clone()).collect();
    file.push(json!({ "name": "Good" }));
    let import = place.import(None, &file).await;
    assert_eq!(counts(&import), [1, 0, 0, 14]);
    let mut errors = errors(&import).await;
    errors.sort_by_key(|error| error.row);
    for (at, ((_, path, rule), error)) in rows.iter().zip(&errors).enumerate() {
        is_broken(error, i64::try_from(at).expect("few") + 1, path, rule);
    }
    assert_eq!(
        errors[2].sentence(),
        "number: another client of the tenant already has this number"
    );
    let names: Vec<_> = place.rows().await.iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["There", "Good"]);
    // Failed rows take no numbers.
    assert_eq!(place.rows().await[1]["number"], 6);
    let after: i64 = place.count("audit_entries").parse().expect("a number");
    assert_eq!(after, before.parse::<i64>().expect("a number") + 2, "a client and its token");
    assert_eq!(place.count("client_types"), "0");
    place.verify().await;
}

#[tokio::test]
async fn parents_may_stand_later() {
    let place = Place::new().await;
    let id = |number: u128| Uuid::from_u128(1 << 64 | number).to_string();
    let mut rows = vec![
        json!({ "name": "Grandchild", "parent_client_id": id(2) }),
        json!({ "name": "Child", "id": id(2), "parent_client_id": 700 }),
        json!({ "name": "Its own", "number": 9, "parent_client_id": 9 }),
        json!({ "name": "One of a circle", "number": 11, "parent_client_id": 12 }),
        json!({ "name": "The other", "number": 12, "parent_client_id": 11 }),
    ];
    rows.extend((0..120).map(|at| json!({ "name": format!("Filler {at}") })));
    rows.push(json!({ "name": "Parent", "number": 700 }));
    let import = place.import(None, &rows).await;
    assert_eq!(counts(&import), [123, 0, 0, 3]);
    for (error, row) in errors(&import).await.iter().zip([3, 4, 5]) {
        is_broken(error, row, "/parent_client_id", "exists");
    }
    let rows = place.rows().await;
    let find = |name: &str| rows.iter().find(|row| row["name"] == name).expect("a client").clone();
    assert_eq!(find("Child")["parent_client_id"], 700);
    assert_eq!(find("Grandchild")["parent_client_id"], find("Child")["number"]);
    assert_eq!(place.count("import_waiting"), "0");
    // A circle of clients that are there is refused.
    let circle = json!({ "number": 700, "parent_client_id": find("Grandchild")["number"] });
    let import = place.import(Some(MatchBy::Number), &[circle]).await;
    is_broken(&errors(&import).await[0], 1, "/parent_client_id", "no_cycle");
    place.verify().await;
}

/// What is exported can be imported: no client has a number that a row may not have.
#[tokio::test]
async fn no_number_is_given_out_that_an_import_refuses() {
    let place = Place::new().await;
    let last = json!({ "name": "Last", "number": MAX_NUMBER });
    let import = place.import(None, &[last.clone(), json!({ "name": "Next" })]).await;
    assert_eq!(counts(&import), [1, 0, 0, 1]);
    is_broken(&errors(&import).await[0], 2, "", "spent");
    // Rows that bring their own go on.
    let import = place.import(None, &[json!({ "name": "Own", "number": MAX_NUMBER - 1 })]).await;
    assert_eq!(counts(&import), [1, 0, 0, 0]);
    let file = place.export(Format::Csv).await;
    let into = Place::new().await;
    let import = into.import_as(&caller(), terms(None), Format::Csv, &file).await;
    assert_eq!(counts(&import.expect("an import")), [2, 0, 0, 0]);
    assert!(into.export(Format::Csv).await == file);
    into.verify().await;
}

#[tokio::test]
async fn a_dry_run_tells_and_writes_nothing() {
    let place = Place::new().await;
    let before = (place.count("audit_entries"), place.export(Format::Csv).await);
    let rows = [
        json!({ "name": "Good", "client_type_title": "New" }),
        json!({ "name": "" }),
        json!({ "name": "Child", "parent_client_id": 99 }),
    ];
    let file = lines(&rows);
    let terms = ImportTerms { dry_run: true, ..terms(None) };
    let import = place.import_as(&caller(), terms, Format::Ndjson, file.as_bytes()).await;
    let import = import.expect("an import");
    assert_eq!((counts(&import), import.mark().waiting()), ([1, 0, 0, 1], 1));
    is_broken(&errors(&import).await[0], 2, "/name", "not_blank");
    assert_eq!((place.count("audit_entries"), place.export(Format::Csv).await), before);
    assert_eq!(place.count("client_types"), "0");
}

#[tokio::test]
async fn each_column_takes_its_permission() {
    use Permission as P;
    let place = Place::new().await;
    let member = with_permissions(&[P::ClientsView, P::ClientsCreate, P::ClientsUpdate]);
    let rows = [
        json!({ "name": "Plain" }),
        json!({ "name": "x", "id": Uuid::from_u128(3) }),
        json!({ "name": "x", "updated_at": "2020-01-01T00:00:00Z" }),
        json!({ "name": "x", "status": "trial" }),
        json!({ "name": "x", "collection_mode": "disabled" }),
        json!({ "name": "x", "enrollment_token": format!("enroll_{}", "b".repeat(32)) }),
    ];
    let file = lines(&rows);
    let import = place.import_as(&member, terms(None), Format::Ndjson, file.as_bytes()).await;
    let import = import.expect("an import");
    assert_eq!(counts(&import), [1, 0, 0, 5]);
    let paths: Vec<_> = errors(&import).await.iter().flat_map(broken).collect();
    let expected = ["/id", "/updated_at", "/status", "/collection_mode", "/enrollment_token"];
    assert_eq!(paths, expected.map(|path| (path.to_owned(), "permission".to_owned())));
    let creator = with_permissions(&[P::ClientsView, P::ClientsCreate]);
    let refused = place.app.import_clients(&creator, terms(Some(MatchBy::Id))).await;
    assert!(matches!(refused, Err(AppError::Forbidden(_))));
    let viewer = with_permissions(&[P::ClientsView]);
    let refused = place.app.import_clients(&viewer, terms(None)).await;
    assert!(matches!(refused, Err(AppError::Forbidden(_))));
}

#[test]
fn rows_that_name_the_same_are_not_in_one_batch() {
    let mut gather = Gather::new(Format::Ndjson, Taken::default(), 10);
    gather
        .feed(b"{\"name\":\"a\",\"external_id\":\"x\"}\n{\"name\":\"b\",\"external_id\":\"x\"}\n");
    gather.feed(b"");
    let sizes: Vec<_> = std::iter::from_fn(|| gather.next_batch().expect("rows"))
        .map(|batch| batch.len())
        .collect();
    assert_eq!(sizes, [1, 1]);
    assert!(Batcher::new(10).end().is_none());
}

/// Rows as a file of NDJSON.
fn lines(rows: &[impl ToString]) -> String {
    rows.iter().map(|row| row.to_string() + "\n").collect::<Vec<_>>().concat()
}
