//! Where rows that failed are told.

use super::state::beside;
use crate::cli;
use crate::failure::Failure;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

/// A file of one JSON object a line, made with the first of them.
pub(super) struct Report {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Report {
    pub(super) fn new(args: &cli::Import) -> Self {
        let path = args.errors.clone().unwrap_or_else(|| beside(&args.file, ".errors.ndjson"));
        Self { path, file: None }
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Failure> {
        let written = match &mut self.file {
            Some(file) => writeln!(file, "{line}"),
            None => self.begin().and_then(|mut file| {
                writeln!(file, "{line}")?;
                self.file = Some(file);
                Ok(())
            }),
        };
        written.map_err(|error| self.unwritable(&error))
    }

    fn begin(&self) -> io::Result<BufWriter<File>> {
        File::create(beside(&self.path, ".part")).map(BufWriter::new)
    }

    /// Puts the whole report in its place, and takes one of before away; where it is, if there is
    /// anything in it.
    pub(super) fn finish(mut self) -> Result<Option<PathBuf>, Failure> {
        let finished = match self.file.take() {
            Some(file) => file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::rename(beside(&self.path, ".part"), &self.path))
                .map(|()| Some(self.path.clone())),
            None => match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(None),
            },
        };
        finished.map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        Failure::Failed(format!("{} cannot be written: {error}", self.path.display()))
    }
}
