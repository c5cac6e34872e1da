//! SQL stands in `store` only: a query elsewhere escapes the tenant check that every query of the
//! store has.

use super::{Finding, RustFile};

/// How a statement begins. Case-sensitive: our SQL is written in capitals, and prose is not.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE",
    "CREATE INDEX",
    "CREATE TABLE",
    "CREATE UNIQUE INDEX",
    "DELETE FROM",
    "DROP TABLE",
    "INSERT INTO",
    "INSERT OR",
    "PRAGMA ",
    "SELECT ",
    "WITH RECURSIVE",
];

pub(super) fn check(files: &[RustFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !may_have_sql(&file.path)) {
        for literal in file.source.literals.iter().filter(|literal| is_sql(&literal.text)) {
            let message = "SQL outside the store: make it a function in crates/store";
            findings.push(Finding::new(&file.path, literal.line, message));
        }
    }
    findings
}

/// Integration tests are exempt because some play the intruder: they open a store's file behind
/// the server's back, change it, and expect `audit verify` to notice. This crate has the list above.
/// The agent reads the histories of browsers, which are SQLite files and know no tenants.
fn may_have_sql(path: &str) -> bool {
    if path.starts_with("crates/agent/src/browsing/") {
        return true;
    }
    let mut parts = path.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("xtask"), ..) | (Some("crates"), Some("store"), _) => true,
        (Some("crates"), _, Some(folder)) => folder == "tests",
        _ => false,
    }
}

fn is_sql(literal: &str) -> bool {
    // A literal over several lines may begin with a line break, escaped or not.
    let text = literal.trim_start_matches(|c: char| c.is_whitespace() || c == '\\');
    let update = text.starts_with("UPDATE ") && text.contains("SET ");
    update || STATEMENTS.iter().any(|statement| text.starts_with(statement))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&[RustFile::new(path, text)]).len()
    }

    #[test]
    fn a_statement_outside_the_store_is_found() {
        for statement in ["SELECT 1", "DELETE FROM a", "UPDATE a SET b = 1", "PRAGMA user_version"]
        {
            let text = format!("fn a() {{\n    run(\"{statement}\");\n}}\n");
            let findings = check(&[RustFile::new("crates/app/src/clients.rs", &text)]);
            assert_eq!(findings.len(), 1, "{statement}");
            assert_eq!(findings[0].line, 2);
        }
        assert_eq!(found("crates/app/src/a.rs", "run(\"\\\n    SELECT 1\");"), 1);
        assert_eq!(found("crates/app/src/a.rs", "run(r#\"\n    INSERT INTO \"a\"\"#);"), 1);
    }

    #[test]
    fn prose_and_code_are_no_statements() {
        assert_eq!(found("crates/app/src/a.rs", "// SELECT 1\nfn a() { b(\"Select one\"); }"), 0);
        assert_eq!(found("crates/app/src/a.rs", "a(\"UPDATE needs a body\", \"SELECTED\");"), 0);
    }

    #[test]
    fn the_store_and_integration_tests_may_have_it() {
        let text = "run(\"SELECT 1\");";
        assert_eq!(found("crates/store/src/clients.rs", text), 0);
        assert_eq!(found("crates/server/tests/it/audit.rs", text), 0);
        assert_eq!(found("crates/server/src/tests/audit.rs", text), 1);
    }
}
