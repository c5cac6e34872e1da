//! The way back from the trail: what a change was before it, wished for again.

use crate::make::{any_client, any_patch, time};
use clientbook_model::audit::EntityType;
use clientbook_model::client::ClientPatch;
use clientbook_model::client_trail::is_field;
use clientbook_model::collection::CollectionMode;
use clientbook_model::policy::permission_to_see;
use clientbook_model::status::Status;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_change_put_back_is_no_change(client in any_client(), patch in any_patch()) {
        let Ok((next, changes)) = client.apply(&patch) else { return Ok(()) };
        let back = ClientPatch::back_to_before(&changes).expect("a patch");
        let leaves_deleted = next.collection_mode == CollectionMode::Deleted
            && client.collection_mode != CollectionMode::Deleted;
        match next.apply(&back) {
            Ok((again, _)) => prop_assert_eq!(again.facts(), client.facts()),
            Err(_) => prop_assert!(leaves_deleted),
        }
    }

    #[test]
    fn a_removal_put_back_is_none(client in any_client()) {
        let (removed, changes) = client.remove_from_workspace(time(7));
        let back = ClientPatch::back_to_before(&changes).expect("a patch");
        if let Ok((again, undone)) = removed.apply(&back) {
            // A client that was terminated before stays removed: its status says nothing else.
            if client.status != Status::Terminated {
                prop_assert_eq!(again.facts(), client.facts());
                // And back again, with the time of the removal.
                let back = ClientPatch::back_to_before(&undone).expect("a patch");
                if let Ok((again, _)) = again.apply(&back) {
                    prop_assert_eq!(again.facts(), removed.facts());
                }
            }
        }
    }

    /// The allow-list has all that a client can have.
    #[test]
    fn every_field_of_a_client_is_shown_to_somebody(client in any_client(), patch in any_patch()) {
        let next = client.apply(&patch).map_or(client, |(next, _)| next);
        for field in next.facts().keys() {
            prop_assert!(is_field(field), "{}", field);
            prop_assert!(permission_to_see(EntityType::Client, field).is_some(), "{}", field);
        }
    }
}

#[test]
fn what_is_new_is_hidden_until_it_is_named() {
    for kind in EntityType::ALL {
        assert_eq!(permission_to_see(*kind, "a_field_of_tomorrow"), None, "{kind:?}");
    }
}

#[test]
fn what_a_client_keeps_from_the_start_does_not_go_back() {
    let client = crate::make::client();
    let broken = ClientPatch::back_to_before(&client.first_changes()).expect_err("violations");
    let mut paths: Vec<_> = broken.iter().map(|one| one.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/collection_mode", "/name", "/number", "/object_id", "/status"]);
}
