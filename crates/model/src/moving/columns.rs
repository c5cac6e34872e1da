//! The columns of a file of clients, in the order in which an export writes them.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// A JSON array or object; JSON text in a CSV cell.
    Json,
    /// A whole number, or a UUID.
    NumberOrId,
    /// A JSON object, or text.
    JsonOrText,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it is.
    pub about: &'static str,
}

macro_rules! columns {
    ($($name:literal $kind:ident $about:literal,)*) => {
        &[$(Column { name: $name, kind: Kind::$kind, about: $about },)*]
    };
}

/// Every column.
pub const COLUMNS: &[Column] = columns! {
    "id" Text "The client's UUID",
    "number" Whole "Its number in the tenant, 1 to 4503599627370496",
    "object_id" Text "Its 24 hex digits",
    "name" Text "Its name; the one column that a new client must have",
    "status" Text "pending, trial, active, inactive or terminated",
    "collection_mode" Text "discovery, saas_usage, disabled or deleted",
    "email" Text "Its e-mail address",
    "tags" Json "Its tags: texts",
    "org_id" Text "The organization it belongs to",
    "project_id" Text "The project it belongs to",
    "owner_id" Text "Its owner",
    "avatar_url" Text "Its picture",
    "contact_methods" Json "How to reach it: objects with type, value and preferred",
    "custom" Json "Its custom values: an object by key",
    "external_id" Text "Its id in a system of the caller's, unique in the tenant",
    "parent_client_id" NumberOrId "Its parent: the number, or the UUID",
    "client_type_id" Whole "Its type, by id",
    "client_type_title" Text "Its type, by title; counts where the tenant has no type with the id",
    "site_url" Text "Website",
    "logo_url" Text "Logo",
    "inception_date" Text "First day as a client",
    "terminated_date" Text "Last day as a client",
    "street" Text "Street",
    "city" Text "City",
    "state" Text "State",
    "country" Text "Country",
    "zip" Text "Postal code",
    "region" Json "Region: an object with id and name",
    "timezone" Text "A name of the tz database",
    "salesforce_account_id" Text "Salesforce account",
    "zendesk_id" Text "Zendesk organisation",
    "freshdesk_id" Text "Freshdesk company",
    "usage_id" Text "Id in the usage tracker",
    "stripe_id" Text "Stripe customer",
    "external_status_id" Text "Id of an outside status",
    "nps_score" Whole "Net promoter score, -100 to 100",
    "note" Text "Plain text",
    "created_by_employee_id" Whole "The employee who made the record",
    "modified_by_employee_id" Whole "The employee who last changed it",
    "managed_by_employee_id" Whole "The customer-success manager",
    "assigned_sales_rep_id" Whole "The sales representative",
    "assigned_sales_rep" Text "The sales representative's full name",
    "success_cycle_id" Whole "The success cycle",
    "primary_contact_id" Whole "The primary contact",
    "acc_teaming_roles" Json "The account team: objects with employee_id and role",
    "enrollment_token" JsonOrText "Its enrolment token: the value, or an object that has it",
    "created_at" Text "When it was made",
    "updated_at" Text "When it last changed",
    "workspace_deleted_at" Text "When the workspace API removed it",
};

/// The column of this name.
pub fn column(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|column| column.name == name)
}
