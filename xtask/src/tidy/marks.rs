//! No notes to self: what is still to be done stands in the tracker, where somebody looks.

use super::{Finding, RustFile};

const MARKS: &[&str] = &["TODO", "FIXME", "XXX"];

/// This crate has to spell the marks to look for them.
const EXEMPT: &str = "xtask/";

pub(super) fn check(files: &[RustFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.path.starts_with(EXEMPT)) {
        for (index, line) in file.text.lines().enumerate() {
            for mark in MARKS.iter().filter(|mark| has_word(line, mark)) {
                let message = format!("do it, or move this {mark} to the tracker");
                findings.push(Finding::new(&file.path, index + 1, message));
            }
        }
    }
    findings
}

/// Whether `word` stands in `text` on its own, not as a part of a longer name.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(joins) && !text[at + word.len()..].starts_with(joins))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&[RustFile::new(path, text)]).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_mark_is_found_on_its_line() {
        assert_eq!(lines("crates/a/src/lib.rs", "fn a() {}\n// TODO: b\n/// FIXME(me)\n"), [2, 3]);
    }

    #[test]
    fn a_longer_word_is_no_mark() {
        assert!(
            lines("crates/a/src/lib.rs", "const XXXL: u8 = 1;\n// AUTODOC _TODO_LIST\n").is_empty()
        );
        assert!(lines("xtask/src/a.rs", "// TODO").is_empty());
    }
}
