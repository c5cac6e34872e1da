//! What the model's types allow, as schemas: a limit stands with its type, and nowhere else.

use clientbook_model::custom_field::{FieldKey, MAX_KEY};
use clientbook_model::number::Int;
use clientbook_model::patch::Patch;
use clientbook_model::text::{Label, Text};
use clientbook_model::time::{MAX_ZONE, TimeZoneName};
use clientbook_model::web::{MAX_URL, WebUrl};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat};

/// A type of the model that a schema can describe.
pub(crate) trait Described {
    /// Its type in JSON.
    const TYPE: Type = Type::String;

    /// Adds its limits to a schema of that type.
    fn limits(schema: ObjectBuilder) -> ObjectBuilder;
}

/// What `T` allows.
pub(crate) fn of<T: Described>() -> ObjectBuilder {
    T::limits(ObjectBuilder::new().schema_type(T::TYPE))
}

/// What a field can be set to.
pub(crate) fn settable<T: Described>(_: Option<&T>) -> ObjectBuilder {
    of::<T>()
}

/// What a field can be set to, or null, which clears it.
pub(crate) fn clearable<T: Described>(_: &Patch<T>) -> ObjectBuilder {
    of::<T>().schema_type(SchemaType::from_iter([T::TYPE, Type::Null]))
}

impl Described for bool {
    const TYPE: Type = Type::Boolean;

    fn limits(schema: ObjectBuilder) -> ObjectBuilder {
        schema
    }
}

impl Described for String {
    fn limits(schema: ObjectBuilder) -> ObjectBuilder {
        schema
    }
}

impl<const MAX: usize> Described for Text<MAX> {
    fn limits(schema: ObjectBuilder) -> ObjectBuilder {
        schema.max_length(Some(MAX).filter(|max| *max < usize::MAX))
    }
}

impl<const MAX: usize, const SHOWS: bool> Described for Label<MAX, SHOWS> {
    fn limits(schema: ObjectBuilder) -> ObjectBuilder {
        schema.min_length(Some(1)).max_length(Some(MAX)).pattern(Some(r"\S"))
    }
}

impl<const MIN: i64, const MAX: i64> Described for Int<MIN, MAX> {
    const TYPE: Type = Type::Integer;

    fn limits(schema: ObjectBuilder) -> ObjectBuilder {
        let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
        schema.format(Some(format)).minimum(Some(MIN)).maximum(Some(MAX))
    }
}

impl Described for TimeZoneName {
    fn limits(schema: ObjectBuilder) -> ObjectBuilder {
        schema.max_length(Some(MAX_ZONE))
    }
}

impl Described for WebUrl {
    fn limits(schema: ObjectBuilder) -> ObjectBuilder {
        let pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\\/\u0000-\u001f\u007f-\u009f][^\s\\\u0000-\u001f\u007f-\u009f]*$";
        schema.max_length(Some(MAX_URL)).pattern(Some(pattern))
    }
}

impl Described for FieldKey {
    fn limits(schema: ObjectBuilder) -> ObjectBuilder {
        // `\s` also has U+FEFF, which no key needs at its ends.
        let pattern = r"^[^\s\u0000-\u001f\u007f-\u009f]([^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?$";
        schema.min_length(Some(1)).max_length(Some(MAX_KEY)).pattern(Some(pattern))
    }
}
