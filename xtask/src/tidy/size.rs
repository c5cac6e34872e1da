//! Files of at most 500 lines, functions of at most 60: what a reader holds in mind at once.

use super::{Finding, RustFile};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 60;

/// What may be longer, `path` or `path::function`, and why. One that is no longer needed is an
/// error, so the list only shrinks by itself.
const EXCEPTIONS: &[(&str, &str)] = &[];

pub(super) fn check(files: &[RustFile]) -> Vec<Finding> {
    check_except(files, EXCEPTIONS)
}

fn check_except(files: &[RustFile], exceptions: &[(&str, &str)]) -> Vec<Finding> {
    let oversized: Vec<Oversized> = files.iter().flat_map(oversized).collect();
    let excepted = |it: &&Oversized| exceptions.iter().any(|(what, _)| *what == it.what);
    let mut findings: Vec<Finding> =
        oversized.iter().filter(|it| !excepted(it)).map(|it| it.finding.clone()).collect();
    for (what, why) in exceptions {
        if !oversized.iter().any(|it| it.what == *what) {
            let message = format!("stale exception for {what} ({why}): remove it");
            findings.push(Finding::new("xtask/src/tidy/size.rs", 1, message));
        }
    }
    findings
}

/// Something above a limit, by the name an exception would give it.
struct Oversized {
    what: String,
    finding: Finding,
}

fn oversized(file: &RustFile) -> Vec<Oversized> {
    let mut found = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES {
        let message = format!("{lines} lines, at most {FILE_LINES}: split the file");
        let finding = Finding::new(&file.path, FILE_LINES + 1, message);
        found.push(Oversized { what: file.path.clone(), finding });
    }
    for function in functions(&file.source.code) {
        if function.lines > FUNCTION_LINES {
            let Function { name, lines, .. } = function;
            let message = format!("{name} has {lines} lines, at most {FUNCTION_LINES}: split it");
            let finding = Finding::new(&file.path, function.line, message);
            found.push(Oversized { what: format!("{}::{name}", file.path), finding });
        }
    }
    found
}

struct Function<'a> {
    name: &'a str,
    line: usize,
    /// From the one with `fn` to the one with the closing brace.
    lines: usize,
}

fn functions(code: &str) -> Vec<Function<'_>> {
    let lines: Vec<&str> = code.lines().collect();
    let mut functions = Vec::new();
    for (index, line) in lines.iter().copied().enumerate() {
        if let (Some(name), Some(lines)) = (function_name(line), length(&lines[index..])) {
            functions.push(Function { name, line: index + 1, lines });
        }
    }
    functions
}

/// The name of the function that this line of rustfmt's making begins, if it does.
fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if let Some(visible) = rest.strip_prefix("pub(") {
        rest = visible.split_once(") ")?.1;
    }
    for qualifier in ["pub ", "default ", "const ", "async "] {
        rest = rest.strip_prefix(qualifier).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// Lines until the function's body is closed; none for one without a body.
fn length(lines: &[&str]) -> Option<usize> {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (index, line) in lines.iter().enumerate() {
        for c in line.chars() {
            match c {
                '{' => braces += 1,
                '}' if braces == 1 => return Some(index + 1),
                '}' => braces = braces.saturating_sub(1),
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets = brackets.saturating_sub(1),
                // The `;` of `[u8; 32]` in a signature ends nothing.
                ';' if braces == 0 && brackets == 0 => return None,
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function whose own lines are `lines` in all.
    fn function(lines: usize) -> String {
        format!("fn long(a: [u8; 4]) {{\n{}}}\n", "    a();\n".repeat(lines - 2))
    }

    fn found(text: &str, exceptions: &[(&str, &str)]) -> Vec<String> {
        let file = RustFile::new("a.rs", text);
        check_except(&[file], exceptions).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn functions_have_a_limit() {
        assert!(found(&function(60), &[]).is_empty());
        let finding = "a.rs:3: long has 61 lines, at most 60: split it";
        assert_eq!(found(&format!("struct A;\n\n{}", function(61)), &[]), [finding]);
    }

    #[test]
    fn files_have_a_limit() {
        assert!(found(&"const A: u8 = 1;\n".repeat(500), &[]).is_empty());
        let finding = "a.rs:501: 501 lines, at most 500: split the file";
        assert_eq!(found(&"const A: u8 = 1;\n".repeat(501), &[]), [finding]);
    }

    #[test]
    fn every_kind_of_function_is_seen() {
        for start in ["pub fn", "pub(crate) async fn", "pub(in crate::a) const fn", "async fn"] {
            let text = function(61).replacen("fn", start, 1);
            assert_eq!(found(&text, &[]).len(), 1, "{start}");
        }
    }

    #[test]
    fn a_function_ends_at_its_own_brace() {
        let short =
            "fn a<T>() -> [u8; 2]\nwhere\n    T: B,\n{\n    let c = '}';\n    \"}\"; // }\n}\n";
        let source = RustFile::new("a.rs", short).source;
        let lines: Vec<usize> = functions(&source.code).iter().map(|f| f.lines).collect();
        assert_eq!(lines, [7]);
    }

    #[test]
    fn a_declaration_without_a_body_has_no_length() {
        let text = format!(
            "trait A {{\n    fn b(\n        c: [u8; 4],\n    );\n{}}}\n",
            "    // d\n".repeat(70)
        );
        assert!(found(&text, &[]).is_empty());
    }

    #[test]
    fn exceptions_count_and_go_stale() {
        let exceptions = [("a.rs::long", "one table")];
        assert!(found(&function(61), &exceptions).is_empty());
        assert!(found(&function(60), &exceptions)[0].contains("stale exception for a.rs::long"));
        assert_eq!(found(&function(61), &[("a.rs", "one table")]).len(), 2);
    }
}
