//! Nobody grants more than they hold.

use crate::make::time;
use crate::policy::{
    any_clients, any_facts, any_permission, any_permissions, any_principal, any_reach, any_scope,
    tenant,
};
use clientbook_model::api_token::{Capability, Grant};
use clientbook_model::policy::{Decision, Overreach, may_grant, permits};
use clientbook_model::principal::{Permission, Principal, Reach, Role};
use proptest::prelude::*;

fn any_grant() -> impl Strategy<Value = Grant> {
    let capability = prop_oneof![
        proptest::sample::select(&Role::ALL[..]).prop_map(Capability::Role),
        any_permissions().prop_map(Capability::Permissions),
    ];
    let ends = proptest::option::of((1_i64..4).prop_map(time));
    (any_reach(), capability, any_clients(), any_scope(), any_scope(), ends).prop_map(
        |(reach, capability, client_ids, org_id, project_id, expires_at)| Grant {
            reach,
            capability,
            client_ids,
            org_id,
            project_id,
            expires_at,
        },
    )
}

/// The grant of all that `principal` holds.
fn all_of(principal: &Principal) -> Grant {
    Grant {
        reach: principal.reach,
        capability: Capability::Permissions(principal.permissions),
        client_ids: principal.clients.clone(),
        org_id: principal.org_id.clone(),
        project_id: principal.project_id.clone(),
        expires_at: principal.expires_at,
    }
}

/// `wild`, narrowed to `own` where the bits say so: grants near the line are the interesting ones.
fn narrowed(own: &Grant, wild: Grant, bits: u8) -> Grant {
    let own = |bit: u8| (bits >> bit & 1 == 1).then(|| own.clone());
    Grant {
        reach: own(0).map_or(wild.reach, |own| own.reach),
        capability: own(1).map_or(wild.capability, |own| own.capability),
        client_ids: own(2).map_or(wild.client_ids, |own| own.client_ids),
        org_id: own(3).map_or(wild.org_id, |own| own.org_id),
        project_id: own(4).map_or(wild.project_id, |own| own.project_id),
        expires_at: own(5).map_or(wild.expires_at, |own| own.expires_at),
    }
}

/// The principal that a token with `grant` makes.
fn bearer(grant: &Grant, granter: &Principal) -> Principal {
    Principal {
        actor: granter.actor.clone(),
        reach: grant.reach,
        permissions: grant.permissions(),
        clients: grant.client_ids.clone(),
        org_id: grant.org_id.clone(),
        project_id: grant.project_id.clone(),
        expires_at: grant.expires_at,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_granted_is_held(
        principal in any_principal(),
        wild in any_grant(),
        bits in any::<u8>(),
        permission in any_permission(),
        facts in any_facts(),
    ) {
        let grant = narrowed(&all_of(&principal), wild, bits);
        let wanted = grant.permissions();
        let held = wanted.iter().all(|one| principal.permissions.has(one));
        let reach = principal.reach == Reach::Everywhere || principal.reach == grant.reach;
        let clients = principal.clients.iter().all(|own| {
            grant.client_ids.iter().flatten().all(|id| own.contains(id)) && grant.client_ids.is_some()
        });
        let org = principal.org_id.is_none() || principal.org_id == grant.org_id;
        let project = principal.project_id.is_none() || principal.project_id == grant.project_id;
        let ends = principal.expires_at.iter().all(|own| {
            grant.expires_at.is_some_and(|end| end <= *own)
        });
        let within = held && reach && clients && org && project && ends;
        let answer = may_grant(&principal, &grant);
        prop_assert_eq!(answer.is_ok(), within);
        match answer {
            Ok(()) => {
                let bearer = bearer(&grant, &principal);
                if permits(&bearer, permission, &facts.borrow()) == Decision::Allow {
                    let own = permits(&principal, permission, &facts.borrow());
                    prop_assert_eq!(own, Decision::Allow, "the bearer may, the granter not");
                }
                // Nor does it help to grant once more.
                prop_assert_eq!(may_grant(&bearer, &all_of(&bearer)), Ok(()));
            }
            Err(Overreach::Tenant) => prop_assert!(!reach),
            Err(Overreach::Permissions(missing)) => {
                let lacking = wanted.iter().filter(|one| !principal.permissions.has(*one));
                prop_assert_eq!(missing, lacking.collect());
            }
            Err(Overreach::Restriction) => prop_assert!(!(clients && org && project)),
            Err(Overreach::Expiry(_)) => prop_assert!(!ends),
        }
    }

    #[test]
    fn all_of_it_may_be_granted(principal in any_principal()) {
        prop_assert_eq!(may_grant(&principal, &all_of(&principal)), Ok(()));
    }
}

#[test]
fn an_admin_makes_no_operator() {
    let admin = Principal {
        actor: clientbook_model::principal::Actor {
            kind: clientbook_model::principal::ActorKind::Subject,
            id: "jane".to_owned(),
            name: "Jane".to_owned(),
        },
        reach: Reach::Tenant(tenant(1)),
        permissions: Role::Admin.permissions(),
        clients: None,
        org_id: None,
        project_id: None,
        expires_at: None,
    };
    let grant = |reach, role| Grant { reach, capability: Capability::Role(role), ..all_of(&admin) };
    let here = Reach::Tenant(tenant(1));
    for role in [Role::Viewer, Role::Member, Role::Admin] {
        assert_eq!(may_grant(&admin, &grant(here, role)), Ok(()));
        for other in [Reach::Tenant(tenant(2)), Reach::Everywhere] {
            assert_eq!(may_grant(&admin, &grant(other, role)), Err(Overreach::Tenant));
        }
    }
    let missing = [Permission::TenantsManage].into_iter().collect();
    assert_eq!(
        may_grant(&admin, &grant(here, Role::Operator)),
        Err(Overreach::Permissions(missing))
    );
}
