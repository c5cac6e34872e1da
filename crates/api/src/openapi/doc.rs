//! What a description says of an operation beyond what the access table knows.

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// The description of one operation.
pub(crate) struct Doc {
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) success: Success,
    pub(super) body: Option<Body>,
    pub(super) refusals: Vec<Refusal>,
    /// Its answer may say where the next page is.
    pub(super) linked: bool,
    /// Media types of a body that is read while it comes.
    pub(super) reads: &'static [&'static str],
    /// Its body may ask for a dry run, whose answer has no entity tag.
    pub(super) dry: bool,
}

/// How an operation answers when it does what it was asked.
pub(super) struct Success {
    pub(super) status: u16,
    pub(super) about: &'static str,
    pub(super) content: Option<Content>,
    /// Media types of an answer that is made while it is sent.
    pub(super) streams: &'static [&'static str],
    /// Media types of files that it answers instead, where it is asked for one.
    pub(super) files: Vec<&'static str>,
    /// It has an entity tag, and reads answer 304.
    pub(super) tagged: bool,
    /// It says where what was made can be read, and has an entity tag.
    pub(super) located: bool,
    /// It looks at `If-Match`, and has no entity tag of its own.
    pub(super) preconditioned: bool,
}

pub(super) struct Content {
    pub(super) media_type: &'static str,
    pub(super) shape: Option<Shape>,
    pub(super) example: Option<Value>,
}

pub(super) struct Body {
    pub(super) shape: Shape,
    /// Names and values.
    pub(super) examples: Vec<(&'static str, Value)>,
}

/// Refusals that only some operations have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another client has the external id.
    Conflict,
    /// Another tenant has the id, the object id or the slug.
    TenantTaken,
    /// Another client type has the title.
    TitleTaken,
    /// Another field has the key.
    KeyTaken,
    /// Another client has the value of a unique field.
    ValueTaken,
    /// No device may join a client in the mode `deleted`.
    ClientDeleted,
    /// Another import has the id.
    OtherImport,
    /// The import with the id has begun with other rows.
    OtherContent,
    /// Another department of the client has the name.
    DepartmentTaken,
    /// Nothing leaves a device's state `deleted`.
    StateTransition,
    /// Nothing leaves a user's status `deleted`.
    UserTransition,
    /// Nothing below a client in the mode `deleted` is controlled.
    ClientControl,
    /// Nothing leaves the mode `deleted`.
    Transition,
    /// An entry that changed no fields of the client, or whose values were erased.
    NotRevertible,
    /// Only what is in the mode `deleted` is erased.
    NotDeleted,
    /// The client was erased.
    Erased,
    /// What was sent may not be collected.
    NotCollected,
}

/// A schema and all that it refers to.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

impl Shape {
    pub(super) fn of<T: ToSchema>() -> Self {
        let name = T::name().into_owned();
        let mut schemas = Vec::new();
        T::schemas(&mut schemas);
        schemas.push((name.clone(), T::schema()));
        Self { name, schemas }
    }
}

impl Doc {
    /// An operation that answers 204 until `answers` says otherwise.
    pub(crate) fn new(id: &'static str, summary: &'static str) -> Self {
        let (status, about) = (204, "Done; there is nothing to show");
        let success = Success {
            status,
            about,
            content: None,
            streams: &[],
            files: Vec::new(),
            tagged: false,
            located: false,
            preconditioned: false,
        };
        let (refusals, body) = (Vec::new(), None);
        Self { id, summary, success, body, refusals, linked: false, reads: &[], dry: false }
    }

    /// Answers JSON of this shape.
    pub(crate) fn answers<T: ToSchema>(
        mut self,
        status: u16,
        about: &'static str,
        example: Value,
    ) -> Self {
        let (media_type, shape) = ("application/json", Some(Shape::of::<T>()));
        self.success.content = Some(Content { media_type, shape, example: Some(example) });
        (self.success.status, self.success.about) = (status, about);
        self
    }

    /// Its answer is a list of these: a derived schema brings its type parameter along neither in
    /// its name nor among what it refers to.
    pub(crate) fn listing<T: ToSchema>(mut self) -> Self {
        if let Some(Content { shape: Some(shape), .. }) = &mut self.success.content {
            let list = shape.schemas.pop();
            shape.name = format!("{}List", public(&T::name()));
            shape.schemas.extend(Shape::of::<T>().schemas);
            shape.schemas.extend(list.map(|(_, schema)| (shape.name.clone(), schema)));
        }
        self
    }

    /// Answers 200 with something that has no schema.
    pub(crate) fn serves(mut self, media_type: &'static str, about: &'static str) -> Self {
        self.success.content = Some(Content { media_type, shape: None, example: None });
        (self.success.status, self.success.about) = (200, about);
        self.tagged()
    }

    /// Answers 200 with rows of one of these media types.
    pub(crate) fn streams(
        mut self,
        media_types: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        self.success.streams = media_types;
        (self.success.status, self.success.about) = (200, about);
        self
    }

    /// Takes rows of one of these media types.
    pub(crate) fn reads(mut self, media_types: &'static [&'static str]) -> Self {
        self.reads = media_types;
        self
    }

    /// Answers a file of this type instead, where it is asked for one.
    pub(crate) fn or_file(mut self, media_type: &'static str) -> Self {
        self.success.files.push(media_type);
        self
    }

    /// Its answer has an entity tag.
    pub(crate) fn tagged(mut self) -> Self {
        self.success.tagged = true;
        self
    }

    /// Its body may ask for a dry run, whose answer has no entity tag.
    pub(crate) fn dry_runs(mut self) -> Self {
        self.dry = true;
        self
    }

    /// Its answer says where the next page is, if there is one.
    pub(crate) fn linked(mut self) -> Self {
        self.linked = true;
        self
    }

    /// Answers 201 with a new record of this shape, its entity tag and its place.
    pub(crate) fn creates<T: ToSchema>(self, about: &'static str, example: Value) -> Self {
        let mut doc = self.answers::<T>(201, about, example);
        doc.success.located = true;
        doc
    }

    /// Looks at `If-Match`, though there is nothing to show.
    pub(crate) fn preconditioned(mut self) -> Self {
        self.success.preconditioned = true;
        self
    }

    /// Takes a body of this shape.
    pub(crate) fn takes<T: ToSchema>(mut self, examples: Vec<(&'static str, Value)>) -> Self {
        self.body = Some(Body { shape: Shape::of::<T>(), examples });
        self
    }

    /// Its body refers to this: a list made by hand brings what it holds along by no other way.
    pub(crate) fn using<T: ToSchema>(mut self) -> Self {
        if let Some(body) = &mut self.body {
            body.shape.schemas.extend(Shape::of::<T>().schemas);
        }
        self
    }

    /// Also refuses for these reasons.
    pub(crate) fn refuses(mut self, refusals: &[Refusal]) -> Self {
        self.refusals.extend_from_slice(refusals);
        self
    }
}

impl Content {
    pub(super) fn schema(&self) -> Value {
        self.shape.as_ref().map_or_else(|| json!({}), Shape::reference)
    }
}

impl Shape {
    pub(super) fn reference(&self) -> Value {
        json!({ "$ref": format!("{SCHEMAS}{}", public(&self.name)) })
    }
}

/// Where references to schemas lead.
pub(super) const SCHEMAS: &str = "#/components/schemas/";

/// The name under which a schema is published: our views are their readers' things.
pub(super) fn public(name: &str) -> String {
    name.trim_end_matches("View").to_owned()
}
