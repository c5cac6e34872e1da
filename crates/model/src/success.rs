//! The attributes that the customer-success tool keeps of a client, each with its limit.
//!
//! One table declares them; the record, the patch and the audit trail's field names follow from it.
//! Limits are those of the published API.

use crate::number::{AnyInt, NpsScore, Reference};
use crate::patch::{Parse, Patch};
use crate::text::{Label, Name, Text};
use crate::time::{Day, TimeZoneName};
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A sales or service region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its id in the customer-success tool, any int64.
    pub id: AnyInt,
    /// Its name.
    pub name: String,
}

// As a row of a file has it; each surface reads its own form.
impl Parse for Region {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let object = object(value, &["id", "name"])?;
        let (id, name) = (AnyInt::parse(&object["id"]), String::parse(&object["name"]));
        let id = id.map_err(|broken| broken.below("/id"))?;
        Ok(Self { id, name: name.map_err(|broken| broken.below("/name"))? })
    }
}

/// An object with these fields and no others.
fn object<'v>(value: &'v Value, names: &[&str]) -> Result<&'v Map<String, Value>, Violation> {
    let object = value.as_object();
    let fits = |object: &&Map<String, Value>| {
        object.len() == names.len() && names.iter().all(|name| object.contains_key(*name))
    };
    object.filter(fits).ok_or_else(|| {
        Violation::not_a(&format!("an object with {} and nothing else", names.join(" and ")))
    })
}

/// The most roles of an account team.
pub const MAX_ROLES: usize = 500;

/// What an employee is to the client: 1 to 100 characters after trimming.
pub type RoleTitle = Label<100>;

/// Who does what for the client on the account team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamingRole {
    /// The employee's id, any int64.
    pub employee_id: AnyInt,
    /// The role.
    pub role: RoleTitle,
}

impl Parse for TeamingRole {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let object = object(value, &["employee_id", "role"])?;
        let role = RoleTitle::parse(&object["role"]).map_err(|broken| broken.below("/role"))?;
        let employee_id = AnyInt::parse(&object["employee_id"]);
        let employee_id = employee_id.map_err(|broken| broken.below("/employee_id"))?;
        Ok(Self { employee_id, role })
    }
}

impl Parse for Vec<TeamingRole> {
    fn parse(value: &Value) -> Result<Self, Violation> {
        let items = value.as_array().ok_or_else(|| Violation::not_a("an array"))?;
        if items.len() > MAX_ROLES {
            let message = format!("must have at most {MAX_ROLES} items");
            return Err(Violation::new("max_items", message));
        }
        let read =
            |(at, item)| TeamingRole::parse(item).map_err(|broken| broken.below(&format!("/{at}")));
        items.iter().enumerate().map(read).collect()
    }
}

macro_rules! attributes {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// The customer-success attributes of a client; `None` where unset.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Success {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }

        /// What a request says about the attributes.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct SuccessPatch {
            $($(#[$doc])* pub $field: Patch<$type>,)*
        }

        /// The names of the attributes.
        pub const FIELDS: &[&str] = &[$(stringify!($field)),*];

        impl SuccessPatch {
            /// Reads the attributes of an object that names them as the record does, and what is
            /// wrong with them, by name.
            pub(crate) fn read(
                object: &Map<String, Value>,
            ) -> (Self, Vec<(&'static str, Violation)>) {
                let mut violations = Vec::new();
                let patch = Self {
                    $($field: Patch::read(object.get(stringify!($field))).unwrap_or_else(|broken| {
                        violations.push((stringify!($field), broken));
                        Patch::Absent
                    }),)*
                };
                (patch, violations)
            }

            /// Sets the attribute `field` to a value as the trail holds it; `None` is another field.
            pub(crate) fn set(&mut self, field: &str, value: &Value) -> Option<Result<(), Violation>> {
                match field {
                    $(stringify!($field) => Some(crate::patch::from_trail(value).map(|patch| self.$field = patch)),)*
                    _ => None,
                }
            }

            pub(crate) fn apply(&self, success: &mut Success) {
                $(self.$field.apply(&mut success.$field);)*
                // An empty list is no fact (`client::note`): kept as a value, it would be a change
                // that the audit trail cannot tell.
                success.acc_teaming_roles.take_if(|roles| roles.is_empty());
            }
        }

        impl Success {
            /// What fills in, from `other`, the attributes that are unset here, and those that
            /// `takes` names.
            pub(crate) fn filled_from(
                &self,
                other: &Self,
                takes: &dyn Fn(&str) -> bool,
            ) -> SuccessPatch {
                SuccessPatch {
                    $($field: match &other.$field {
                        Some(value) if self.$field.is_none() || takes(stringify!($field)) => {
                            Patch::Set(value.clone())
                        }
                        _ => Patch::Absent,
                    },)*
                }
            }

            /// Calls `visit` with the name of each attribute and its value here and in `other`,
            /// as JSON, where the two differ.
            pub(crate) fn differences(
                &self,
                other: &Self,
                mut visit: impl FnMut(&'static str, Value, Value),
            ) {
                $(if self.$field != other.$field {
                    let [before, after] = [&self.$field, &other.$field].map(crate::client::json);
                    visit(stringify!($field), before, after);
                })*
            }
        }
    };
}

attributes! {
    /// Website, 0 to 1024 characters.
    site_url: Text<1024>,
    /// Logo, 0 to 1024 characters.
    logo_url: Text<1024>,
    /// First day as a client.
    inception_date: Day,
    /// Last day as a client; not before the first.
    terminated_date: Day,
    /// Street, 0 to 1024 characters.
    street: Text<1024>,
    /// City, 0 to 100 characters.
    city: Text<100>,
    /// State, 0 to 100 characters.
    state: Text<100>,
    /// Country, 0 to 100 characters.
    country: Text<100>,
    /// Postal code, 0 to 20 characters.
    zip: Text<20>,
    /// Region.
    region: Region,
    /// A name of the tz database.
    timezone: TimeZoneName,
    /// Salesforce account, 0 to 18 characters.
    salesforce_account_id: Text<18>,
    /// Zendesk organisation, 0 to 200 characters.
    zendesk_id: Text<200>,
    /// Freshdesk company, 0 to 200 characters.
    freshdesk_id: Text<200>,
    /// Id in the usage tracker, 0 to 200 characters.
    usage_id: Text<200>,
    /// Stripe customer, 0 to 200 characters.
    stripe_id: Text<200>,
    /// Id of an outside status, 0 to 200 characters.
    external_status_id: Text<200>,
    /// Net promoter score, -100 to 100.
    nps_score: NpsScore,
    /// Plain text.
    note: Text<{ usize::MAX }>,
    /// The employee who made the record.
    created_by_employee_id: Reference,
    /// The employee who last changed it.
    modified_by_employee_id: Reference,
    /// The customer-success manager.
    managed_by_employee_id: Reference,
    /// The sales representative.
    assigned_sales_rep_id: Reference,
    /// The sales representative's full name, 0 to 45 characters.
    assigned_sales_rep: Text<45>,
    /// The success cycle.
    success_cycle_id: Reference,
    /// The primary contact.
    primary_contact_id: Reference,
    /// The account team; a patch replaces the whole list.
    acc_teaming_roles: Vec<TeamingRole>,
}

impl Success {
    /// The rule that binds two attributes: termination is not before inception.
    pub(crate) fn check(&self) -> Result<(), Violation> {
        match (self.inception_date, self.terminated_date) {
            (Some(inception), Some(end)) if end < inception => {
                let message = format!("must not be before the inception date {inception}");
                Err(Violation::new("date_order", message).below("/terminated_date"))
            }
            _ => Ok(()),
        }
    }
}

/// The title of a client type: 1 to 255 characters after trimming.
pub type TypeTitle = Name<255>;

/// The most client types of a tenant.
pub const MAX_TYPES: usize = 1_000;

/// A client type of a tenant, such as `Enterprise`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientType {
    /// Its id, counted per tenant.
    pub id: Reference,
    /// Its title, unique in the tenant.
    pub title: String,
}
