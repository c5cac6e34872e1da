//! The lines of a checkpoint: written with their signatures, and read back checked.

use super::{SigningKey, VerifyingKey};
use crate::error::AppError;
use clientbook_model::audit::{ChainHead, Hash};
use clientbook_model::id::{TenantId, hex, parse_uuid, unhex};
use clientbook_model::time::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::io::BufRead;
use uuid::Uuid;

/// The longest line that is read.
const LONGEST: u64 = 1_000;

/// Writes a checkpoint. Keys stand in their order, without spaces: what is signed is the line
/// without its signature, in the form of RFC 8785.
pub(super) struct Writer<'k, W> {
    key: &'k SigningKey,
    at: Timestamp,
    write: W,
    chains: u64,
    tenants: u64,
    of_chains: Sha256,
    of_tenants: Sha256,
}

impl<'k, W: FnMut(&str) -> Result<(), AppError>> Writer<'k, W> {
    pub(super) fn new(key: &'k SigningKey, at: Timestamp, mut write: W) -> Result<Self, AppError> {
        let first = json!({
            "created_at": at,
            "format": "1",
            "public_key": key.public().to_string(),
            "type": "checkpoint",
        });
        write(&format!("{first}\n"))?;
        let (of_chains, of_tenants) = (Sha256::new(), Sha256::new());
        Ok(Self { key, at, write, chains: 0, tenants: 0, of_chains, of_tenants })
    }

    pub(super) fn chain(
        &mut self,
        tenant: TenantId,
        chain: Uuid,
        head: ChainHead,
    ) -> Result<(), AppError> {
        let line = json!({
            "chain_id": chain,
            "count": head.count,
            "hash": hex(&head.hash),
            "tenant_id": tenant,
            "type": "chain",
        });
        let line = format!("{line}\n");
        self.of_chains.update(line.as_bytes());
        self.chains += 1;
        (self.write)(&line)
    }

    pub(super) fn tenant(&mut self, tenant: TenantId) -> Result<(), AppError> {
        let digest = std::mem::take(&mut self.of_chains).finalize();
        let head = json!({
            "chains": std::mem::take(&mut self.chains),
            "created_at": self.at,
            "digest": hex(&digest),
            "tenant_id": tenant,
            "type": "tenant",
        });
        self.tenants += 1;
        let line = self.signed(&head);
        self.of_tenants.update(line.as_bytes());
        (self.write)(&line)
    }

    pub(super) fn end(mut self) -> Result<(), AppError> {
        let end = json!({
            "created_at": self.at,
            "digest": hex(&std::mem::take(&mut self.of_tenants).finalize()),
            "tenants": self.tenants,
            "type": "end",
        });
        let line = self.signed(&end);
        (self.write)(&line)
    }

    fn signed(&self, head: &Value) -> String {
        let message = head.to_string();
        let mut signed = head.clone();
        signed["signature"] = self.key.sign(&message).into();
        format!("{signed}\n")
    }
}

/// A checkpoint whose signatures have been checked.
#[derive(Debug)]
pub struct Checkpoint {
    /// When it was made.
    pub created_at: Timestamp,
    /// Whose signatures they are.
    pub public_key: VerifyingKey,
    /// Tenants in it.
    pub tenants: u64,
    /// Chains in it.
    pub chains: u64,
}

/// A chain as a checkpoint has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) tenant_id: TenantId,
    pub(super) chain_id: Uuid,
    pub(super) count: i64,
    pub(super) hash: Hash,
}

impl Checkpoint {
    /// Reads a checkpoint to its end and checks every signature; `Err` says what is wrong with it,
    /// and where. The key is the file's own: whether it is the right one is for the caller to say.
    pub fn check(file: impl BufRead) -> Result<Self, String> {
        let mut lines = Lines { file, number: 0 };
        let (_, first) = lines.next()?.ok_or("it is empty")?;
        let key = text(&first, "public_key").and_then(VerifyingKey::from_text);
        let created_at = text(&first, "created_at").and_then(Timestamp::parse_rfc3339);
        let (Some(public_key), Some(created_at)) = (key, created_at) else {
            return Err("its first line is not that of a checkpoint".into());
        };
        if text(&first, "format") != Some("1") || text(&first, "type") != Some("checkpoint") {
            return Err("it has a format that this version does not know".into());
        }
        let mut checkpoint = Self { created_at, public_key, tenants: 0, chains: 0 };
        checkpoint.check_rest(&mut lines)?;
        Ok(checkpoint)
    }

    fn check_rest(&mut self, lines: &mut Lines<impl BufRead>) -> Result<(), String> {
        let (mut of_chains, mut of_tenants, mut chains) = (Sha256::new(), Sha256::new(), 0);
        let mut tenant: Option<Uuid> = None;
        loop {
            let cut = "it has no end: lines are missing";
            let (line, object) = lines.next()?.ok_or(cut)?;
            match text(&object, "type") {
                Some("chain") => {
                    let told = told(&object).ok_or_else(|| lines.wrong("is not a chain's"))?;
                    if tenant.is_some_and(|tenant| tenant != told.tenant_id.0) {
                        return Err(lines.wrong("is of another tenant than the lines before"));
                    }
                    tenant = Some(told.tenant_id.0);
                    of_chains.update(line.as_bytes());
                    chains += 1;
                }
                Some("tenant") => {
                    let digest = std::mem::take(&mut of_chains).finalize();
                    let same = tenant == text(&object, "tenant_id").and_then(parse_uuid);
                    self.signed(lines, &object, &digest, "chains", chains)?;
                    if !same {
                        return Err(lines.wrong("is of another tenant than the lines before"));
                    }
                    of_tenants.update(line.as_bytes());
                    self.tenants += 1;
                    self.chains += chains;
                    (chains, tenant) = (0, None);
                }
                Some("end") => {
                    self.signed(lines, &object, &of_tenants.finalize(), "tenants", self.tenants)?;
                    let more = chains > 0 || lines.next()?.is_some();
                    return if more { Err("lines stand where none may".into()) } else { Ok(()) };
                }
                _ => return Err(lines.wrong("is of no kind that is known")),
            }
        }
    }

    /// Checks a signed line, and that it tells of the lines before it.
    fn signed(
        &self,
        lines: &Lines<impl BufRead>,
        object: &Map<String, Value>,
        digest: &[u8],
        counter: &str,
        count: u64,
    ) -> Result<(), String> {
        let mut message = object.clone();
        let signature = message.remove("signature").unwrap_or_default();
        let message = Value::from(message).to_string();
        if !self.public_key.verifies(&message, signature.as_str().unwrap_or_default()) {
            return Err(lines.wrong("has a signature that is not that of its key"));
        }
        let time = text(object, "created_at").and_then(Timestamp::parse_rfc3339);
        let tells = text(object, "digest") == Some(&hex(digest))
            && object.get(counter).and_then(Value::as_u64) == Some(count)
            && time == Some(self.created_at);
        if tells { Ok(()) } else { Err(lines.wrong("signs other lines than those before it")) }
    }
}

/// The chains of a checkpoint that has been checked, up to `limit` of them from where it is.
pub(super) fn next_chains(file: &mut impl BufRead, limit: usize) -> Result<Vec<Told>, String> {
    let mut lines = Lines { file, number: 0 };
    let mut chains = Vec::new();
    while chains.len() < limit
        && let Some((_, object)) = lines.next()?
    {
        if text(&object, "type") == Some("chain") {
            chains.push(told(&object).ok_or_else(|| lines.wrong("is not a chain's"))?);
        }
    }
    Ok(chains)
}

/// A line with its end, and the object that it holds.
type Line = (String, Map<String, Value>);

struct Lines<R> {
    file: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Line>, String> {
        let mut line = String::new();
        let read = std::io::Read::take(&mut self.file, LONGEST).read_line(&mut line);
        self.number += 1;
        match read {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(format!("line {}: {error}", self.number)),
        }
        let object = line.ends_with('\n').then(|| serde_json::from_str(&line).ok()).flatten();
        match object {
            Some(Value::Object(object)) => Ok(Some((line, object))),
            _ => Err(self.wrong("is no line of a checkpoint")),
        }
    }

    fn wrong(&self, what: &str) -> String {
        format!("line {} {what}", self.number)
    }
}

fn text<'o>(object: &'o Map<String, Value>, name: &str) -> Option<&'o str> {
    object.get(name).and_then(Value::as_str)
}

fn told(object: &Map<String, Value>) -> Option<Told> {
    Some(Told {
        tenant_id: TenantId(text(object, "tenant_id").and_then(parse_uuid)?),
        chain_id: text(object, "chain_id").and_then(parse_uuid)?,
        count: object.get("count").and_then(Value::as_i64).filter(|count| *count >= 0)?,
        hash: text(object, "hash").and_then(unhex)?,
    })
}
