use super::*;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use tempfile::TempDir;

/// 2026-03-10, 14:30 UTC.
const NOW: Millis = 1_773_153_000_000;
const TODAY: Millis = NOW - NOW % DAY;
const CHROMIUM_EPOCH: i64 = 11_644_473_600_000_000;

/// A home with histories that SQLite made.
struct Home {
    dir: TempDir,
    visitor: Visitor,
    scanner: Scanner,
    cursors: Cursors,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home/anna");
        fs::create_dir_all(&home).unwrap();
        let uid = fs::metadata(&home).unwrap().uid();
        let account =
            Account { uid, name: "anna".into(), home: "/home/anna".into(), key: "uid:1@d".into() };
        let visitor = Visitor { account, since: TODAY };
        Self { dir, visitor, scanner: Scanner::default(), cursors: Cursors::new() }
    }

    fn open(&self, path: &str) -> Connection {
        let path = self.dir.path().join("home/anna").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        Connection::open(path).unwrap()
    }

    fn chromium(&self) -> Connection {
        let connection = self.open(".config/chromium/Default/History");
        connection
            .execute_batch(
                "CREATE TABLE urls(id INTEGER PRIMARY KEY AUTOINCREMENT, url LONGVARCHAR, title TEXT);
                 CREATE TABLE visits(id INTEGER PRIMARY KEY AUTOINCREMENT, url INTEGER NOT NULL,
                     visit_time INTEGER NOT NULL, from_visit INTEGER, transition INTEGER NOT NULL,
                     originator_cache_guid TEXT);
                 CREATE TABLE visit_source(id INTEGER PRIMARY KEY, source INTEGER NOT NULL);",
            )
            .unwrap();
        connection
    }

    fn firefox(&self) -> Connection {
        let connection = self.open(".mozilla/firefox/x.default/places.sqlite");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE moz_places(id INTEGER PRIMARY KEY, url LONGVARCHAR, title TEXT);
                 CREATE TABLE moz_historyvisits(id INTEGER PRIMARY KEY, from_visit INTEGER,
                     place_id INTEGER, visit_date INTEGER, visit_type INTEGER);",
            )
            .unwrap();
        connection
    }

    /// A look, after which what was found counts.
    fn scan(&mut self, now: Millis) -> Vec<(String, Millis, u32)> {
        let scan = self.look(now);
        assert_eq!(scan.errors, []);
        let shown = |one: Gathered| (one.name, one.started_at, one.visits.unwrap());
        scan.gathered.into_iter().map(shown).collect()
    }

    /// A look that finds no visits; what was wrong.
    fn failing_scan(&mut self, now: Millis) -> String {
        let scan = self.look(now);
        assert_eq!(scan.gathered, []);
        let errors: Vec<String> = scan.errors.into_iter().map(|error| error.message).collect();
        errors.join("\n")
    }

    fn look(&mut self, now: Millis) -> Scan {
        let stop = Arc::new(AtomicBool::new(false));
        let places = Places::new(self.dir.path(), self.dir.path()).unwrap();
        let copies = self.dir.path().join("copies");
        let look = Look {
            places: &places,
            copies: &copies,
            visitors: std::slice::from_ref(&self.visitor),
            cursors: &self.cursors,
            now,
            stop: &stop,
        };
        let scan = self.scanner.scan(&look);
        assert!(fs::read_dir(&copies).map_or(0, Iterator::count) == 0);
        self.cursors.extend(scan.cursors.clone());
        scan
    }
}

const ORDINARY: i64 = 0x3000_0001;

fn visit_chromium(connection: &Connection, url: &str, at: Millis, transition: i64) -> i64 {
    let sql = "INSERT INTO urls (url, title) VALUES (?1, 'A title')";
    connection.execute(sql, [url]).unwrap();
    let url = connection.last_insert_rowid();
    let sql = "INSERT INTO visits (url, visit_time, transition, originator_cache_guid)
               VALUES (?1, ?2, ?3, '')";
    connection.execute(sql, (url, at * 1_000 + CHROMIUM_EPOCH, transition)).unwrap();
    connection.last_insert_rowid()
}

fn visit_firefox(connection: &Connection, url: &str, at: Millis, from: i64, kind: i64) -> i64 {
    let sql = "INSERT INTO moz_places (url, title) VALUES (?1, 'A title')";
    connection.execute(sql, [url]).unwrap();
    let place = connection.last_insert_rowid();
    let sql = "INSERT INTO moz_historyvisits (from_visit, place_id, visit_date, visit_type)
               VALUES (?1, ?2, ?3, ?4)";
    connection.execute(sql, (from, place, at * 1_000, kind)).unwrap();
    connection.last_insert_rowid()
}

fn some(domain: &str, day: Millis, visits: u32) -> (String, Millis, u32) {
    (domain.to_owned(), day, visits)
}

#[test]
fn chromiums_visits_are_counted_by_domain_and_day() {
    let mut home = Home::new();
    home.visitor.since = TODAY - DAY;
    let history = home.chromium();
    for (url, at) in [
        ("https://mail.example.org/inbox?q=secret", NOW - 5_000),
        ("https://www.example.org/", NOW - 4_000),
        ("https://crm.example.com/", TODAY - 1),
        ("http://192.168.0.1/", NOW - 3_000),
        ("https://old.example.net/", TODAY - DAY - 1),
        ("https://future.example.net/", NOW + 1),
    ] {
        visit_chromium(&history, url, at, ORDINARY);
    }
    let wanted = [some("example.com", TODAY - DAY, 1), some("example.org", TODAY, 2)];
    assert_eq!(home.scan(NOW), wanted);
    assert_eq!(home.scan(NOW), []);
}

#[test]
fn only_what_a_person_went_to_here_counts_in_chromium() {
    let mut home = Home::new();
    let history = home.chromium();
    visit_chromium(&history, "https://frame.example.org/", NOW - 9, 0x3000_0003);
    visit_chromium(&history, "https://step.example.org/", NOW - 8, 0x1000_0001);
    visit_chromium(&history, "https://end.example.com/", NOW - 8, 0x2000_0001);
    // The sign bit is one of the flags.
    visit_chromium(&history, "https://client.example.com/", NOW - 7, -0x5fff_ffff);
    let imported = visit_chromium(&history, "https://imported.example.org/", NOW - 6, ORDINARY);
    history.execute("INSERT INTO visit_source VALUES (?1, 3)", [imported]).unwrap();
    let synced = visit_chromium(&history, "https://synced.example.org/", NOW - 5, ORDINARY);
    let sql = "UPDATE visits SET originator_cache_guid = 'another device' WHERE id = ?1";
    history.execute(sql, [synced]).unwrap();
    assert_eq!(home.scan(NOW), [some("example.com", TODAY, 2)]);
}

#[test]
fn an_older_chromium_lacks_columns() {
    let mut home = Home::new();
    let history = home.chromium();
    visit_chromium(&history, "https://example.org/", NOW - 9, ORDINARY);
    let without = "ALTER TABLE visits DROP COLUMN originator_cache_guid; DROP TABLE visit_source;";
    history.execute_batch(without).unwrap();
    assert_eq!(home.scan(NOW), [some("example.org", TODAY, 1)]);
}

#[test]
fn each_visit_counts_once() {
    let mut home = Home::new();
    let history = home.chromium();
    visit_chromium(&history, "https://example.org/", NOW - 9_000, ORDINARY);
    assert_eq!(home.scan(NOW), [some("example.org", TODAY, 1)]);
    visit_chromium(&history, "https://example.org/", NOW + 1_000, ORDINARY);
    assert_eq!(home.scan(NOW + 2_000), [some("example.org", TODAY, 1)]);
    // After a start, only the cursors are left.
    home.scanner = Scanner::default();
    assert_eq!(home.scan(NOW + 3_000), []);
}

#[test]
fn a_locked_history_amid_a_transaction_is_read_as_it_was() {
    let mut home = Home::new();
    let history = home.chromium();
    visit_chromium(&history, "https://example.org/", NOW - 9_000, ORDINARY);
    // So small a cache writes to the file before the transaction has ended.
    history.execute_batch("PRAGMA cache_size = 1; BEGIN EXCLUSIVE").unwrap();
    for number in 0..500 {
        let url = format!("https://never{number}.example/{}", "x".repeat(200));
        visit_chromium(&history, &url, NOW - 8_000 + number, ORDINARY);
    }
    assert_eq!(home.scan(NOW), [some("example.org", TODAY, 1)]);
    history.execute_batch("ROLLBACK").unwrap();
    assert_eq!(home.scan(NOW), []);
}

#[test]
fn firefoxs_visits_are_counted_while_it_runs() {
    let mut home = Home::new();
    // Open, and all of it still in the log.
    let history = home.firefox();
    let visit = |url, at, from, kind| visit_firefox(&history, url, at, from, kind);
    visit("https://www.example.org/a?b=c", NOW - 9_000, 0, 1);
    let short = visit("https://short.example.net/", NOW - 8_000, 0, 1);
    visit("https://shop.example.com/", NOW - 8_000, short, 5);
    visit("https://frame.example.net/", NOW - 7_000, 0, 4);
    visit("https://download.example.net/", NOW - 6_000, 0, 7);
    let wanted = [some("example.com", TODAY, 1), some("example.org", TODAY, 1)];
    assert_eq!(home.scan(NOW), wanted);
    visit("https://example.org/", NOW - 1_000, 0, 2);
    assert_eq!(home.scan(NOW), [some("example.org", TODAY, 1)]);
}

#[test]
fn what_is_no_history_is_told_of_and_stops_nothing() {
    let mut home = Home::new();
    drop(home.open(".config/vivaldi/Default/History"));
    let path = home.dir.path().join("home/anna/.config/vivaldi/Default/History");
    fs::write(path, "no database").unwrap();
    visit_chromium(&home.chromium(), "https://example.org/", NOW - 9, ORDINARY);
    let scan = home.look(NOW);
    assert_eq!(scan.gathered.len(), 1);
    assert_eq!(scan.errors.len(), 1);
    assert!(!scan.errors[0].message.contains("anna"), "{}", scan.errors[0].message);
}

mod hostile;
