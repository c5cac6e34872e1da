//! Imports that are interrupted, or repeated, go on with the same rows.

use super::{Place, caller, counts, errors, lines, terms};
use clientbook_app::{AppError, Import, ImportTerms};
use clientbook_model::moving::{Format, Gather, MatchBy, Taken};
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn an_import_goes_on_and_does_no_row_twice() {
    let place = Place::new().await;
    // None has a key: each would make a client each time.
    let mut rows: Vec<_> = (1..=230).map(|at| json!({ "name": format!("Client {at}") })).collect();
    rows[3] = json!({ "name": "" });
    rows[220] = json!({ "name": "" });
    let file = lines(&rows);
    let mut first = place.app.import_clients(&caller(), terms(None)).await.expect("an import");
    let mut gather = Gather::new(Format::Ndjson, Taken::default(), first.batch());
    gather.feed(file.as_bytes());
    for _ in 0..2 {
        let rows = gather.next_batch().expect("rows").expect("a batch");
        first.take(rows.clone()).await.expect("rows");
        // As after a lost answer to the commit.
        first.take(rows).await.expect("the same rows");
    }
    assert_eq!((first.mark().read, counts(&first)), (100, [99, 0, 0, 1]));
    drop(first);
    let again = place.import_as(&caller(), terms(None), Format::Ndjson, file.as_bytes()).await;
    let again = again.expect("an import that goes on");
    assert_eq!((again.mark().read, counts(&again)), (230, [228, 0, 0, 2]));
    let rows: Vec<_> = errors(&again).await.iter().map(|error| error.row).collect();
    assert_eq!(rows, [4, 221]);
    assert_eq!(place.rows().await.len(), 228);
    let third = place.import_as(&caller(), terms(None), Format::Ndjson, file.as_bytes()).await;
    let third = third.expect("an import that is done");
    assert_eq!((counts(&third), errors(&third).await.len()), ([228, 0, 0, 2], 2));
    assert_eq!(place.rows().await.len(), 228);
    // The same name with other wishes is another import.
    let other = place.app.import_clients(&caller(), terms(Some(MatchBy::Id))).await;
    assert!(matches!(other, Err(AppError::Conflict(told)) if told.rule == "other_import"));
    place.verify().await;
}

#[tokio::test]
async fn an_old_import_goes_on_and_a_forgotten_one_does_not() {
    let place = Place::new().await;
    let month = || place.clock.fetch_add(31 * 24 * 60 * 60 * 1000, Ordering::Relaxed);
    let row = |name: &str| json!({ "name": name }).to_string() + "\n";
    let going_on = ImportTerms { resume: true, ..terms(None) };
    let mut file = row("First");
    let unknown = place.app.import_clients(&caller(), going_on.clone()).await;
    assert!(matches!(unknown, Err(AppError::Conflict(told)) if told.rule == "no_such_import"));
    let import = place.import_as(&caller(), terms(None), Format::Ndjson, file.as_bytes()).await;
    assert_eq!(counts(&import.expect("an import")), [1, 0, 0, 0]);
    month();
    // A longer file than the one that ended, with a row that finds no parent.
    file += &row("Second");
    file += "{\"name\":\"Third\",\"parent_client_id\":99}\n";
    let import =
        place.import_as(&caller(), going_on.clone(), Format::Ndjson, file.as_bytes()).await;
    let import = import.expect("an import that goes on");
    assert_eq!((counts(&import), import.mark().waiting()), ([2, 0, 0, 1], 0));
    month();
    while place.app.forget_imports().await.expect("a clean-up") {}
    let forgotten = place.app.import_clients(&caller(), going_on).await;
    assert!(matches!(forgotten, Err(AppError::Conflict(told)) if told.rule == "no_such_import"));
}

/// It is bound to the rows that it has read, whether they failed, wait or made a client.
#[tokio::test]
async fn an_import_goes_on_with_the_rows_that_it_began_with_only() {
    let place = Place::new().await;
    let row = |name: &str| json!({ "name": name }).to_string() + "\n";
    let import = async |file: &str, format| {
        place.import_as(&caller(), terms(None), format, file.as_bytes()).await
    };
    let is_other = |told: Result<Import, AppError>| matches!(told, Err(AppError::Conflict(told)) if told.rule == "other_content");
    let first = row("First") + &row("") + "{\"name\":\"Third\",\"parent_client_id\":99}\n";
    assert_eq!(counts(&import(&first, Format::Ndjson).await.expect("an import")), [1, 0, 0, 2]);
    for other in [
        first.replace("First", "Worst"),
        first.replace("99", "98"),
        row("First") + &row(""),
        row("Zeroth") + &first,
        String::new(),
    ] {
        assert!(is_other(import(&other, Format::Ndjson).await), "{other}");
    }
    assert!(is_other(import("name\nFirst\n\nThird\n", Format::Csv).await));
    // The same rows, with other line ends; then more of them.
    let same = first.trim_end().replace('\n', "\r\n");
    assert_eq!(counts(&import(&same, Format::Ndjson).await.expect("the same")), [1, 0, 0, 2]);
    let longer = first.clone() + &row("Fourth");
    assert_eq!(counts(&import(&longer, Format::Ndjson).await.expect("more")), [2, 0, 0, 2]);
    assert!(is_other(import(&first, Format::Ndjson).await), "it is shorter by now");
    // As one that began before digests were kept, and stays so.
    place.database.execute("UPDATE imports SET read_digest = NULL");
    let unknown = longer.replace("First", "Worst") + &row("Fifth");
    assert_eq!(counts(&import(&unknown, Format::Ndjson).await.expect("unchecked")), [3, 0, 0, 2]);
    assert_eq!(place.count("imports WHERE read_digest IS NULL"), "1");
}

#[tokio::test]
async fn two_runs_of_an_import_do_not_mix_their_files() {
    let place = Place::new().await;
    let begin = async || place.app.import_clients(&caller(), terms(None)).await.expect("an import");
    let (mut first, mut second) = (begin().await, begin().await);
    let batches = |name: &str| {
        let rows: Vec<_> = (0..100).map(|at| json!({ "name": format!("{name} {at}") })).collect();
        let mut gather = Gather::new(Format::Ndjson, Taken::default(), first.batch());
        gather.feed(lines(&rows).as_bytes());
        gather.feed(b"");
        [(); 2].map(|()| gather.next_batch().expect("rows").expect("a batch"))
    };
    let ([one, two], [other_one, other_two]) = (batches("Mine"), batches("Theirs"));
    first.take(one).await.expect("rows");
    for rows in [other_one, other_two] {
        let told = second.take(rows).await.expect_err("another file");
        assert!(matches!(told, AppError::Conflict(told) if told.rule == "other_content"));
    }
    first.take(two).await.expect("rows");
    assert_eq!((counts(&first), place.rows().await.len()), ([100, 0, 0, 0], 100));
}
