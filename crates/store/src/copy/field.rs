//! One value on its way from one engine to the other.

use crate::error::DbError;
use crate::row::Row;
use crate::value::Value;
use clientbook_model::id::hex;
use clientbook_model::time::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// What a column holds: PostgreSQL's types say it, SQLite's leave it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Text,
    Bytes,
    Uuid,
    Time,
    Json,
}

impl Kind {
    /// Of a type of PostgreSQL's, and the type of SQLite's that goes with it.
    pub(super) fn of(ty: &str) -> Option<(Self, &'static str)> {
        Some(match ty {
            "boolean" => (Self::Bool, "INTEGER"),
            "bigint" => (Self::Int, "INTEGER"),
            "text" => (Self::Text, "TEXT"),
            "bytea" => (Self::Bytes, "BLOB"),
            "uuid" => (Self::Uuid, "BLOB"),
            "timestamp with time zone" => (Self::Time, "INTEGER"),
            "jsonb" => (Self::Json, "TEXT"),
            _ => return None,
        })
    }
}

/// A value, of neither engine.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(Uuid),
    Time(Timestamp),
    Json(String),
}

impl Field {
    /// Reads a column. An error is a value that is not of its kind.
    pub(super) fn read(row: &Row<'_>, at: usize, kind: Kind) -> Result<Self, DbError> {
        let field = match kind {
            Kind::Bool => row.get::<Option<bool>>(at)?.map(Self::Bool),
            Kind::Int => row.get::<Option<i64>>(at)?.map(Self::Int),
            Kind::Text => row.get::<Option<String>>(at)?.map(Self::Text),
            Kind::Bytes => row.get::<Option<Vec<u8>>>(at)?.map(Self::Bytes),
            Kind::Uuid => row.get::<Option<Uuid>>(at)?.map(Self::Uuid),
            Kind::Time => row.get::<Option<Timestamp>>(at)?.map(Self::Time),
            Kind::Json => row.get::<Option<String>>(at)?.map(Self::Json),
        };
        match field {
            // PostgreSQL has no such texts.
            Some(Self::Text(text)) if text.contains('\0') => {
                Err(DbError::internal(format!("column {at} holds a text with U+0000")))
            }
            field => Ok(field.unwrap_or(Self::Null)),
        }
    }

    /// As an argument of a statement.
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Uuid(id) => Value::Uuid(*id),
            Self::Time(time) => Value::Time(*time),
            Self::Json(json) => Value::Json(json),
        }
    }

    /// How many bytes of memory it takes beside itself.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(text) | Self::Json(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            _ => 0,
        }
    }

    /// As text that `from_key` reads: part of a key.
    pub(super) fn to_key(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Text(text) | Self::Json(text) => text.clone(),
            Self::Bytes(bytes) => hex(bytes),
            Self::Uuid(id) => id.to_string(),
            Self::Time(time) => time.millis().to_string(),
        }
    }

    pub(super) fn from_key(text: &str, kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Bool => Self::Bool(text.parse().ok()?),
            Kind::Int => Self::Int(text.parse().ok()?),
            Kind::Text => Self::Text(text.into()),
            Kind::Json => Self::Json(text.into()),
            Kind::Bytes => Self::Bytes(unhex(text)?),
            Kind::Uuid => Self::Uuid(text.parse().ok()?),
            Kind::Time => Self::Time(text.parse().ok().and_then(Timestamp::from_millis)?),
        })
    }

    /// Adds it to a digest that comes out alike on both engines.
    pub(super) fn digest(&self, into: &mut Sha256) -> Result<(), DbError> {
        match self {
            Self::Null => into.update([0]),
            Self::Bool(value) => into.update([1, u8::from(*value)]),
            Self::Int(value) => part(into, 2, &value.to_be_bytes()),
            Self::Text(text) => part(into, 3, text.as_bytes()),
            Self::Bytes(bytes) => part(into, 4, bytes),
            Self::Uuid(id) => part(into, 5, id.as_bytes()),
            Self::Time(time) => part(into, 6, &time.millis().to_be_bytes()),
            Self::Json(text) => {
                let value = serde_json::from_str(text)
                    .map_err(|error| DbError::internal(format!("a JSON value: {error}")))?;
                json(into, &value);
            }
        }
        Ok(())
    }
}

fn part(into: &mut Sha256, tag: u8, bytes: &[u8]) {
    into.update([tag]);
    into.update((bytes.len() as u64).to_be_bytes());
    into.update(bytes);
}

// `jsonb` keeps what a JSON text says, not how: the order of keys, spaces and exponents are its own.
fn json(into: &mut Sha256, value: &serde_json::Value) {
    match value {
        serde_json::Value::Null => into.update(b"n"),
        serde_json::Value::Bool(value) => into.update([b'b', u8::from(*value)]),
        serde_json::Value::Number(number) => part(into, b'#', plain(number).as_bytes()),
        serde_json::Value::String(text) => part(into, b'"', text.as_bytes()),
        serde_json::Value::Array(items) => {
            part(into, b'[', &(items.len() as u64).to_be_bytes());
            for item in items {
                json(into, item);
            }
        }
        serde_json::Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            part(into, b'{', &(members.len() as u64).to_be_bytes());
            for (key, member) in members {
                part(into, b'"', key.as_bytes());
                json(into, member);
            }
        }
    }
}

/// A number without an exponent, whichever way it was written.
fn plain(number: &serde_json::Number) -> String {
    match number.as_f64() {
        // PostgreSQL's zero has no sign.
        Some(0.0) => "0".into(),
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let (pairs, rest) = digits.as_ref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(field: &Field) -> Vec<u8> {
        let mut hash = Sha256::new();
        field.digest(&mut hash).expect("a value that can be read");
        hash.finalize().to_vec()
    }

    #[test]
    fn json_is_compared_by_what_it_says() {
        let same = |one: &str, other: &str| {
            digest(&Field::Json(one.into())) == digest(&Field::Json(other.into()))
        };
        // What PostgreSQL 15 answers for the first of each pair.
        for (written, answered) in [
            (r#"{"bb":1,"a":[true,null]}"#, r#"{"a": [true, null], "bb": 1}"#),
            ("1e16", "10000000000000000"),
            ("1.2345e-7", "0.00000012345"),
            ("-0.0", "0.0"),
            ("[1e300]", &format!("[1{}]", "0".repeat(300))),
            (r#""\u00e9""#, "\"\u{e9}\""),
        ] {
            assert!(same(written, answered), "{written}");
        }
        for (one, other) in [
            ("1", "\"1\""),
            ("[[],1]", "[[1]]"),
            ("9007199254740993", "9007199254740992"),
            (r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#),
            ("null", "false"),
        ] {
            assert!(!same(one, other), "{one} is not {other}");
        }
    }

    #[test]
    fn neighbours_do_not_run_into_each_other() {
        let row = |fields: &[&str]| {
            let mut hash = Sha256::new();
            for field in fields {
                Field::Text((*field).into()).digest(&mut hash).expect("text");
            }
            hash.finalize()
        };
        assert_ne!(row(&["ab", "c"]), row(&["a", "bc"]));
        assert_ne!(digest(&Field::Null), digest(&Field::Text(String::new())));
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        for (field, kind) in [
            (Field::Bool(true), Kind::Bool),
            (Field::Int(-7), Kind::Int),
            (Field::Text("a, \"b\"".into()), Kind::Text),
            (Field::Bytes(vec![0, 255]), Kind::Bytes),
            (Field::Uuid(Uuid::from_u128(5)), Kind::Uuid),
            (Field::Time(Timestamp::from_millis(-1).expect("a time")), Kind::Time),
        ] {
            assert_eq!(Field::from_key(&field.to_key(), kind), Some(field));
        }
        assert_eq!(Field::from_key("abc", Kind::Bytes), None);
        assert_eq!(Field::from_key("", Kind::Int), None);
    }
}
