//! The bench on a small store, with a server in this process: that it counts what it should, and
//! that it can fail.

use crate::generator::{self, Load, Target};
use crate::raw::{self, Recordings};
use crate::store::{InProcess, Template, url};
use crate::surface::Surface;
use crate::work::Book;
use clientbook_app::{App, AuditScope, Env};
use clientbook_store::{Access, Db};
use std::path::Path;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CLIENTS: u32 = 100;
const LOAD: Load = Load { connections: 8, threads: 2, seconds: 0.2, engine: None };

fn template() -> (TempDir, Template) {
    let directory = TempDir::new().expect("a temporary directory");
    let template = Template::make(directory.path(), CLIENTS).expect("a store");
    (directory, template)
}

/// Entries of an intact trail.
fn entries(store: &Path) -> u64 {
    let db = Db::open(&url(store), Access::Read).expect("a store");
    let app = App::inspect(db, Env::system());
    let runtime = Runtime::new().expect("a runtime");
    let report = runtime.block_on(app.verify_audit(AuditScope::default())).expect("a report");
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    report.entries
}

#[test]
fn every_request_is_answered_and_every_change_is_audited() {
    let (_directory, template) = template();
    let store = template.copy("served").expect("a copy");
    let before = entries(&store);
    let runtime = Runtime::new().expect("a runtime");
    let server = InProcess::serve(&runtime, &url(&store)).expect("a server");
    let target = Target { address: server.address, process: std::process::id() };
    let book = Book::new(&template.clients, &template.token);
    for surface in Surface::ALL {
        let reads =
            generator::drive(&LOAD, &[target], &book.reads(surface)).expect("right answers");
        let writes = generator::drive(&LOAD, &[target], &book.writes(surface)).expect("changes");
        assert!(reads.latencies.count() > 0 && writes.latencies.count() > 0, "{surface:?}");
    }
    assert_eq!(entries(&store), before + book.changes());
}

#[test]
fn a_replayed_store_is_what_the_server_would_have_made() {
    let (_directory, template) = template();
    let recordings = Recordings::make(&template, &LOAD).expect("recordings");
    let store = template.copy("replayed").expect("a copy");
    let before = entries(&store);
    let mut replay = raw::open(&store).expect("a store");
    for surface in Surface::ALL {
        let outcome = recordings.run(surface, &mut replay).expect("a run");
        assert!(outcome.latencies.count() > 0 && outcome.seconds > 0.0, "{surface:?}");
        assert!(recordings.group_size(surface) >= 1.0, "{surface:?}");
    }
    assert_eq!(entries(&store), before + recordings.changes());
}

#[test]
fn a_wrong_answer_ends_the_run() {
    let (_directory, template) = template();
    let runtime = Runtime::new().expect("a runtime");
    let store = template.copy("served").expect("a copy");
    let server = InProcess::serve(&runtime, &url(&store)).expect("a server");
    let target = Target { address: server.address, process: std::process::id() };
    let book = Book::new(&template.clients, &template.token);
    let surface = Surface::Workspace;
    let told = |outcome: Result<generator::Outcome, crate::Failure>| {
        outcome.err().expect("a failure").to_string()
    };
    let stranger = Book::new(&template.clients, "cb_nobody");
    let unauthorized = told(generator::drive(&LOAD, &[target], &stranger.reads(surface)));
    assert!(unauthorized.starts_with("200 was expected: 401"), "{unauthorized}");
    let other = book.reads(surface).of_constant(b"{}");
    let other = told(generator::drive(&LOAD, &[target], &other));
    assert!(other.starts_with("another client's body came: 200"), "{other}");
    // Who has not seen the changes so far takes the first answer for one too many.
    generator::drive(&LOAD, &[target], &book.writes(surface)).expect("changes");
    let unaware = Book::new(&template.clients, &template.token);
    let unaware = told(generator::drive(&LOAD, &[target], &unaware.writes(Surface::Tenants)));
    assert!(unaware.starts_with("version 1 became"), "{unaware}");
}
