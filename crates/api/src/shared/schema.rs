//! The words that the descriptions of all surfaces are made of: ids, times, numbers, lists of
//! names. Limits are those of the model's types.

use super::described::{Described, of};
use super::query::PageSize;
use clientbook_model::api_token::ApiTokenName;
use clientbook_model::collection::CollectionMode;
use clientbook_model::contact::ContactType;
use clientbook_model::custom_field::MAX_TEXT;
use clientbook_model::principal::{Permission, Role};
use clientbook_model::search::MAX_WORDS;
use clientbook_model::tenant::SLUG_LENGTH;
use clientbook_model::{
    custom_field, department, enrollment, field, number, success, tenant, text,
};
use serde_json::{Value, json};
use utoipa::openapi::schema::{AnyOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, Ref, RefOr, SchemaFormat};

macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr;)*) => {
        $(
            $(#[doc = $doc])+
            pub(crate) enum $name {}

            impl utoipa::PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let about = [$($doc.trim()),+].join(" ");
                    let schema: ObjectBuilder = $schema;
                    RefOr::T(Schema::Object(schema.description(Some(about)).build()))
                }
            }

            impl utoipa::ToSchema for $name {}
        )*
    };
}

words! {
    /// A UUID in its hyphenated form. Read in any letter case, answered in lower case.
    Id = text().format(Some(SchemaFormat::Custom("uuid".into())));
    /// 24 hex digits. Read in any letter case, answered in lower case.
    ObjectId = text().pattern(Some("^[0-9A-Fa-f]{24}$"));
    /// The lower-case hex digits of a SHA-256 digest.
    Digest = text().pattern(Some("^[0-9a-f]{64}$"));
    /// A point in time: UTC, three decimals.
    Timestamp = time(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$");
    /// A point in time: UTC, no decimals.
    Seconds = time(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$");
    /// A time as in RFC 3339, of any offset.
    Moment = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    /// A calendar day.
    Day = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
    /// A client's number in its tenant.
    ClientNumber = int64().minimum(Some(1)).maximum(Some(i64::MAX));
    /// The id of something in the customer-success tool.
    Reference = of::<number::Reference>();
    /// Any int64.
    AnyInt = of::<number::AnyInt>();
    /// A net promoter score.
    NpsScore = of::<number::NpsScore>();
    /// A client's name, stored trimmed.
    ClientName = of::<text::ClientName>().examples(["Acme Corporation"]);
    /// What people call a token, stored trimmed.
    TokenName = of::<ApiTokenName>().examples(["Front desk"]);
    /// An organization or a project: an opaque id of the caller's world, stored trimmed.
    Scope = of::<text::ScopeId>().examples(["org-7"]);
    /// What an employee is to the client, stored trimmed.
    RoleTitle = of::<success::RoleTitle>().examples(["Onboarding"]);
    /// The title of a client type, stored trimmed.
    TypeTitle = of::<success::TypeTitle>().examples(["Enterprise"]);
    /// What an enrolment token is for.
    TokenDescription = of::<enrollment::Description>().examples(["Berlin office"]);
    /// The site that a token's devices stand at: an opaque id of the caller's world, stored trimmed.
    Site = of::<enrollment::SiteId>().examples(["site-7"]);
    /// How many devices may enrol.
    MaxUses = of::<enrollment::MaxUses>().examples([25]);
    /// A tenant's readable name in paths: never shaped like a UUID or 24 hex digits.
    Slug = text().pattern(Some("^[a-z][a-z0-9-]{1,62}$")).examples(["tenant123"]);
    /// What people call a tenant, stored trimmed.
    TenantName = of::<tenant::TenantName>().examples(["TechPartner Inc."]);
    /// A tenant: its slug, UUID or 24 hex digits.
    TenantKey = text()
        .min_length(Some(*SLUG_LENGTH.start()))
        .max_length(Some(*SLUG_LENGTH.end()))
        .pattern(Some("^[0-9A-Za-z][0-9A-Za-z-]*$"))
        .examples(["tenant123"]);
    /// What agents may collect; nothing leaves `deleted`.
    Mode = names(CollectionMode::ALL.map(CollectionMode::as_str));
    /// What people call a department, stored trimmed.
    DepartmentName = of::<department::DepartmentName>().examples(["Engineering"]);
    /// What a department is for.
    DepartmentDescription =
        of::<department::DepartmentDescription>().examples(["Builds the product"]);
    /// A named bundle of permissions.
    RoleName = names(Role::ALL.map(Role::as_str));
    /// A right to do one kind of thing.
    PermissionName = names(Permission::ALL.map(Permission::as_str));
    /// The kind of a contact method.
    ContactKind = names(ContactType::ALL.map(ContactType::as_str));
    /// The key of a custom field: no control characters, no spaces at the ends.
    FieldKey = of::<custom_field::FieldKey>().examples(["notes"]);
    /// The value of a custom field, of the type that the field is defined with; a text where nobody
    /// defined it. Null removes it.
    FieldValue = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([
            Type::String,
            Type::Number,
            Type::Boolean,
            Type::Null,
        ]))
        .max_length(Some(MAX_TEXT))
        .examples(["Updated notes"]);
    /// The value of a custom field, of the type that the field is defined with; a text where nobody
    /// defined it.
    HeldValue = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Number, Type::Boolean]));
    /// What people call a field, stored trimmed.
    FieldLabel = of::<field::FieldLabel>().examples(["Contract end"]);
    /// What a field is for.
    FieldDescription = of::<field::FieldDescription>().examples(["As in the signed contract"]);
    /// What the values of a field are.
    FieldKind = names(field::FieldType::ALL.iter().map(|one| one.as_str()));
    /// A field's place among the others; the older one first where two have the same.
    FieldOrder = of::<field::FieldOrder>();
    /// What callers keep beside a field: at most 65,536 bytes of JSON. A field of the type `select`
    /// has its `options` there: 1 to 500 different texts of 1 to 255 characters.
    FieldMetadata = values()
        .additional_properties(Some(ObjectBuilder::new().schema_type(SchemaType::AnyValue)))
        .examples([json!({ "options": ["gold", "silver"] })]);
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn time(pattern: &str) -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).pattern(Some(pattern))
}

fn whole() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer)
}

fn int64() -> ObjectBuilder {
    whole().format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
}

/// One of a list of names.
pub(crate) fn names<N: Into<Value>>(names: impl IntoIterator<Item = N>) -> ObjectBuilder {
    text().enum_values(Some(names))
}

/// A query parameter that is one of a list.
pub(crate) fn choice(list: &[&str], default: Option<&str>) -> RefOr<Schema> {
    names(list.iter().copied()).default(default.map(Value::from)).into()
}

/// A query parameter that is any text.
pub(crate) fn any_text() -> RefOr<Schema> {
    text().into()
}

/// A query parameter that is a UUID.
pub(crate) fn uuid() -> RefOr<Schema> {
    <Id as utoipa::PartialSchema>::schema()
}

/// A query parameter that is a calendar day.
pub(crate) fn day() -> RefOr<Schema> {
    <Day as utoipa::PartialSchema>::schema()
}

/// A query parameter that is a time.
pub(crate) fn moment() -> RefOr<Schema> {
    <Moment as utoipa::PartialSchema>::schema()
}

/// A property that names a tenant, or null.
pub(crate) fn tenant_or_null(about: &str) -> OneOfBuilder {
    let tenant = Ref::from_schema_name("TenantKey");
    OneOfBuilder::new().item(null()).item(tenant).description(Some(about))
}

/// A query parameter that names a tenant.
pub(crate) fn tenant() -> RefOr<Schema> {
    <TenantKey as utoipa::PartialSchema>::schema()
}

/// A query parameter that is a text of the model.
pub(crate) fn label<T: Described>() -> RefOr<Schema> {
    of::<T>().into()
}

/// A query parameter that is a number of the model, with what being absent means.
pub(crate) fn number_or<T: Described>(default: i64) -> RefOr<Schema> {
    of::<T>().default(Some(json!(default))).into()
}

/// A query parameter that is true or false.
pub(crate) fn flag() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Boolean).default(Some(json!(false))).into()
}

/// A query parameter that says how many rows a page has.
pub(crate) fn page_size(size: PageSize) -> RefOr<Schema> {
    let PageSize { default, max } = size;
    whole().minimum(Some(1_i64)).maximum(Some(max)).default(Some(json!(default))).into()
}

/// A query parameter that is true or false, where being absent says something else.
pub(crate) fn boolean() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Boolean).into()
}

/// A query parameter that is a text to search for.
pub(crate) fn words() -> RefOr<Schema> {
    text().min_length(Some(1)).max_length(Some(MAX_WORDS)).into()
}

/// A query parameter that is the number of a page, from 0.
pub(crate) fn page() -> RefOr<Schema> {
    int64().minimum(Some(0)).default(Some(json!(0))).into()
}

/// Only null.
pub(crate) fn null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Null)
}

/// An object of any content, or null.
pub(crate) fn any_object_or_null() -> ObjectBuilder {
    let types = SchemaType::from_iter([Type::Object, Type::Null]);
    ObjectBuilder::new().schema_type(types)
}

/// Fields and their values, by name.
pub(crate) fn values() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

/// A day; an empty text or null clears it.
pub(crate) fn day_or_none(about: &str, example: &str) -> AnyOfBuilder {
    let day = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
    let empty = text().max_length(Some(0));
    let any = AnyOfBuilder::new().item(day).item(empty).item(null());
    any.description(Some(about)).examples([example])
}

/// One rule that one field of a request breaks.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the model's `Violation`, which knows no descriptions")]
pub(crate) struct BrokenRule {
    /// JSON pointer (RFC 6901) to the field.
    path: String,
    /// Stable name of the rule, such as `max_length`.
    rule: String,
    /// What was expected.
    message: String,
    /// The allowed values, where there is a list of them.
    #[schema(nullable = false)]
    allowed: Option<Vec<String>>,
}
