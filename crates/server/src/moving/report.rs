//! Where rows that failed are told.

use super::is_file;
use super::state::beside;
use crate::failure::Failure;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// A file of one JSON object a line, made with the first of them.
pub(super) struct Report {
    /// `None`: nowhere.
    path: Option<PathBuf>,
    /// Where it is written until it is complete: in a file beside it, unless it is none.
    part: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Report {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        let part = match &path {
            Some(path) if is_file(path) => beside(path, ".part"),
            path => path.clone().unwrap_or_default(),
        };
        Self { path, part, file: None }
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Failure> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let file = match self.file.take() {
            Some(file) => Ok(file),
            None => File::create(&self.part).map(BufWriter::new),
        };
        let written = file.and_then(|mut file| {
            writeln!(file, "{line}")?;
            self.file = Some(file);
            Ok(())
        });
        written.map_err(|error| unwritable(path, &error))
    }

    /// Puts the whole report in its place, and takes one of before away; where it is, if there is
    /// anything in it.
    pub(super) fn finish(self) -> Result<Option<PathBuf>, Failure> {
        let Some(path) = self.path else {
            return Ok(None);
        };
        let is_there = self.part == path;
        let finished = match self.file {
            Some(mut file) if is_there => file.flush().map(|()| Some(path.clone())),
            Some(file) => file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::rename(&self.part, &path))
                .map(|()| Some(path.clone())),
            None if is_there => Ok(None),
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(None),
            },
        };
        finished.map_err(|error| unwritable(&path, &error))
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("{} cannot be written: {error}", path.display()))
}
