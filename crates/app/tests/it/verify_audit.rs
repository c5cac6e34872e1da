//! What `audit verify` checks and reports, where nobody has tampered, and beside a writer.

use crate::book::{ACME, Book, GLOBEX, INITECH, OURS, RIVAL, change_once_more, verify};
use clientbook_app::{AppError, Missing};
use clientbook_model::audit::ChainFault;
use uuid::Uuid;

#[tokio::test]
async fn an_untouched_store_has_no_fault() {
    let book = Book::with_history().await;
    let report = book.verify(None, None).await;
    assert_eq!(report.faults, []);
    // The system's, two tenants' and three clients'.
    assert_eq!(report.chains, 6);
    let count = book.database.rows("SELECT count(*) FROM audit_entries");
    let entries: u64 = count[0][0].parse().expect("a number");
    assert_eq!(report.entries, entries);
    assert!(entries > 40, "{entries} entries are no history");
}

#[tokio::test]
async fn a_scope_is_a_tenant_or_a_client() {
    let book = Book::with_history().await;
    for name in ["tenant123", "65A000000000000000000123", &OURS.to_string()] {
        assert_eq!(book.verify(Some(name), None).await.chains, 3, "{name}");
    }
    assert_eq!(book.verify(Some("tenant999"), None).await.chains, 2);
    assert_eq!(book.verify(None, Some(INITECH)).await.chains, 1);
    assert_eq!(book.verify(Some("tenant999"), Some(INITECH)).await.chains, 1);
    let shouted = Some(ACME.to_string().to_uppercase());
    let report = verify(&book.inspect(), None, shouted).await.expect("a report");
    assert_eq!(report.chains, 1);
}

#[tokio::test]
async fn faults_are_those_of_the_scope() {
    let book = Book::with_history().await;
    let initech = book.database.uuid(INITECH);
    book.tamper(&[format!(
        "UPDATE audit_entries SET actor_id = 'x' WHERE chain_id = {initech} AND sequence = 3"
    )]);
    assert_eq!(book.verify(Some("tenant123"), None).await.faults, []);
    assert_eq!(book.verify(None, Some(ACME)).await.faults, []);
    for (tenant, client) in [(None, None), (Some("tenant999"), None), (None, Some(INITECH))] {
        let faults = book.verify(tenant, client).await.faults;
        let [fault] = &faults[..] else { panic!("{faults:?}") };
        assert_eq!((fault.tenant_id.0, fault.chain_id), (RIVAL, INITECH));
        assert_eq!(fault.what, ChainFault::Edited { sequence: 3 }.to_string());
    }
    // A client that is gone is its own tenant's fault too.
    book.tamper(&[format!("DELETE FROM clients WHERE id = {initech}")]);
    assert_eq!(book.verify(Some("tenant123"), None).await.faults, []);
    assert_eq!(book.verify(Some("tenant999"), None).await.faults.len(), 1);
}

#[tokio::test]
async fn an_unknown_scope_is_not_found() {
    let book = Book::with_history().await;
    let app = book.inspect();
    let (acme, nobody) = (ACME.to_string(), Uuid::max().to_string());
    let unknown = [
        (Some("nobody"), None, "tenant", "nobody"),
        (Some("no such name"), None, "tenant", "no such name"),
        (Some(&*nobody), None, "tenant", &*nobody),
        // The system's own is nobody's to name.
        (Some("clientbook-system"), None, "tenant", "clientbook-system"),
        (None, Some(&*nobody), "client", &*nobody),
        (None, Some("456"), "client", "456"),
        (Some("tenant999"), Some(&*acme), "client", &*acme),
        (Some("nobody"), Some(&*acme), "tenant", "nobody"),
    ];
    for (tenant, client, kind, id) in unknown {
        let report = verify(&app, tenant, client.map(str::to_owned)).await;
        let Err(AppError::NotFound(missing)) = report else { panic!("{report:?}") };
        assert_eq!(missing, Missing { kind, id: id.to_owned() });
    }
}

/// More entries than are read at a time.
#[tokio::test]
async fn a_long_chain_is_checked_to_its_end() {
    let (book, app) = Book::open_new().await;
    for number in 0..1_000 {
        change_once_more(&app, GLOBEX, number).await;
    }
    drop(app);
    let report = book.verify(None, Some(GLOBEX)).await;
    assert_eq!((report.entries, report.faults), (1_001, vec![]));
    let globex = book.database.uuid(GLOBEX);
    for sequence in [1_000, 501, 500, 1] {
        let copy = book.copy();
        copy.tamper(&[format!(
            "DELETE FROM audit_entries WHERE chain_id = {globex} AND sequence = {sequence}"
        )]);
        let [fault] = &copy.verify(None, None).await.faults[..] else { panic!("{sequence}") };
        assert_eq!(fault.what, ChainFault::Broken { sequence }.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_beside_it_is_no_fault() {
    let (book, app) = Book::open_new().await;
    let mut writers = tokio::task::JoinSet::new();
    for client in [ACME, GLOBEX, INITECH] {
        let app = app.clone();
        writers.spawn(async move {
            for number in 0..200 {
                change_once_more(&app, client, number).await;
            }
        });
    }
    let beside = book.inspect();
    let mut seen = Vec::new();
    while !writers.is_empty() {
        for verifier in [&app, &beside] {
            let report = verify(verifier, None, None).await.expect("a report");
            assert_eq!((report.chains, report.faults), (6, vec![]));
            seen.push(report.entries);
        }
        while let Some(writer) = writers.try_join_next() {
            writer.expect("a writer");
        }
    }
    let end = verify(&app, None, None).await.expect("a report");
    assert_eq!(end.faults, []);
    assert!(seen.iter().any(|entries| *entries < end.entries), "nothing was written meanwhile");
    assert!(end.entries > 600, "{}", end.entries);
}
