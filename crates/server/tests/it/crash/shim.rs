//! Faults of the disk, put between the server under test and the system: see shim.c.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Linux's `EIO`.
pub(crate) const EIO: u32 = 5;
/// Linux's `ENOSPC`.
pub(crate) const ENOSPC: u32 = 28;

/// Which of the store's files, as shim.c numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Database = 1,
    Log = 2,
}

/// Which call, as shim.c numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Write = 1,
    Sync = 2,
}

/// What is to fail, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) of: Of,
    pub(crate) call: Call,
    pub(crate) error: u32,
    /// A write does half of its work before it fails.
    pub(crate) halves: bool,
    /// A failed sync loses what it was to sync, as Linux may.
    pub(crate) forgets: bool,
}

/// The faults of one server.
pub(crate) struct Shim {
    control: File,
    path: PathBuf,
    _directory: TempDir,
}

/// Words of `struct control` in shim.c.
const WORDS: usize = 8;
/// The last of them.
const HITS: u64 = 7;

impl Shim {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let path = directory.path().join("control");
        std::fs::write(&path, [0; WORDS * 4]).expect("a control file");
        let control = File::options().read(true).write(true).open(&path).expect("a control file");
        Self { control, path, _directory: directory }
    }

    /// Puts it under what `command` starts.
    pub(crate) fn under<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("LD_PRELOAD", library()).env("STORE_FAULTS", &self.path)
    }

    /// From now on lets `skip` calls pass and fails the next `count`.
    pub(crate) fn arm(&self, fault: Fault, skip: u32, count: u32) {
        self.heal();
        let flags = [u32::from(fault.halves), u32::from(fault.forgets), 0];
        let [halves, forgets, hits] = flags;
        self.set(2, &[fault.error, skip, count, halves, forgets, hits]);
        // Last: these two let it strike.
        self.set(0, &[fault.of as u32, fault.call as u32]);
    }

    /// Nothing fails any more.
    pub(crate) fn heal(&self) {
        self.set(0, &[0, 0]);
    }

    /// How many calls have failed since it was armed.
    pub(crate) fn hits(&self) -> u32 {
        let mut word = [0; 4];
        self.control.read_exact_at(&mut word, HITS * 4).expect("the control file");
        u32::from_ne_bytes(word)
    }

    fn set(&self, from: u64, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.control.write_all_at(&bytes, from * 4).expect("the control file");
    }
}

/// The shim, compiled once: SQLite needs a C compiler anyway.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let name = format!("store-faults-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/crash/shim.c");
        let cc = std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
        let flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"];
        let mut compile = Command::new(cc);
        let compiled = compile.args(flags).arg(&library).arg(source).arg("-ldl").output();
        let compiled = compiled.expect("a C compiler");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        library
    })
}
