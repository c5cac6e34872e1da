//! Histories that their users wrote to do harm.

use super::*;
use std::time::Instant;

const URLS: &str = "CREATE TABLE urls(id INTEGER PRIMARY KEY, url TEXT);";
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT i AS id, i AS url, i AS visit_time, 805306369 AS transition FROM n";

/// A home with one history, made of these statements.
fn home(sql: &str) -> Home {
    let home = Home::new();
    home.open(".config/chromium/Default/History").execute_batch(sql).unwrap();
    home
}

#[test]
fn what_is_no_table_is_not_read() {
    let begun = Instant::now();
    let table = "CREATE TABLE visits(id, url, visit_time, transition, module)";
    for visits in [
        format!("CREATE VIEW visits AS {ENDLESS};"),
        // It has all that a history has.
        format!(
            "CREATE VIRTUAL TABLE visits USING fts5(id, url, visit_time, transition);
             INSERT INTO urls VALUES (1, 'https://example.org/');
             INSERT INTO visits VALUES (1, 1, {}, {ORDINARY});",
            (NOW - 9) * 1_000 + CHROMIUM_EPOCH,
        ),
        "CREATE VIRTUAL TABLE visits USING dbstat;".to_owned(),
        // A column that SQLite reckons, in one step that it never ends.
        format!(
            "CREATE TABLE visits(id, url, visit_time, transition AS (id LIKE url));
             INSERT INTO urls VALUES (1, 'https://example.org/');
             INSERT INTO visits VALUES ('{}', '%a%a%a%a%a%a%a%a%b', {});",
            "a".repeat(100_000),
            (NOW - 9) * 1_000 + CHROMIUM_EPOCH,
        ),
        // The schema says table, and its text another thing.
        format!(
            "{table}; PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = 'CREATE VIEW visits AS {}' WHERE name = 'visits';",
            ENDLESS.replace('\n', " "),
        ),
        // The name is the table's, and the text makes another.
        format!(
            "{table}; CREATE TABLE other(a); PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = 'CREATE TABLE x(a)' WHERE name = 'visits';
             UPDATE sqlite_schema SET sql = 'CREATE VIEW visits AS {}' WHERE name = 'other';",
            ENDLESS.replace('\n', " "),
        ),
    ] {
        let mut home = home(&format!("{URLS} {visits}"));
        let said = "a history of Chromium cannot be read: invalid data";
        assert_eq!(home.failing_scan(NOW), said, "{visits}");
    }
    assert!(begun.elapsed() < TIME, "they were read, though not to their ends");
}

#[test]
fn a_huge_value_is_not_taken_in() {
    let mut home = Home::new();
    let history = home.chromium();
    let huge = format!("https://example.org/{}", "a".repeat(3 << 20));
    visit_chromium(&history, &huge, NOW - 9, ORDINARY);
    assert_eq!(home.failing_scan(NOW), "a history of Chromium cannot be read: invalid data");
}

#[test]
fn only_so_many_domains_count() {
    let mut home = Home::new();
    let mut history = home.chromium();
    let all = history.transaction().unwrap();
    for number in 0..tally::MOST + 50 {
        visit_chromium(&all, &format!("https://d{number}.example/"), NOW - 9_000, ORDINARY);
    }
    all.commit().unwrap();
    let scan = home.look(NOW);
    assert_eq!(scan.gathered.len(), tally::MOST);
    assert_eq!(scan.errors.len(), 1, "{:?}", scan.errors);
    // Nor at the next look, but what is known goes on counting.
    visit_chromium(&history, "https://new.example/", NOW + 1_000, ORDINARY);
    visit_chromium(&history, "https://d0.example/", NOW + 1_000, ORDINARY);
    let found = home.look(NOW + 2_000).gathered;
    let shown: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(shown, ["d0.example"]);
}

#[test]
fn a_history_that_takes_too_long_is_left_and_its_user_rests() {
    let mut home = Home::new();
    let history = home.chromium();
    let url = visit_chromium(&history, "https://example.org/", NOW - 9, ORDINARY);
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 299999)
        INSERT INTO visits (url, visit_time, transition) SELECT ?1, ?2, ?3 FROM n";
    let at = (NOW - 9) * 1_000 + CHROMIUM_EPOCH;
    history.execute(many, [url, at, ORDINARY]).unwrap();
    home.scanner.time = Duration::from_millis(30);
    assert_eq!(home.failing_scan(NOW), "a history of Chromium cannot be read: timed out");
    home.scanner.time = TIME;
    assert_eq!(home.failing_scan(NOW), "a user's histories take too long to be read");
    // The hour is over.
    home.scanner.rests.clear();
    assert_eq!(home.scan(NOW), [some("example.org", TODAY, 300_000)]);
}

#[test]
fn what_failed_is_not_tried_again_until_it_changes() {
    let mut home = Home::new();
    let path = home.dir.path().join("home/anna/.config/chromium/Default/History");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "no database").unwrap();
    let said = home.failing_scan(NOW);
    // Were it copied again, this would be another error.
    home.visitor.account.uid += 1;
    assert_eq!(home.failing_scan(NOW), said);
    assert_eq!(home.scanner.seen.len(), 1);
    fs::write(&path, "no database either").unwrap();
    assert_eq!(home.failing_scan(NOW), "a history of Chromium cannot be read: permission denied");
    // Nor is one remembered that is gone.
    fs::remove_file(&path).unwrap();
    assert_eq!(home.failing_scan(NOW), "");
    assert_eq!(home.scanner.seen.len(), 0);
}

#[test]
fn profiles_that_come_and_go_are_counted_up_to_a_number() {
    let mut home = Home::new();
    for number in 0..MOST_PROFILES {
        home.cursors.insert(format!("uid:1@d /gone/{number}"), 0);
        home.cursors.insert(format!("uid:2@d /other/{number}"), 0);
    }
    home.visitor.account.key = "uid:1@d".into();
    visit_chromium(&home.chromium(), "https://example.org/", NOW - 9, ORDINARY);
    assert_eq!(home.failing_scan(NOW), "a user has more profiles than are read");
    home.cursors.remove("uid:1@d /gone/0");
    assert_eq!(home.scan(NOW), [some("example.org", TODAY, 1)]);
}

#[test]
fn visits_of_long_ago_do_not_count() {
    let mut home = Home::new();
    home.visitor.since = 0;
    let history = home.chromium();
    visit_chromium(&history, "https://old.example/", NOW - OLDEST - 1, ORDINARY);
    visit_chromium(&history, "https://new.example/", NOW - OLDEST + 1, ORDINARY);
    assert_eq!(home.scan(NOW), [some("new.example", (NOW - OLDEST) - (NOW - OLDEST) % DAY, 1)]);
}

#[test]
fn a_value_of_another_type_spoils_nothing() {
    let mut home = Home::new();
    let history = home.chromium();
    visit_chromium(&history, "https://example.org/", NOW - 9, ORDINARY);
    let id = visit_chromium(&history, "https://example.com/", NOW - 9, ORDINARY);
    history
        .execute("UPDATE urls SET url = CAST(x'687474703aff' AS TEXT) WHERE id = ?1", [id])
        .unwrap();
    assert_eq!(home.scan(NOW), [some("example.org", TODAY, 1)]);
}
