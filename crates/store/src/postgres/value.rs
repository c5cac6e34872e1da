//! Values on their way to PostgreSQL and back, in its binary form.

use crate::cell::Cell;
use crate::value::Value;
use bytes::{BufMut as _, BytesMut};
use clientbook_model::time::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// 2000-01-01, from which PostgreSQL counts, in milliseconds since 1970.
const EPOCH: i64 = 946_684_800_000;

type BoxError = Box<dyn std::error::Error + Sync + Send>;

/// The value of a column; `None` is one of a type that no column of ours has.
pub(crate) fn cell<'r>(row: &'r Row, index: usize) -> Option<Cell<'r>> {
    row.try_get::<_, Received<'r>>(index).ok().and_then(|received| received.0)
}

struct Received<'r>(Option<Cell<'r>>);

impl<'r> FromSql<'r> for Received<'r> {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, BoxError> {
        let number = |raw: &[u8]| raw.try_into().ok().map(i64::from_be_bytes);
        Ok(Self(match *ty {
            Type::BOOL => raw.first().map(|byte| Cell::Bool(*byte != 0)),
            Type::INT8 => number(raw).map(Cell::Int),
            Type::INT4 => raw.try_into().ok().map(|raw| Cell::Int(i32::from_be_bytes(raw).into())),
            Type::TEXT | Type::VARCHAR | Type::NAME => {
                std::str::from_utf8(raw).ok().map(Cell::Text)
            }
            // The first byte is the form's version.
            Type::JSONB => match raw {
                [1, json @ ..] => std::str::from_utf8(json).ok().map(Cell::Text),
                _ => None,
            },
            Type::BYTEA => Some(Cell::Bytes(raw)),
            Type::UUID => Uuid::from_slice(raw).ok().map(Cell::Uuid),
            Type::TIMESTAMPTZ => number(raw).and_then(time).map(Cell::Time),
            _ => None,
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self(Some(Cell::Null)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn time(micros: i64) -> Option<Timestamp> {
    micros.div_euclid(1_000).checked_add(EPOCH).and_then(Timestamp::from_millis)
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match (self, ty) {
            (Self::Null, _) => return Ok(IsNull::Yes),
            (Self::Bool(value), &Type::BOOL) => out.put_u8((*value).into()),
            (Self::Int(value), &Type::INT8) => out.put_i64(*value),
            (Self::Text(value), &Type::TEXT | &Type::VARCHAR) => out.put_slice(value.as_bytes()),
            (Self::Json(value), &Type::JSONB) => {
                out.put_u8(1);
                out.put_slice(value.as_bytes());
            }
            (Self::Bytes(value), &Type::BYTEA) => out.put_slice(value),
            // Where a walk over ids begins: see `RawId`.
            (Self::Bytes([]), &Type::UUID) => out.put_slice(Uuid::nil().as_bytes()),
            (Self::Uuid(value), &Type::UUID) => out.put_slice(value.as_bytes()),
            (Self::Time(value), &Type::TIMESTAMPTZ) => {
                out.put_i64((value.millis() - EPOCH) * 1_000);
            }
            (Self::Uuids(ids), &Type::UUID_ARRAY) => array(ids, out)?,
            _ => return Err(format!("{self:?} cannot be a {ty}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

// One dimension without NULLs, counted from 1, as PostgreSQL sends arrays.
fn array(ids: &[Uuid], out: &mut BytesMut) -> Result<(), BoxError> {
    out.put_i32(1);
    out.put_i32(0);
    out.put_u32(Type::UUID.oid());
    out.put_i32(ids.len().try_into()?);
    out.put_i32(1);
    for id in ids {
        out.put_i32(16);
        out.put_slice(id.as_bytes());
    }
    Ok(())
}

/// An argument in its final form, which outlives what it was made of.
#[derive(Debug)]
pub(super) struct Encoded(Option<Vec<u8>>);

impl Encoded {
    pub(super) fn new(value: &Value<'_>, ty: &Type) -> Result<Self, BoxError> {
        let mut bytes = BytesMut::new();
        Ok(match value.to_sql(ty, &mut bytes)? {
            IsNull::Yes => Self(None),
            IsNull::No => Self(Some(bytes.into())),
        })
    }
}

impl ToSql for Encoded {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        let Some(bytes) = &self.0 else {
            return Ok(IsNull::Yes);
        };
        out.put_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
