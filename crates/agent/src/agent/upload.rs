//! Sending what was gathered: one call at a time, each made from what is permitted at that moment.

use super::Agent;
use crate::env;
use crate::failure::Failure;
use crate::places::Places;
use crate::server::Refusal;
use crate::spool::Name;
use crate::state;
use clientbook_agent_protocol::{
    Collect, Device, Inventory, LogRecord, Logs, Software, Usage, limits,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

const SENT: &str = "sent.json";
/// Files of the spool in one call: some 1 MiB, so that a slow line is done with it in time.
const BATCH: usize = 5;
/// After a call that failed.
const PAUSE: Duration = Duration::from_secs(20);

/// A call under way.
pub(crate) struct Upload {
    pub(crate) answer: Pin<Box<dyn Future<Output = Result<(), Refusal>>>>,
    pub(crate) sent: Sending,
}

/// What a call sends.
#[derive(Debug)]
pub(crate) enum Sending {
    Inventory { device: Option<String>, software: Option<String> },
    Usage(Vec<Name>),
    Logs(u64),
}

/// Which kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Inventory,
    Usage,
    Logs,
}

/// What the server has of the inventory, by digest: what is the same is not sent again.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sent {
    device: Option<String>,
    software: Option<String>,
}

impl Sent {
    pub(super) fn read(places: &Places) -> Self {
        // If it cannot be read, the inventory is sent once more.
        state::read(places, SENT).ok().flatten().unwrap_or_default()
    }

    pub(super) fn is_new_device(&self, device: &Device) -> bool {
        self.device != digest(device)
    }

    pub(super) fn is_new_software(&self, software: &[Software]) -> bool {
        self.software != digest(software)
    }
}

fn digest<T: Serialize + ?Sized>(value: &T) -> Option<String> {
    let bytes = serde_json::to_vec(value).ok()?;
    Some(env::hex(&Sha256::digest(bytes)))
}

impl Agent {
    /// Whether the server lacks something of the inventory.
    pub(super) fn has_inventory(&self) -> bool {
        self.inventory.device.is_some() || self.inventory.software.is_some()
    }

    /// What is to be sent next.
    pub(super) fn next_kind(&self) -> Option<Kind> {
        if self.has_inventory() {
            Some(Kind::Inventory)
        } else if !self.spool.names().is_empty() {
            Some(Kind::Usage)
        } else if self.permits.logs() && !self.ring.since(self.logs_sent).0.is_empty() {
            Some(Kind::Logs)
        } else {
            None
        }
    }

    /// Begins the next call, if there is something to send and the server has just said that it may
    /// be. Never while a check-in is under way: it might be about to say otherwise.
    pub(crate) fn upload(&mut self) -> Result<Option<Upload>, Failure> {
        if !self.may_send() || Instant::now() < self.uploads_at {
            return Ok(None);
        }
        match self.next_kind() {
            Some(Kind::Inventory) => Ok(Some(self.send_inventory())),
            Some(Kind::Usage) => self.send_usage(),
            Some(Kind::Logs) => Ok(Some(self.send_logs())),
            None => Ok(None),
        }
    }

    fn send_inventory(&self) -> Upload {
        let inventory = Inventory {
            device: self.inventory.device.clone().filter(|_| self.permits.kind(Collect::Device)),
            software: self
                .inventory
                .software
                .clone()
                .filter(|_| self.permits.kind(Collect::Software)),
        };
        let sent = Sending::Inventory {
            device: inventory.device.as_ref().and_then(digest),
            software: inventory.software.as_ref().and_then(digest),
        };
        let server = self.server.clone();
        Upload { answer: Box::pin(async move { server.inventory(&inventory).await }), sent }
    }

    fn send_usage(&mut self) -> Result<Option<Upload>, Failure> {
        let bounded = self.spool.bound(env::now());
        bounded.map_err(|error| self.spool_failed(&error))?;
        let mut names = Vec::new();
        let mut records = Vec::new();
        for name in self.spool.names().iter().take(BATCH.min(self.batch)) {
            let segment = self.spool.read(name).map_err(|error| self.spool_failed(&error))?;
            if records.len() + segment.records.len() > limits::USAGE_RECORDS {
                break;
            }
            // What is not permitted was pruned; should that ever fail, it stays here all the same.
            records.extend(segment.records.into_iter().filter(|it| self.permits.record(it)));
            names.push(name.clone());
        }
        if records.is_empty() {
            for name in &names {
                self.spool.remove(name).map_err(|error| self.spool_failed(&error))?;
            }
            return Ok(None);
        }
        let (server, usage) = (self.server.clone(), Usage { records });
        let answer = Box::pin(async move {
            let answer = server.usage(&usage).await?;
            let (accepted, duplicates) = (answer.accepted, answer.duplicates);
            tracing::debug!(accepted, duplicates, "records of usage were sent");
            Ok(())
        });
        Ok(Some(Upload { answer, sent: Sending::Usage(names) }))
    }

    fn send_logs(&self) -> Upload {
        let (mut records, seen): (Vec<LogRecord>, u64) = self.ring.since(self.logs_sent);
        records.truncate(limits::LOG_RECORDS);
        let server = self.server.clone();
        let answer = Box::pin(async move { server.logs(&Logs { records }).await });
        Upload { answer, sent: Sending::Logs(seen) }
    }

    /// Takes in the answer to a call.
    pub(crate) fn uploaded(
        &mut self,
        sent: Sending,
        answer: Result<(), Refusal>,
    ) -> Result<(), Failure> {
        let refusal = match answer {
            Ok(()) => {
                self.batch = usize::MAX;
                return self.delivered(sent);
            }
            Err(refusal) => refusal,
        };
        let why = refusal.why();
        tracing::warn!(why, "what was gathered could not be sent");
        match refusal {
            Refusal::NotPermitted { collect, user_keys } => {
                self.doubt();
                self.drop_refused(sent, collect.as_deref(), &user_keys)
            }
            Refusal::Invalid(_) => self.drop_invalid(sent),
            Refusal::Away { retry_after, .. } => {
                let pause = retry_after.unwrap_or(PAUSE).clamp(PAUSE, Duration::from_hours(1));
                self.uploads_at = Instant::now() + env::jitter(pause, 0.5, 1.0);
                Ok(())
            }
            Refusal::ClientInactive | Refusal::Unauthenticated => {
                self.doubt();
                Ok(())
            }
        }
    }

    fn delivered(&mut self, sent: Sending) -> Result<(), Failure> {
        match sent {
            Sending::Inventory { device, software } => {
                if let Some(digest) = device {
                    self.inventory.device = None;
                    self.sent.device = Some(digest);
                }
                if let Some(digest) = software {
                    self.inventory.software = None;
                    self.sent.software = Some(digest);
                }
                // Where it cannot be kept, this process remembers it; the next one sends it once more.
                if let Err(error) = state::write(&self.places, SENT, &self.sent) {
                    tracing::error!(?error, "what the server has could not be kept");
                }
                Ok(())
            }
            Sending::Usage(names) => self.remove_from_spool(&names),
            Sending::Logs(seen) => {
                self.logs_sent = seen;
                Ok(())
            }
        }
    }

    fn remove_from_spool(&mut self, names: &[Name]) -> Result<(), Failure> {
        for name in names {
            self.spool.remove(name).map_err(|error| self.spool_failed(&error))?;
        }
        Ok(())
    }

    /// Drops what the server refused: of what was sent, only the kinds and users that are in the way
    /// if it names them, else all.
    fn drop_refused(
        &mut self,
        sent: Sending,
        collect: Option<&[Collect]>,
        user_keys: &[String],
    ) -> Result<(), Failure> {
        match sent {
            Sending::Inventory { .. } => self.inventory = Inventory::default(),
            Sending::Logs(seen) => self.logs_sent = seen,
            Sending::Usage(names) => {
                let every = [Collect::AppUsage, Collect::WebUsage];
                let left = self.permits.narrowed(collect.unwrap_or(&every), user_keys);
                let mut dropped = 0;
                for name in &names {
                    let retained = self.spool.retain(name, |record| left.record(record));
                    dropped += retained.map_err(|error| self.spool_failed(&error))?;
                }
                if dropped == 0 {
                    self.remove_from_spool(&names)?;
                }
            }
        }
        Ok(())
    }

    /// Drops what the server cannot read, after finding out which file of the spool it is.
    fn drop_invalid(&mut self, sent: Sending) -> Result<(), Failure> {
        match sent {
            Sending::Usage(names) if names.len() > 1 => {
                self.batch = 1;
                Ok(())
            }
            // As if it had been taken: sent again, it would be refused again.
            sent => {
                tracing::error!("the server cannot read what this agent sends; it was dropped");
                self.batch = usize::MAX;
                self.delivered(sent)
            }
        }
    }
}
