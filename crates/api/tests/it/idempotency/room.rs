//! How much room the answers of keyed calls take that leave nothing else.

use super::{Call, HOUR};
use axum::http::Method;
use clientbook_testkit::{ACME, GLOBEX, TestApp};
use serde_json::{Map, json};

#[tokio::test]
async fn calls_that_change_nothing_do_not_fill_the_disk() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let value = "x".repeat(65_000);
    let custom: Map<_, _> = (0..13).map(|at| (format!("k{at}"), json!(value))).collect();
    let large = format!("/client/{ACME}");
    admin.patch(&large, &json!({ "note": "same", "custom": custom })).await.expect(200);
    let idle = Call::new(Method::PATCH, &large, json!({ "note": "same" }));
    let mut kept = 0;
    let refused = loop {
        let answer = idle.send(&admin, &format!("idle-{kept}")).await;
        if answer.status != 200 {
            break answer.expect(429);
        }
        kept += 1;
    };
    // 64 MiB of answers of some 846,000 bytes.
    assert!((76..80).contains(&kept), "{kept} answers");
    let wait: i64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=20 * 60).contains(&wait), "{wait}");
    let kept_bytes = || {
        let sql = "SELECT sum(length(body)) FROM kept_answers";
        app.database().rows(sql)[0][0].parse::<u64>().expect("a sum")
    };
    assert!(kept_bytes() < 64 << 20);
    // So are small ones, of the same tenant; not those of others, nor without a key.
    let small = Call::new(Method::PATCH, format!("/client/{GLOBEX}"), json!({ "note": null }));
    let bulk = json!({ "ids": [ACME], "patch": { "tags": [] } });
    let bulk = Call::new(Method::POST, "/v2/clients/bulk", bulk);
    for at in 0..2_000 {
        if small.send(&admin, &format!("small-{at}")).await.status == 429 {
            break;
        }
    }
    small.send(&admin, "small").await.expect(429);
    let mut told = Vec::new();
    for at in 0..10 {
        told.push(bulk.send(&admin, &format!("bulk-{at}")).await.status);
    }
    assert!(told.ends_with(&[429, 429]), "{told:?}");
    small.send(&app.operator(), "small").await.expect(200);
    admin.patch(&large, &json!({ "note": "same" })).await.expect(200);
    // What changes something is done, once; a large answer to it is not told again.
    let change = Call::new(Method::PATCH, &large, json!({ "note": "changed" }));
    change.send(&admin, "change").await.expect(200);
    let told = change.send(&admin, "change").await.expect(409);
    assert!(told.text.contains("not told again"), "{}", told.text);
    let few = Call::new(Method::PATCH, format!("/client/{GLOBEX}"), json!({ "note": "new" }));
    let first = few.send(&admin, "few").await.expect(200);
    assert_eq!(few.send(&admin, "few").await.expect(200).text, first.text);
    // What was kept before is still told; with time there is room again.
    idle.send(&admin, "idle-0").await.expect(200);
    app.advance(HOUR);
    let changed = Call::new(Method::PATCH, &large, json!({ "note": "changed" }));
    changed.send(&admin, "later").await.expect(200);
    app.advance(24 * HOUR);
    while app.app().forget_answers().await.expect("room") {}
    assert_eq!(app.database().rows("SELECT count(*) FROM kept_answers")[0][0], "0");
}
