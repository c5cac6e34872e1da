//! Clients and patches to try things on. Each field has few values, so that random patches often
//! repeat what is there already. Structs are written out in full: a new field does not compile
//! until it is tried.

use clientbook_model::audit::ChainHead;
use clientbook_model::client::{Client, ClientPatch};
use clientbook_model::collection::CollectionMode;
use clientbook_model::contact::{ContactMethod, ContactMethods, ContactType};
use clientbook_model::custom_field::{CustomPatch, CustomValues, FieldKey};
use clientbook_model::id::{ClientId, ClientNumber, ObjectId, TenantId};
use clientbook_model::patch::{Parse, Patch};
use clientbook_model::status::{Status, StatusPatch};
use clientbook_model::success::{Region, Success, SuccessPatch, TeamingRole};
use clientbook_model::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

/// The value that `value` is read as.
pub(crate) fn parsed<T: Parse>(value: &Value) -> T {
    T::parse(value).unwrap_or_else(|violation| panic!("{value}: {violation:?}"))
}

pub(crate) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).expect("a time of the calendar")
}

pub(crate) fn key(key: &str) -> FieldKey {
    FieldKey::new(key).expect("a key")
}

/// A client with nothing but what every client has.
pub(crate) fn client() -> Client {
    Client {
        id: ClientId(Uuid::from_u128(1)),
        tenant_id: TenantId(Uuid::from_u128(2)),
        number: ClientNumber::new(456).expect("a number"),
        object_id: ObjectId([7; 12]),
        name: parsed(&json!("Acme Corporation")),
        status: Status::Active,
        collection_mode: CollectionMode::SaasUsage,
        email: None,
        tags: Vec::new(),
        org_id: None,
        project_id: None,
        owner_id: None,
        avatar_url: None,
        contact_methods: ContactMethods::default(),
        custom_values: CustomValues::new(),
        external_id: None,
        parent_client_id: None,
        client_type_id: None,
        success: Success::default(),
        version: 1,
        created_at: time(0),
        updated_at: time(0),
        workspace_deleted_at: None,
        merged_into: None,
        audit: ChainHead::default(),
    }
}

/// Takes one wish after the other, in the order of the fields.
struct Wishes(std::vec::IntoIter<Patch<usize>>);

impl Wishes {
    fn take<T: Clone>(&mut self, values: &[T]) -> Patch<T> {
        match self.0.next().expect("a wish for each field") {
            Patch::Absent => Patch::Absent,
            Patch::Clear => Patch::Clear,
            Patch::Set(at) => Patch::Set(values[at % values.len()].clone()),
        }
    }

    fn option<T: Clone>(&mut self, values: &[T]) -> Option<T> {
        match self.take(values) {
            Patch::Set(value) => Some(value),
            Patch::Absent | Patch::Clear => None,
        }
    }

    fn read<T: Parse + Clone>(&mut self, values: [Value; 3]) -> Patch<T> {
        self.take(&values.map(|value| parsed::<T>(&value)))
    }

    fn text<T: Parse + Clone>(&mut self) -> Patch<T> {
        self.read(["a", "ü", "😀 e\u{301}"].map(Value::from))
    }

    fn reference<T: Parse + Clone>(&mut self) -> Patch<T> {
        self.read([0, 7, i64::MAX].map(Value::from))
    }

    fn custom(&mut self) -> CustomPatch {
        let mut patch = CustomPatch::new();
        for name in ["notes", "size", "a \"b\" ü"] {
            match self.take(&[json!("text"), json!(""), json!(5), json!(true)]) {
                Patch::Absent => continue,
                Patch::Clear => patch.insert(key(name), None),
                Patch::Set(value) => patch.insert(key(name), Some(value)),
            };
        }
        patch
    }

    fn success(&mut self) -> SuccessPatch {
        let region = |id, name: &str| Region { id: parsed(&json!(id)), name: name.to_owned() };
        let role = |id: i64, role: &str| TeamingRole {
            employee_id: parsed(&json!(id)),
            role: parsed(&json!(role)),
        };
        SuccessPatch {
            site_url: self.text(),
            logo_url: self.text(),
            inception_date: self.read(["2020-01-01", "2022-02-02", "2024-02-29"].map(Value::from)),
            terminated_date: self.read(["2020-01-01", "2023-03-03", "2025-05-05"].map(Value::from)),
            street: self.text(),
            city: self.text(),
            state: self.text(),
            country: self.text(),
            zip: self.text(),
            region: self.take(&[region(i64::MIN, "North"), region(1, ""), region(1, "ü")]),
            timezone: self.read(["Europe/Berlin", "UTC", "Asia/Tokyo"].map(Value::from)),
            salesforce_account_id: self.text(),
            zendesk_id: self.text(),
            freshdesk_id: self.text(),
            usage_id: self.text(),
            stripe_id: self.text(),
            external_status_id: self.text(),
            nps_score: self.read([-100, 0, 100].map(Value::from)),
            note: self.text(),
            created_by_employee_id: self.reference(),
            modified_by_employee_id: self.reference(),
            managed_by_employee_id: self.reference(),
            assigned_sales_rep_id: self.reference(),
            assigned_sales_rep: self.text(),
            success_cycle_id: self.reference(),
            primary_contact_id: self.reference(),
            acc_teaming_roles: self.take(&[
                vec![role(-1, "CSM")],
                vec![role(1, "CSM"), role(1, "AE")],
                vec![],
            ]),
        }
    }
}

const WISHES: usize = 44;

/// The patch with one wish per field: which of its values to set, if any.
pub(crate) fn patch_of(wishes: Vec<Patch<usize>>) -> ClientPatch {
    let method = |kind, value, preferred| {
        ContactMethod::new(kind, value, preferred).expect("a contact method")
    };
    let phone = |preferred| method(ContactType::Phone, "030 901820", preferred);
    let email = |preferred| method(ContactType::Email, "jane@example.com", preferred);
    let methods = |list| ContactMethods::new(list).expect("a list of contact methods");
    let mut wishes = Wishes(wishes.into_iter());
    let patch = ClientPatch {
        name: wishes.option(&["Acme", "Ünïted", "😀"].map(|name| parsed(&json!(name)))),
        status: StatusPatch {
            status: wishes.option(&Status::ALL),
            active: wishes.option(&[true, false]),
        },
        // `deleted` is final, so it must be rare for anything else to happen.
        collection_mode: wishes.option(&[
            CollectionMode::Disabled,
            CollectionMode::Discovery,
            CollectionMode::SaasUsage,
            CollectionMode::Disabled,
            CollectionMode::Deleted,
        ]),
        email: wishes.read(["a@example.com", "b@example.com", "ü@example.com"].map(Value::from)),
        tags: wishes.option(&[
            vec![parsed(&json!("vip"))],
            vec![parsed(&json!("vip")), parsed(&json!("a, b"))],
            vec![],
        ]),
        org_id: wishes.text(),
        project_id: wishes.text(),
        owner_id: wishes.text(),
        avatar_url: wishes.read(["https://a.example", "http://b", "https://c/d"].map(Value::from)),
        contact_methods: wishes.option(&[
            methods(vec![phone(true)]),
            methods(vec![phone(false), email(true)]),
            ContactMethods::default(),
        ]),
        custom_values: wishes.custom(),
        external_id: wishes.text(),
        parent_client_id: wishes.reference(),
        client_type_id: wishes.reference(),
        success: wishes.success(),
        workspace_deleted_at: None,
    };
    assert_eq!(wishes.0.len(), 0, "WISHES is the number of fields");
    patch
}

/// A patch that sets every field to a value that `client()` does not have.
pub(crate) fn full_patch() -> ClientPatch {
    let mut patch = patch_of(vec![Patch::Set(0); WISHES]);
    patch.status.active = None;
    patch
}

/// A patch that says of each field what it already is.
pub(crate) fn patch_of_current(client: &Client) -> ClientPatch {
    fn patch<T: Clone>(value: Option<&T>) -> Patch<T> {
        value.cloned().map_or(Patch::Clear, Patch::Set)
    }
    macro_rules! success {
        ($($field:ident)*) => {
            SuccessPatch { $($field: patch(client.success.$field.as_ref()),)* }
        };
    }
    let custom = client.custom_values.iter();
    ClientPatch {
        name: Some(client.name.clone()),
        status: StatusPatch {
            status: Some(client.status),
            active: Some(client.status.is_active()),
        },
        collection_mode: Some(client.collection_mode),
        email: patch(client.email.as_ref()),
        tags: Some(client.tags.clone()),
        org_id: patch(client.org_id.as_ref()),
        project_id: patch(client.project_id.as_ref()),
        owner_id: patch(client.owner_id.as_ref()),
        avatar_url: patch(client.avatar_url.as_ref()),
        contact_methods: Some(client.contact_methods.clone()),
        custom_values: custom.map(|(key, value)| (key.clone(), Some(value.clone()))).collect(),
        external_id: patch(client.external_id.as_ref()),
        parent_client_id: patch(client.parent_client_id.as_ref()),
        client_type_id: patch(client.client_type_id.as_ref()),
        success: success! {
            site_url logo_url inception_date terminated_date street city state country zip region
            timezone salesforce_account_id zendesk_id freshdesk_id usage_id stripe_id
            external_status_id nps_score note created_by_employee_id modified_by_employee_id
            managed_by_employee_id assigned_sales_rep_id assigned_sales_rep success_cycle_id
            primary_contact_id acc_teaming_roles
        },
        workspace_deleted_at: client.workspace_deleted_at,
    }
}

/// A random patch; it may contradict itself or the record.
pub(crate) fn any_patch() -> impl Strategy<Value = ClientPatch> {
    let wish = prop_oneof![
        6 => Just(Patch::Absent),
        1 => Just(Patch::Clear),
        2 => (0_usize..60).prop_map(Patch::Set),
    ];
    proptest::collection::vec(wish, WISHES).prop_map(patch_of)
}

pub(crate) fn any_patches() -> impl Strategy<Value = Vec<ClientPatch>> {
    proptest::collection::vec(any_patch(), 0..8)
}

/// A client as a random history left it.
pub(crate) fn any_client() -> impl Strategy<Value = Client> {
    any_patches().prop_map(|patches| {
        patches
            .iter()
            .fold(client(), |client, patch| client.apply(patch).map_or(client, |(next, _)| next))
    })
}
