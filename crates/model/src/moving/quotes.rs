//! The quotes of CSV as RFC 4180 has them, followed beside the reader: that one takes a file's end for a
//! closing quote, and goes on behind one.

/// Where in a cell the text is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// In a cell without quotes, where a quote is a letter like any other.
    Bare,
    Quoted,
    /// Behind a quote within quotes: the closing one, or the first of two.
    Closed,
}

/// Follows quotes through the bytes of a file.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    place: Place,
    is_broken: bool,
}

impl Quotes {
    /// Goes on through the next bytes.
    pub(super) fn follow(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.place = match (self.place, byte) {
                (Place::Quoted, b'"') => Place::Closed,
                (Place::Start | Place::Closed, b'"') | (Place::Quoted, _) => Place::Quoted,
                (_, b',' | b'\r' | b'\n') => Place::Start,
                (Place::Closed, _) => {
                    self.is_broken = true;
                    Place::Bare
                }
                (Place::Start | Place::Bare, _) => Place::Bare,
            };
        }
    }

    /// Whether the text is within quotes.
    pub(super) fn are_open(&self) -> bool {
        self.place == Place::Quoted
    }

    /// Whether something stood behind a closing quote in the row that ends here.
    pub(super) fn end_row(&mut self) -> bool {
        std::mem::take(&mut self.is_broken)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Splitter, Unreadable};
    use proptest::prelude::{prop, prop_assert_eq, proptest};

    /// The notes of a file's rows, or the rules that they break; then why it ends, if it is broken.
    fn rows(text: &str, piece: usize) -> (Vec<Result<String, &'static str>>, Option<&'static str>) {
        let mut splitter = Splitter::new(Format::Csv);
        let mut rows = Vec::new();
        let mut pieces = text.as_bytes().chunks(piece).map(Some).chain([None]);
        loop {
            match splitter.next_row() {
                Ok(Some(row)) => rows.push(match row.object {
                    Ok(object) => Ok(object["note"].as_str().unwrap_or_default().to_owned()),
                    Err(violations) => Err(violations[0].rule),
                }),
                Ok(None) => match pieces.next() {
                    Some(Some(piece)) => splitter.feed(piece),
                    Some(None) => splitter.end(),
                    None => return (rows, None),
                },
                Err(Unreadable::Header(broken)) => return (rows, Some(broken[0].rule)),
                Err(Unreadable::Unclosed(broken) | Unreadable::Other(broken)) => {
                    return (rows, Some(broken.rule));
                }
            }
        }
    }

    #[test]
    fn a_file_that_ends_within_quotes_is_broken() {
        for piece in [1, 2, 7, 1_000] {
            let of = |text: &str| rows(text, piece);
            let note = |text: &str| Ok(text.to_owned());
            assert_eq!(of("note\n\"a\""), (vec![note("a")], None));
            assert_eq!(
                of("note\n\"a\"\"\"\r\n\"b\nc\"\n"),
                (vec![note("a\""), note("b\nc")], None)
            );
            assert_eq!(of("note\na\"b\"\n"), (vec![note("a\"b\"")], None));
            assert_eq!(of("note\na\n\"b"), (vec![note("a")], Some("quotes")));
            assert_eq!(of("note\na\n\"b\nc\nd\n"), (vec![note("a")], Some("quotes")));
            assert_eq!(of("note\n\"a\"\""), (vec![], Some("quotes")));
            assert_eq!(of("note\n\"a\" b\n\"c\"d\ne\n"), {
                (vec![Err("quotes"), Err("quotes"), note("e")], None)
            });
            assert_eq!(of("\"note\na\nb\n"), (vec![], Some("quotes")));
            assert_eq!(of("\"note\"s\na\n"), (vec![], Some("quotes")));
        }
        let long = format!("note\na\n\"{}", "b\n".repeat(super::super::MAX_ROW));
        assert_eq!(rows(&long, 4096), (vec![Ok("a".to_owned())], Some("quotes")));
    }

    proptest! {
        /// What is written as RFC 4180 has it is read as it was.
        #[test]
        fn what_is_quoted_well_is_read(
            notes in prop::collection::vec("[a\"\n\r, ]{1,6}", 1..6),
            piece in 1..20_usize,
        ) {
            let quoted = |note: &String| format!("\"{}\"", note.replace('"', "\"\""));
            let lines = ["note".to_owned()].into_iter().chain(notes.iter().map(quoted));
            let text = lines.collect::<Vec<_>>().join("\r\n");
            let (read, broken) = rows(&text, piece);
            prop_assert_eq!(broken, None);
            prop_assert_eq!(read, notes.into_iter().map(Ok).collect::<Vec<_>>());
        }
    }
}
