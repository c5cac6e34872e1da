//! `cargo xtask tidy`: the rules of this house that neither rustc nor clippy knows. One rule a
//! file; each gives findings and knows nothing of the others.

mod graph;
mod lints;
mod marks;
mod purity;
mod size;
mod source;
mod sql;

use std::fmt;
use std::fs;

use self::source::Source;
use crate::step::Failure;
use crate::workspace::Workspace;

/// A place where a rule is broken, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// A Rust file, read and taken apart once for all rules.
struct RustFile {
    /// From the root of the workspace.
    path: String,
    text: String,
    source: Source,
}

impl RustFile {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), source: Source::parse(text) }
    }
}

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let files = rust_files(workspace)?;
    let packages = &workspace.packages;
    let mut findings = [
        graph::check(packages),
        lints::check(packages),
        marks::check(&files),
        purity::check(packages, &files),
        size::check(&files),
        sql::check(&files),
    ]
    .concat();
    if findings.is_empty() {
        println!("tidy: {} crates, {} Rust files, no findings", packages.len(), files.len());
        return Ok(());
    }
    findings.sort();
    for finding in &findings {
        eprintln!("{finding}");
    }
    Err(Failure::new(format!("tidy: {} findings", findings.len())))
}

fn rust_files(workspace: &Workspace) -> Result<Vec<RustFile>, Failure> {
    let read = |path: &String| {
        let text = fs::read_to_string(workspace.root.join(path))
            .map_err(|error| Failure::new(format!("{path}: {error}")))?;
        Ok(RustFile::new(path, &text))
    };
    workspace.files("*.rs")?.iter().map(read).collect()
}
