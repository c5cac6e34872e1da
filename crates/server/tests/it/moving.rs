//! `clientbook import` and `clientbook export`, as their users run them, and kill them.

use crate::process::{
    Ended, OPERATOR, PATIENCE, Server, behind, clientbook, finish, make_store, names, run,
    store_url,
};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

fn report(ended: &Ended) -> Value {
    let line = ended.out.lines().last().unwrap_or_else(|| panic!("no line: {ended:?}"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn import(file: &Path, directory: &Path) -> Command {
    let mut command = clientbook();
    command.arg("import").arg(file).args(["--tenant", "tenant123"]);
    command.args(["--database", &store_url(directory)]);
    command
}

fn export(directory: &Path, output: &Path) {
    let mut command = clientbook();
    command.args(["export", "--tenant", "tenant123", "--database", &store_url(directory)]);
    let ended = finish(command.arg("--output").arg(output));
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// Rows without any key: each one that is done twice makes two clients.
fn rows(path: &Path, count: usize, bad: &[usize]) {
    let mut text = String::new();
    for row in 1..=count {
        let name = if bad.contains(&row) { String::new() } else { format!("Client {row}") };
        writeln!(text, r#"{{"name":"{name}","note":"of row {row}"}}"#).expect("text grows");
    }
    std::fs::write(path, text).expect("a file");
}

fn clients(directory: &Path) -> i64 {
    let count = "SELECT count(*) FROM clients WHERE number > 457";
    behind(directory).query_row(count, [], |row| row.get(0)).expect("a count")
}

fn failed_rows(path: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(path).expect("a report");
    let row = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["row"].as_i64().expect("a row")
    };
    text.lines().map(row).collect()
}

#[test]
fn an_import_that_is_killed_goes_on_and_does_no_row_twice() {
    let directory = TempDir::new().expect("a directory");
    let files = TempDir::new().expect("a directory");
    make_store(directory.path());
    let file = files.path().join("clients.ndjson");
    rows(&file, 12_000, &[3, 11_999]);
    for _ in 0..2 {
        let mut child = import(&file, directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let before = clients(directory.path());
        let begun = Instant::now();
        while clients(directory.path()) == before {
            assert!(begun.elapsed() < PATIENCE, "nothing was imported");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        child.kill().expect("a process to kill");
        child.wait().expect("a killed process");
    }
    let before = clients(directory.path());
    assert!((1..11_998).contains(&before), "it was killed in its middle: {before}");
    assert!(names(files.path()).contains(&"clients.ndjson.import.json".to_owned()));
    let ended = finish(&mut import(&file, directory.path()));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let told = report(&ended);
    assert_eq!([&told["rows"], &told["created"], &told["failed"]], [12_000, 11_998, 2], "{told}");
    assert_eq!(told["resumed"], true, "{told}");
    assert!(ended.log.contains("rows are in already: going on"), "{ended:?}");
    assert_eq!(clients(directory.path()), 11_998);
    assert_eq!(failed_rows(&files.path().join("clients.ndjson.errors.ndjson")), [3, 11_999]);
    let mut left = names(files.path());
    left.sort();
    assert_eq!(left, ["clients.ndjson", "clients.ndjson.errors.ndjson"]);
    let verified = run(&["audit", "verify", "--database", &store_url(directory.path())]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[test]
fn an_import_that_the_store_has_forgotten_is_not_done_again() {
    let directory = TempDir::new().expect("a directory");
    let files = TempDir::new().expect("a directory");
    make_store(directory.path());
    let file = files.path().join("clients.ndjson");
    let before = clients(directory.path());
    // Nothing can be written beside the file for the report: the import itself is in.
    let report = files.path().join("clients.ndjson.errors.ndjson");
    rows(&file, 2, &[2]);
    std::fs::create_dir(&report).expect("a directory in its way");
    let broken = finish(&mut import(&file, directory.path()));
    assert_eq!(broken.code, Some(1), "{broken:?}");
    assert_eq!(clients(directory.path()), before + 1);
    std::fs::remove_dir(&report).expect("the way is free");
    let forget = "DELETE FROM import_errors; DELETE FROM imports;";
    behind(directory.path()).execute_batch(forget).expect("an import to forget");
    let refused = finish(&mut import(&file, directory.path()));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.log.contains("no import has this id, or it was forgotten"), "{refused:?}");
    assert_eq!(clients(directory.path()), before + 1);
    assert!(names(files.path()).contains(&"clients.ndjson.import.json".to_owned()));
}

#[test]
fn quotes_that_are_not_closed_end_the_import() {
    let directory = TempDir::new().expect("a directory");
    let files = TempDir::new().expect("a directory");
    make_store(directory.path());
    let file = files.path().join("clients.csv");
    let rest = "Client,n\n".repeat(298);
    let text = |note: &str| format!("name,note\nClient 1,n\nClient 2,{note}\n{rest}");
    std::fs::write(&file, text("\"never closed")).expect("a file");
    let broken = finish(&mut import(&file, directory.path()));
    assert_eq!((broken.code, broken.out.as_str()), (Some(1), ""), "{broken:?}");
    assert!(broken.log.contains("ends within quotes that open in row 2"), "{broken:?}");
    assert_eq!(clients(directory.path()), 1);
    // Mended, it goes on behind the row that is in.
    std::fs::write(&file, text("\"closed\"")).expect("a file");
    let ended = finish(&mut import(&file, directory.path()));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = report(&ended);
    assert_eq!([&told["rows"], &told["created"]], [300, 300], "{told}");
    assert_eq!(clients(directory.path()), 300);
}

#[test]
fn failed_rows_are_not_written_over_the_file() {
    let directory = TempDir::new().expect("a directory");
    let files = TempDir::new().expect("a directory");
    make_store(directory.path());
    let file = files.path().join("clients.ndjson");
    rows(&file, 2, &[1]);
    let link = files.path().join("link");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    let before = std::fs::read(&file).expect("the file");
    for errors in [&file, &link, &files.path().join("none/errors"), &files.path().to_owned()] {
        let refused = finish(import(&file, directory.path()).arg("--errors").arg(errors));
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
        assert!(refused.log.contains("--errors (CLIENTBOOK_ERRORS) names "), "{refused:?}");
    }
    assert_eq!(std::fs::read(&file).expect("the file"), before);
    assert_eq!(clients(directory.path()), 0);
}

#[test]
fn through_a_server_it_is_the_same() {
    let directory = TempDir::new().expect("a directory");
    let files = TempDir::new().expect("a directory");
    let server = Server::start(directory.path());
    let file = files.path().join("clients.ndjson");
    rows(&file, 700, &[5]);
    let refused = finish(&mut import(&file, directory.path()));
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{refused:?}");
    assert!(refused.log.contains("in use by another clientbook process"), "{refused:?}");
    assert!(refused.log.contains("--server http://127.0.0.1:8080"), "{refused:?}");
    let through = |command: &str| {
        let mut through = clientbook();
        through.args([command, "--server", &server.base, "--tenant", "tenant123"]);
        through.env("CLIENTBOOK_TOKEN", OPERATOR);
        through
    };
    let dry = finish(through("import").arg(&file).arg("--dry-run"));
    let told = report(&dry);
    assert_eq!([&told["created"], &told["failed"]], [699, 1], "{told}");
    assert_eq!(clients(directory.path()), 0);
    let ended = finish(through("import").arg(&file));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let told = report(&ended);
    assert_eq!([&told["created"], &told["failed"]], [699, 1], "{told}");
    assert_eq!(failed_rows(&files.path().join("clients.ndjson.errors.ndjson")), [5]);
    let csv = files.path().join("out.csv");
    let ended = finish(through("export").arg("--output").arg(&csv));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // Beside the server, too.
    let other = files.path().join("other.csv");
    export(directory.path(), &other);
    let read = |path: &PathBuf| std::fs::read(path).expect("a file");
    assert!(read(&csv) == read(&other));
    assert_eq!(read(&csv).split(|byte| *byte == b'\n').count(), 703);
    // What came out goes in again, and changes nothing.
    let ended = finish(through("import").arg(&csv).args(["--match", "id"]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(report(&ended)["unchanged"], 701);
    let wrong = finish(through("import").arg(&csv).env("CLIENTBOOK_TOKEN", "x"));
    assert!(wrong.log.contains("check CLIENTBOOK_TOKEN"), "{wrong:?}");
}

#[test]
fn what_cannot_be_imported_is_told_in_a_sentence() {
    let directory = TempDir::new().expect("a directory");
    let files = TempDir::new().expect("a directory");
    make_store(directory.path());
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let wrong = file("wrong.csv", "nmae\nx\n");
    let other = file("clients.txt", "");
    let missing = files.path().join("missing.csv");
    let is_refused = |ended: &Ended, code: i32, told: &str| {
        assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{ended:?}");
        assert!(ended.log.contains("error: ") && ended.log.contains(told), "{ended:?}");
    };
    let column = "\"nmae\" is no column of a client; did you mean name?";
    for (path, code, told) in [
        (&wrong, 1, column),
        (&other, 2, "--format (CLIENTBOOK_FORMAT) is missing"),
        (&missing, 2, "cannot be read: "),
    ] {
        is_refused(&finish(&mut import(path, directory.path())), code, told);
    }
    // What an import was begun with stays as it is.
    let begun = file("begun.csv", "name\nx\n");
    let state = "{\"import_id\":\"00000000-0000-0000-0000-000000000007\",
        \"match_by\":null,\"tenant\":\"tenant123\",\"place\":\"x\"}";
    file("begun.csv.import.json", state);
    let ended = finish(&mut import(&begun, directory.path()));
    is_refused(&ended, 1, "remove this file to begin anew");
    let url = store_url(directory.path());
    let export =
        |more: &[&str]| finish(clientbook().args(["export", "--database", &url]).args(more));
    is_refused(&export(&[]), 2, "--tenant (CLIENTBOOK_TENANT) is missing");
    is_refused(&export(&["--tenant", "nobodys"]), 2, "--tenant ");
    let good = file("good.csv", "name\nx\n");
    let nobodys = |place: [&str; 2]| {
        let mut command = clientbook();
        command.arg("import").arg(&good).args(place).args(["--tenant", "nobodys"]);
        finish(command.env("CLIENTBOOK_TOKEN", OPERATOR))
    };
    is_refused(&nobodys(["--database", &url]), 2, "--tenant ");
    // A server says the same.
    let server = Server::start(directory.path());
    is_refused(&nobodys(["--server", &server.base]), 2, "--tenant ");
    let mut through = clientbook();
    through.arg("import").arg(&wrong).args(["--server", &server.base, "--tenant", "tenant123"]);
    is_refused(&finish(through.env("CLIENTBOOK_TOKEN", OPERATOR)), 1, column);
}

/// A file of which each row is in, but its import has not ended: the report could not be written.
fn begun(files: &Path, directory: &Path) -> PathBuf {
    let file = files.join("clients.ndjson");
    rows(&file, 3, &[2]);
    let report = files.join("clients.ndjson.errors.ndjson");
    std::fs::create_dir(&report).expect("a directory in its way");
    let broken = finish(&mut import(&file, directory));
    assert_eq!(broken.code, Some(1), "{broken:?}");
    std::fs::remove_dir(&report).expect("the way is free");
    file
}

/// The store knows which rows it has: neither the file's name nor its times say anything.
#[test]
fn an_import_goes_on_with_the_same_rows_whatever_file_they_are_in() {
    let directory = TempDir::new().expect("a directory");
    let files = TempDir::new().expect("a directory");
    make_store(directory.path());
    let file = begun(files.path(), directory.path());
    let text = std::fs::read_to_string(&file).expect("a file");
    let touch = |text: &str| {
        std::fs::write(&file, text).expect("a file");
        let long_ago = std::time::UNIX_EPOCH;
        std::fs::File::options()
            .append(true)
            .open(&file)
            .and_then(|file| file.set_modified(long_ago))
            .expect("a time");
    };
    for other in [text.replace("Client 1", "Client 9"), text[..30].to_owned()] {
        touch(&other);
        let refused = finish(&mut import(&file, directory.path()));
        assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{refused:?}");
        assert!(refused.log.contains("does not begin with the rows"), "{refused:?}");
        assert!(refused.log.contains("once FILE.import.json is removed"), "{refused:?}");
        assert!(!refused.log.contains("going on"), "{refused:?}");
    }
    assert_eq!(clients(directory.path()), 2);
    touch(&text);
    let ended = finish(&mut import(&file, directory.path()));
    let told = report(&ended);
    assert_eq!([&told["rows"], &told["created"], &told["failed"]], [3, 2, 1], "{told}");
    assert_eq!(told["resumed"], true, "{told}");
    assert_eq!(clients(directory.path()), 2);
}

#[test]
fn through_a_server_it_goes_on_with_the_same_rows() {
    let directory = TempDir::new().expect("a directory");
    let files = TempDir::new().expect("a directory");
    make_store(directory.path());
    let file = begun(files.path(), directory.path());
    let state = files.path().join("clients.ndjson.import.json");
    let server = Server::start(directory.path());
    let kept = std::fs::read_to_string(&state).expect("what is kept");
    let mut kept: Value = serde_json::from_str(&kept).expect("JSON");
    kept["place"] = server.base.clone().into();
    std::fs::write(&state, kept.to_string()).expect("what is kept");
    let through = || {
        let mut through = clientbook();
        through.arg("import").arg(&file).args(["--server", &server.base, "--tenant", "tenant123"]);
        finish(through.env("CLIENTBOOK_TOKEN", OPERATOR))
    };
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&file, text.replace("Client 3", "Client 9")).expect("a file");
    let refused = through();
    assert!(refused.log.contains("refused (409): the file does not begin with"), "{refused:?}");
    std::fs::write(&file, text + "{\"name\":\"Client 4\"}\n").expect("a file");
    let told = report(&through());
    assert_eq!([&told["rows"], &told["created"], &told["failed"]], [4, 3, 1], "{told}");
    assert_eq!(clients(directory.path()), 3);
}

/// Nothing stands beside what is no file, and it cannot be read again.
#[test]
fn standard_input_is_imported_once() {
    let directory = TempDir::new().expect("a directory");
    let files = TempDir::new().expect("a directory");
    make_store(directory.path());
    let file = files.path().join("clients.ndjson");
    rows(&file, 3, &[2]);
    let in_dev = || names(Path::new("/dev"));
    let before = in_dev();
    for name in ["-", "/dev/stdin"] {
        let from = |more: &[&str]| {
            let mut command = import(Path::new(name), directory.path());
            command.args(["--format", "ndjson"]).args(more).current_dir(files.path());
            command.stdin(std::fs::File::open(&file).expect("a file"));
            let ended = command.output().expect("the binary runs");
            let told: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
            (told, String::from_utf8(ended.stderr).expect("text"))
        };
        let (told, log) = from(&[]);
        assert_eq!([&told["created"], &told["failed"]], [2, 1], "{told}");
        assert_eq!([&told["errors"], &told["resumed"]], [&Value::Null, &Value::from(false)]);
        assert!(log.contains("1 rows failed: --errors FILE would say why"), "{log}");
        assert_eq!(names(files.path()), ["clients.ndjson"]);
        let (told, _) = from(&["--errors", "told"]);
        assert_eq!(told["errors"], "told");
        assert_eq!(failed_rows(&files.path().join("told")), [2]);
        std::fs::remove_file(files.path().join("told")).expect("a report");
        let (_, log) = from(&["--errors", "/dev/stderr"]);
        assert!(log.contains("{\"row\":2,"), "{log}");
    }
    assert_eq!(in_dev(), before);
    assert_eq!(clients(directory.path()), 12);
}

/// Passes bytes on to `to` and back, but for the first connections: of those it passes on nothing,
/// or everything there and nothing back.
fn losing(to: &str, lost: &'static [bool]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let to = to.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for (at, client) in listener.incoming().enumerate() {
            let mut client = client.expect("a connection");
            let passes_on = lost.get(at);
            if passes_on == Some(&false) {
                // The head and some rows have been read by then.
                client.read_exact(&mut [0; 64]).expect("the beginning of a request");
                continue;
            }
            let mut server = TcpStream::connect(&to).expect("the server");
            let (mut from_client, mut to_server) =
                (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
            // Whoever hangs up first ends both ways.
            std::thread::spawn(move || {
                let _copied = std::io::copy(&mut from_client, &mut to_server);
            });
            if passes_on == Some(&true) {
                server.read_exact(&mut [0; 1]).expect("the beginning of an answer");
                client.shutdown(Shutdown::Both).expect("a connection to cut");
                continue;
            }
            std::thread::spawn(move || {
                let _copied = std::io::copy(&mut server, &mut client);
                let _cut = client.shutdown(Shutdown::Both);
            });
        }
    });
    base
}

/// Neither a request nor its first answer need arrive: the command chooses the import's name, and
/// tries it again.
#[test]
fn an_import_whose_first_answer_is_lost_does_no_row_twice() {
    let directory = TempDir::new().expect("a directory");
    let files = TempDir::new().expect("a directory");
    let server = Server::start(directory.path());
    let file = files.path().join("clients.ndjson");
    rows(&file, 700, &[]);
    let base = losing(&server.base, &[false, true]);
    let through = || {
        let mut through = clientbook();
        through.arg("import").arg(&file).args(["--server", &base, "--tenant", "tenant123"]);
        finish(through.env("CLIENTBOOK_TOKEN", OPERATOR))
    };
    for _ in 0..2 {
        let lost = through();
        assert_eq!((lost.code, lost.out.as_str()), (Some(1), ""), "{lost:?}");
        assert!(lost.log.contains("the same command goes on from there"), "{lost:?}");
        assert!(names(files.path()).contains(&"clients.ndjson.import.json".to_owned()));
    }
    let ended = through();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = report(&ended);
    assert_eq!([&told["rows"], &told["created"]], [700, 700], "{told}");
    assert_eq!(clients(directory.path()), 700);
    assert_eq!(names(files.path()), ["clients.ndjson"]);
    // A refusal is an answer: nothing is in, and nothing stays.
    let mut refused = clientbook();
    refused.arg("import").arg(&file).args(["--server", &base, "--tenant", "nobodys"]);
    let refused = finish(refused.env("CLIENTBOOK_TOKEN", OPERATOR));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert_eq!(names(files.path()), ["clients.ndjson"]);
}
