//! The policy as a table that people review, and as rules that hold for any caller.

use crate::make::{client, full_patch, parsed};
use clientbook_model::audit::Surface;
use clientbook_model::client_filter::{ClientFilter, ClientWishes, Listed};
use clientbook_model::collection::CollectionMode;
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::policy::{
    ClientFacts, Decision, may_ask, may_create, permission_to_change, permits,
};
use clientbook_model::principal::{
    Actor, ActorKind, Permission, Permissions, Principal, Reach, Role,
};
use clientbook_model::status::Status;
use clientbook_model::text::ScopeId;
use proptest::prelude::*;
use serde_json::json;
use std::fmt::Write as _;
use uuid::Uuid;

/// One row: `name`, `note`, and a mark under each role that holds `permission`.
fn row(name: &str, note: &str, permission: Permission) -> String {
    let marks = Role::ALL.map(|role| if role.permissions().has(permission) { "yes" } else { "-" });
    let [viewer, member, admin, operator] = marks;
    let row = format!("{name:<26}{note:<20}{viewer:<8}{member:<8}{admin:<8}{operator}");
    format!("{row}\n")
}

#[test]
fn the_policy_is_the_reviewed_one() {
    let heads = "viewer  member  admin   operator\n";
    let mut table = format!("{:<46}{heads}", "permission");
    for permission in Permission::ALL {
        table += &row(permission.as_str(), "", permission);
    }
    let _infallible = write!(table, "\n{:<26}{:<20}{heads}", "field to change", "takes");
    let (_, changes) = client().apply(&full_patch()).expect("allowed");
    for change in changes {
        let permission = permission_to_change(&change.field);
        table += &row(&change.field, permission.as_str(), permission);
    }
    let reviewed = include_str!("policy.txt");
    assert_eq!(reviewed, table, "review and keep as policy.txt:\n{table}");
}

#[test]
fn names_are_read_back() {
    for permission in Permission::ALL {
        assert_eq!(Permission::from_name(permission.as_str()), Some(permission));
    }
    for role in Role::ALL {
        assert_eq!(Role::from_name(role.as_str()), Some(role));
    }
    assert_eq!(Permissions::ALL, Permission::ALL.into_iter().collect());
    assert_eq!(Role::Operator.permissions(), Permissions::ALL);
}

pub(crate) fn tenant(id: u128) -> TenantId {
    TenantId(Uuid::from_u128(id))
}

/// One of two tenants.
pub(crate) fn any_tenant() -> impl Strategy<Value = TenantId> {
    (1_u128..3).prop_map(tenant)
}

/// One of three clients.
pub(crate) fn any_client_id() -> impl Strategy<Value = ClientId> {
    (1_u128..4).prop_map(|id| ClientId(Uuid::from_u128(id)))
}

/// None, or one of two.
pub(crate) fn any_scope() -> impl Strategy<Value = Option<ScopeId>> {
    proptest::option::of(proptest::sample::select(&["a", "b"][..]))
        .prop_map(|scope| scope.map(|scope| parsed(&json!(scope))))
}

pub(crate) fn any_clients() -> impl Strategy<Value = Option<Vec<ClientId>>> {
    proptest::option::of(proptest::collection::vec(any_client_id(), 0..3))
}

pub(crate) fn any_reach() -> impl Strategy<Value = Reach> {
    prop_oneof![3 => any_tenant().prop_map(Reach::Tenant), 1 => Just(Reach::Everywhere)]
}

pub(crate) fn any_permission() -> impl Strategy<Value = Permission> {
    proptest::sample::select(&Permission::ALL[..])
}

pub(crate) fn any_permissions() -> impl Strategy<Value = Permissions> {
    let role = proptest::sample::select(&Role::ALL[..]).prop_map(Role::permissions);
    let some = proptest::collection::vec(any_permission(), 0..6);
    prop_oneof![role, some.prop_map(|list| list.into_iter().collect())]
}

pub(crate) fn any_principal() -> impl Strategy<Value = Principal> {
    let ends = proptest::option::of((1_i64..4).prop_map(crate::make::time));
    let scopes = (any_scope(), any_scope());
    (any_reach(), any_permissions(), any_clients(), scopes, ends).prop_map(
        |(reach, permissions, clients, (org_id, project_id), expires_at)| Principal {
            actor: Actor { kind: ActorKind::ApiToken, id: "1".to_owned(), name: "test".to_owned() },
            reach,
            permissions,
            clients,
            org_id,
            project_id,
            expires_at,
        },
    )
}

/// What the policy looks at in a client, owned.
#[derive(Debug, Clone)]
pub(crate) struct Facts(TenantId, ClientId, Option<ScopeId>, Option<ScopeId>, bool);

impl Facts {
    pub(crate) fn borrow(&self) -> ClientFacts<'_> {
        ClientFacts {
            tenant_id: self.0,
            id: self.1,
            org_id: self.2.as_ref(),
            project_id: self.3.as_ref(),
            active: self.4,
        }
    }
}

pub(crate) fn any_facts() -> impl Strategy<Value = Facts> {
    (any_tenant(), any_client_id(), any_scope(), any_scope(), any::<bool>()).prop_map(
        |(tenant, client, org, project, active)| Facts(tenant, client, org, project, active),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_bound_binds(
        principal in any_principal(),
        permission in any_permission(),
        facts in any_facts(),
    ) {
        let client = facts.borrow();
        let decision = permits(&principal, permission, &client);
        let here = principal.reach == Reach::Everywhere
            || principal.reach == Reach::Tenant(client.tenant_id);
        // What lies in another tenant is hidden before anything else about it could show.
        prop_assert_eq!(decision == Decision::Hide, !here);
        let mine = principal.clients.iter().all(|list| list.contains(&client.id))
            && principal.org_id.iter().all(|org| Some(org) == client.org_id)
            && principal.project_id.iter().all(|project| Some(project) == client.project_id);
        prop_assert_eq!(decision == Decision::OutsideRestriction, here && !mine);
        let holds = principal.permissions.has(permission);
        prop_assert_eq!(decision == Decision::Lacks(permission), here && mine && !holds);
        let suspended = principal.clients.is_some() && !client.active;
        let inactive = here && mine && holds && suspended;
        prop_assert_eq!(decision == Decision::ClientInactive, inactive);
        prop_assert_eq!(decision == Decision::Allow, here && mine && holds && !suspended);
    }

    /// Or else the refusal before loading would tell more, or less, than the one after.
    #[test]
    fn who_is_turned_away_early_could_do_nothing_anyway(
        principal in any_principal(),
        permission in any_permission(),
        facts in any_facts(),
    ) {
        match may_ask(&principal, permission) {
            Decision::Allow => {
                let permissions = principal.permissions;
                prop_assert!(permissions.has(permission) || permissions.has(Permission::ClientsView));
            }
            refused => {
                prop_assert_eq!(refused, Decision::Lacks(permission));
                let client = facts.borrow();
                prop_assert_ne!(permits(&principal, permission, &client), Decision::Allow);
                let view = permits(&principal, Permission::ClientsView, &client);
                prop_assert_ne!(view, Decision::Allow);
            }
        }
    }

    /// Nobody makes what they could not see, and no permission makes up for it.
    #[test]
    fn what_is_made_can_be_seen(principal in any_principal(), facts in any_facts()) {
        let client = facts.borrow();
        let decision = may_create(&principal, &client);
        let all = Permissions::ALL;
        let widest = Principal { permissions: all, ..principal.clone() };
        let seen = permits(&widest, Permission::ClientsView, &client) == Decision::Allow;
        let holds = principal.permissions.has(Permission::ClientsCreate);
        // Nobody who is bound to clients holds one that is not there yet.
        let bound = principal.clients.is_some();
        prop_assert_eq!(decision == Decision::Allow, seen && holds && !bound);
        let here = principal.reach.includes(client.tenant_id);
        prop_assert_eq!(decision == Decision::Hide, !here);
    }

    #[test]
    fn sets_of_permissions_are_sets(a in any_permissions(), b in any_permissions()) {
        prop_assert_eq!(a.covers(b), b.iter().all(|one| a.has(one)));
        prop_assert_eq!(a.iter().collect::<Permissions>(), a);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A list holds what its reader may read one by one, and nothing else.
    #[test]
    fn a_filter_leaves_what_the_policy_allows(principal in any_principal(), facts in any_facts()) {
        let Facts(tenant, id, org, project, active) = &facts;
        let (reach, permissions) = (Reach::Tenant(*tenant), Permissions::ALL);
        let principal = Principal { reach, permissions, ..principal };
        let filter = ClientFilter::new(*tenant, ClientWishes::default(), &principal, Surface::Tenants);
        let listed = Listed {
            id: *id,
            status: if *active { Status::Trial } else { Status::Pending },
            collection_mode: CollectionMode::SaasUsage,
            org_id: org.as_ref().map(ScopeId::as_str),
            project_id: project.as_ref().map(ScopeId::as_str),
            external_id: None,
            salesforce_account_id: None,
            removed_from_workspace: true,
            text: "",
        };
        let allowed = permits(&principal, Permission::ClientsView, &facts.borrow());
        prop_assert_eq!(filter.matches(&listed, &[]), allowed == Decision::Allow);
    }
}

#[test]
fn a_client_shows_the_policy_its_own_facts() {
    let mut client = client();
    client.org_id = Some(parsed(&json!("org")));
    client.project_id = Some(parsed(&json!("project")));
    for status in clientbook_model::status::Status::ALL {
        client.status = status;
        let facts = ClientFacts::from(&client);
        assert_eq!((facts.tenant_id, facts.id), (client.tenant_id, client.id));
        assert_eq!(facts.org_id, client.org_id.as_ref());
        assert_eq!(facts.project_id, client.project_id.as_ref());
        assert_eq!(facts.active, status.is_active());
    }
}
