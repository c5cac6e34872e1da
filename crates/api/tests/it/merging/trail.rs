//! What is told of a record that was joined to another, over time.

use super::merge;
use clientbook_testkit::{ACME, GLOBEX, TestApp};
use serde_json::json;

/// The loser is the winner, whenever it is asked for; what happened to it stands in the tenant's log.
#[tokio::test]
async fn the_loser_has_the_winners_past() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.advance(1_000);
    admin.patch(&format!("/client/{GLOBEX}"), &json!({ "name": "Another" })).await.expect(200);
    app.advance(1_000);
    merge(&admin, ACME, &json!({ "loser_id": GLOBEX })).await.expect(200);
    for path in ["?as_of=2026-03-10T14:30:01.500Z", "?as_of=2027-01-01T00:00:00Z", "/audit-log"] {
        let of = async |id: &str| admin.get(&format!("/v2/clients/{id}{path}")).await.expect(200);
        assert_eq!(of(GLOBEX).await.text, of(ACME).await.text, "{path}");
    }
    let log = format!("/v2/audit-log?entity_id={GLOBEX}");
    let entries = admin.get(&log).await.expect(200).json();
    let told: Vec<_> = entries["data"].as_array().expect("entries").iter().collect();
    assert_eq!(told[0]["action"], "client_merged");
    assert!(told.len() >= 3 && told.iter().all(|entry| entry["entity_id"] == GLOBEX), "{told:?}");
    assert!(entries.to_string().contains("\"Another\""), "{entries}");
}
