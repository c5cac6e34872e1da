//! How exports and imports are described. What the columns hold, docs/moving.md says.

use crate::openapi::{Doc, Refusal};

pub(in crate::organizations) fn export() -> Doc {
    let about = "Every client that the caller may see, by number, a row each; an empty answer in \
                 NDJSON is no client";
    Doc::new("exportClients", "Exports clients as rows of a file, which an import reads")
        .streams(&["application/x-ndjson", "text/csv"], about)
}

pub(in crate::organizations) fn import() -> Doc {
    let about = "What became of the rows, line by line while they are read: an object with `row`, \
                 `message` and `fields` for each that failed, `progress` now and then, and at the end \
                 either `summary` or, if the import could not go on, `error`";
    Doc::new("importClients", "Makes and changes clients from the rows of a file")
        .reads(&["application/x-ndjson", "text/csv"])
        .streams(&["application/x-ndjson"], about)
        .refuses(&[Refusal::OtherImport, Refusal::OtherContent])
}
