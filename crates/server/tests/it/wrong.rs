//! Wrong settings stop the start with one sentence: which setting, why, and what would be right.
//! Nothing is made before they are found.

use crate::process::{Ended, behind, clientbook, finish, make_store, names};
use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

/// Starts a server in an empty directory; it must leave it, and that for temporary files, empty.
fn start(args: &[&str], env: &[(&str, &str)]) -> Ended {
    let (current, temporary) = (directory(), directory());
    let mut command = clientbook();
    command.arg("serve").args(args).current_dir(current.path());
    command.env("TMPDIR", temporary.path()).envs(env.iter().copied());
    let ended = finish(&mut command);
    assert_eq!(names(current.path()), [""; 0], "{args:?}");
    assert_eq!(names(temporary.path()), [""; 0], "{args:?}");
    ended
}

fn assert_told(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{ended:?}");
    assert!(ended.log.starts_with("error: "), "{}", ended.log);
    assert_eq!(ended.log.lines().count(), 1, "one sentence: {}", ended.log);
    for part in parts {
        assert!(ended.log.contains(part), "{part:?} is not in {:?}", ended.log);
    }
}

#[test]
fn settings_are_checked_first() {
    let listen = ["--listen (CLIENTBOOK_LISTEN)", "127.0.0.1:8080"];
    let database = ["--database (CLIENTBOOK_DATABASE)", "sqlite:./clientbook-data/clientbook.db"];
    let log = ["--log (CLIENTBOOK_LOG)", "error, warn, info, debug, trace, off"];
    for (setting, value, why, [names, right]) in [
        ("listen", "localhost:8080", "not an IP address", listen),
        ("listen", "8080", "not an IP address", listen),
        ("listen", "127.0.0.1:99999", "not an IP address", listen),
        ("listen", "", "not an IP address", listen),
        ("database", "clients.db", "names no engine", database),
        ("database", "sqlite:", "names no file", database),
        ("database", "sqlite::memory:", "names no file", database),
        ("database", "sqlite:clients.db?mode=memory", "parameters", database),
        ("database", "sqlite://clients.db", "two slashes", database),
        ("database", "mysql://me:swordfish@db/clients", "no engine", database),
        ("log", "inof", "\"inof\" is not a level", log),
        ("log", "clientbook=loud", "cannot be read", log),
        ("log", "", "not a level", log),
    ] {
        let flag = format!("--{setting}={value}");
        let twin = format!("CLIENTBOOK_{}", setting.to_uppercase());
        for ended in [start(&[&flag], &[]), start(&[], &[(&twin, value)])] {
            assert_told(&ended, 2, &[names, why, right]);
            assert!(!ended.log.contains("swordfish"), "{}", ended.log);
        }
    }
}

#[test]
fn a_demo_is_not_for_the_network() {
    let told = ["CLIENTBOOK_LISTEN", "0.0.0.0:8081", "CLIENTBOOK_DEMO", "127.0.0.1:8081"];
    assert_told(&start(&["--demo", "--listen", "0.0.0.0:8081"], &[]), 2, &told);
    let twins = [("CLIENTBOOK_DEMO", "yes"), ("CLIENTBOOK_LISTEN", "0.0.0.0:8081")];
    assert_told(&start(&[], &twins), 2, &told);
}

#[test]
fn a_flag_is_yes_or_no() {
    // The command line's own errors go on with a hint at --help.
    for (args, env, part) in [
        (&["--demo=yes"][..], None, "--demo"),
        (&["--demon"], None, "--demo"),
        (&["extra"], None, "extra"),
        (&[], Some(("CLIENTBOOK_DEMO", "perhaps")), "must be true or false"),
    ] {
        let ended = start(args, env.as_slice());
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.log.starts_with("error: ") && ended.log.contains(part), "{ended:?}");
    }
}

#[test]
fn an_address_must_be_free_and_ours() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().map(|address| (address.to_string(), taken)).expect("an address");
    let (address, _listener) = &taken;
    // 192.0.2.0/24 is for documentation: no machine has it.
    for (address, why, right) in [
        (address.as_str(), "another process has this port", "choose another port, or 0"),
        ("192.0.2.1:0", "does not have the address", "0.0.0.0 for all"),
    ] {
        for args in [&["--listen", address][..], &["--listen", address, "--database", "sqlite:a"]] {
            let told = ["--listen (CLIENTBOOK_LISTEN)", address, why, right];
            assert_told(&start(args, &[]), 1, &told);
        }
    }
    let (address, _listener) = &taken;
    assert_told(&start(&["--demo", "--listen", address], &[]), 1, &["another process"]);
}

fn start_on(path: &Path) -> Ended {
    start(&["--listen", "127.0.0.1:0", "--database", &format!("sqlite:{}", path.display())], &[])
}

const DATABASE: &str = "--database (CLIENTBOOK_DATABASE)";

#[test]
fn a_store_needs_a_place() {
    let directory = directory();
    let file = directory.path().join("file");
    fs::write(&file, "Dear diary,\n").expect("a file");
    let below = file.join("clientbook.db");
    let told = [DATABASE, &*below.to_string_lossy(), "directory cannot be made", "may write"];
    assert_told(&start_on(&below), 1, &told);
    let told = [DATABASE, &*file.to_string_lossy(), "is not a SQLite database"];
    assert_told(&start_on(&file), 1, &told);
    assert_eq!(fs::read_to_string(&file).expect("the file"), "Dear diary,\n");
    let inner = directory.path().join("inner");
    fs::create_dir(&inner).expect("a directory");
    let told = [DATABASE, &*inner.to_string_lossy(), "cannot be opened"];
    assert_told(&start_on(&inner), 1, &told);
    assert_eq!(names(&inner), [""; 0]);
}

#[test]
fn a_store_needs_a_directory_to_write_to() {
    let directory = directory();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o500)).expect("a mode");
    if File::create(directory.path().join("anything")).is_ok() {
        println!("not tested: this user, such as root, may write where modes forbid it");
        return;
    }
    let direct = directory.path().join("clientbook.db");
    for path in [&direct, &directory.path().join("new/clientbook.db")] {
        let told = [DATABASE, &*path.to_string_lossy(), "Permission denied", "may write"];
        assert_told(&start_on(path), 1, &told);
    }
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn a_demo_needs_a_place_for_temporary_files() {
    let current = directory();
    let mut command = clientbook();
    command.args(["serve", "--demo", "--listen", "127.0.0.1:0"]).current_dir(current.path());
    let ended = finish(command.env("TMPDIR", current.path().join("none")));
    assert_told(&ended, 1, &["temporary directory", "TMPDIR", "CLIENTBOOK_DATABASE"]);
    assert_eq!(names(current.path()), [""; 0]);
}

#[test]
fn a_newer_store_is_not_touched() {
    let directory = directory();
    make_store(directory.path());
    let store = behind(directory.path());
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
                 VALUES (999, 'the_future', '2099-01-01T00:00:00Z', '1')";
    store.execute(newer, []).expect("a migration of the future");
    drop(store);
    let path = directory.path().join("clientbook.db");
    let before = fs::read(&path).expect("the store");
    let url = format!("sqlite:{}", path.display());
    let token = ["token", "create", "--role", "operator", "--database", &url];
    let others = [&token[..], &["audit", "verify", "--database", &url]];
    let others = others.map(|args| finish(clientbook().args(args)));
    for (ended, why) in std::iter::once((start_on(&path), "a newer one"))
        .chain(others.into_iter().map(|ended| (ended, "999")))
    {
        assert_told(&ended, 1, &[DATABASE, &*path.to_string_lossy(), why]);
    }
    assert!(fs::read(&path).expect("the store") == before, "the store was written to");
}
