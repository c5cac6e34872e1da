//! An agent that waits at one server hears of a change made through another.

use super::waiting::waiting;
use super::{HERE, SUSPEND, code, set_mode};
use clientbook_testkit::{Engine, Start, TestDatabase};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_change_through_another_server_is_heard_soon() {
    let engine = Engine::under_test();
    if engine == Engine::Sqlite {
        return;
    }
    let database = Arc::new(TestDatabase::on(engine));
    let one = Start::on(Arc::clone(&database)).seed(1).start().await;
    let other = Start::on(database).seed(2).start().await;
    let device = one.device(HERE, "one").await;
    for mode in ["disabled", "discovery", "saas_usage", "disabled", "saas_usage"] {
        let answer = waiting(&one, &device).await;
        set_mode(&other.operator(), mode).await;
        let begun = Instant::now();
        let told = answer.await.expect("an answer").expect(200).json();
        assert_eq!(told["effective_mode"], mode);
        // Long before the wait is over, on a busy machine too.
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
    // Its token opens the same doors at both.
    let there =
        clientbook_testkit::Device { agent: other.bearer(device.agent.token()), ..device.clone() };
    there.check_in(&json!({})).await.expect(200);
    let answer = waiting(&one, &device).await;
    other.operator().patch_empty(SUSPEND).await.expect(200);
    assert_eq!(code(&answer.await.expect("an answer").expect(401)), "client_inactive");
    assert_eq!(code(&there.check_in(&json!({})).await.expect(401)), "client_inactive");
}
