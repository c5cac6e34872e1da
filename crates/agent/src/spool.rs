//! Records of usage that wait for the server: small files, each whole or not there, bounded together
//! by size and age. A record keeps its id from the moment it is spooled, so that the server counts it
//! once however often it is sent.

use crate::env::{self, Millis};
use crate::files;
use crate::permits::Permits;
use clientbook_agent_protocol::{UsageKind, UsageRecord};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::PathBuf;

/// Bytes of all files together. The oldest give way.
pub(crate) const MAX_BYTES: u64 = 8 << 20;
/// How old a record may be, in milliseconds: 7 days.
pub(crate) const MAX_AGE: Millis = 7 * 24 * 3_600_000;
/// Records in a file. Some 250 KiB: what is read at once stays small.
const MAX_RECORDS: usize = 1_000;

/// A file of the spool.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub(crate) records: Vec<UsageRecord>,
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    made_at: Millis,
    rest: String,
    bytes: u64,
}

/// What happened, before it has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gathered {
    pub(crate) kind: UsageKind,
    pub(crate) user_key: String,
    pub(crate) name: String,
    pub(crate) started_at: Millis,
    pub(crate) seconds: u32,
    pub(crate) visits: Option<u32>,
}

/// The spool.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    names: Vec<Name>,
}

impl Spool {
    /// Opens it, making its directory where there is none.
    pub(crate) fn open(directory: PathBuf, max_bytes: u64) -> io::Result<Self> {
        files::make_private_directory(&directory)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            match parse(&entry.file_name().to_string_lossy(), entry.metadata()?.len()) {
                Some(name) => names.push(name),
                // Half-written when the agent was killed.
                None => files::remove_all(&entry.path())?,
            }
        }
        names.sort();
        Ok(Self { directory, max_bytes, names })
    }

    /// Spools records, giving them their ids. Gives how many older records had to give way.
    pub(crate) fn append(&mut self, gathered: &[Gathered], now: Millis) -> io::Result<usize> {
        for part in gathered.chunks(MAX_RECORDS) {
            let rest = env::id();
            let record = |(number, one): (usize, &Gathered)| record(&rest, number, one);
            let records = part.iter().enumerate().map(record).collect();
            let name = Name { made_at: now, rest, bytes: 0 };
            self.put(name, &Segment { records })?;
        }
        self.names.sort();
        self.bound(now)
    }

    fn put(&mut self, mut name: Name, segment: &Segment) -> io::Result<()> {
        let bytes = serde_json::to_vec(segment)?;
        files::write_private(&self.path(&name), &bytes)?;
        name.bytes = bytes.len() as u64;
        self.names.push(name);
        Ok(())
    }

    /// Lets go of what is too old or too much.
    pub(crate) fn bound(&mut self, now: Millis) -> io::Result<usize> {
        let mut dropped = 0;
        for name in self.names.clone() {
            // What a clock made that was ahead stands last, and would stay until its time has come.
            let old = (now - name.made_at).abs() > MAX_AGE;
            if old || self.bytes() > self.max_bytes {
                dropped += self.read(&name)?.records.len();
                self.remove(&name)?;
            }
        }
        Ok(dropped)
    }

    /// Its files, oldest first.
    pub(crate) fn names(&self) -> &[Name] {
        &self.names
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.names.iter().map(|name| name.bytes).sum()
    }

    /// What is in a file. One that cannot be understood holds nothing.
    pub(crate) fn read(&self, name: &Name) -> io::Result<Segment> {
        let bytes = files::read(&self.path(name))?.unwrap_or_default();
        Ok(serde_json::from_slice(&bytes).unwrap_or_else(|_| {
            tracing::warn!("a file of the spool cannot be read and is dropped");
            Segment::default()
        }))
    }

    /// The server has it.
    pub(crate) fn remove(&mut self, name: &Name) -> io::Result<()> {
        files::remove(&self.path(name))?;
        self.names.retain(|other| other.rest != name.rest);
        Ok(())
    }

    /// Throws away what may not be sent any more. What stays keeps its ids.
    pub(crate) fn prune(&mut self, permits: &Permits) -> io::Result<usize> {
        let mut dropped = 0;
        for name in self.names.clone() {
            dropped += self.retain(&name, |record| permits.record(record))?;
        }
        self.names.sort();
        Ok(dropped)
    }

    /// Keeps the records of a file that pass; gives how many did not.
    pub(crate) fn retain(
        &mut self,
        name: &Name,
        passes: impl Fn(&UsageRecord) -> bool,
    ) -> io::Result<usize> {
        let mut segment = self.read(name)?;
        let before = segment.records.len();
        segment.records.retain(passes);
        let dropped = before - segment.records.len();
        if segment.records.is_empty() {
            self.remove(name)?;
        } else if dropped > 0 {
            self.names.retain(|other| other.rest != name.rest);
            self.put(name.clone(), &segment)?;
        }
        Ok(dropped)
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.directory.join(format!("{:013}-{}.json", name.made_at, name.rest))
    }
}

fn record(rest: &str, number: usize, gathered: &Gathered) -> UsageRecord {
    UsageRecord {
        id: format!("{rest}-{number}"),
        kind: gathered.kind,
        user_key: gathered.user_key.clone(),
        name: gathered.name.clone(),
        started_at: env::timestamp(gathered.started_at),
        seconds: gathered.seconds,
        visits: gathered.visits,
    }
}

fn parse(name: &str, bytes: u64) -> Option<Name> {
    let (made_at, rest) = name.strip_suffix(".json")?.split_once('-')?;
    let is_ours = made_at.len() == 13 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then_some(())?;
    Some(Name { made_at: made_at.parse().ok()?, rest: rest.to_owned(), bytes })
}

#[cfg(test)]
mod tests;
