//! Lists by the number of a page.

use super::{SUCCESS, get, rows};
use clientbook_testkit::TestApp;
use serde_json::json;

#[tokio::test]
async fn tenants_are_paged_by_number() {
    let app = TestApp::start().await;
    let _made = app.sample("big", 25).await;
    let admin = app.role("big", "admin").await;
    let list = |query: &str| format!("/clients/v1/tenants/big/clients{query}");
    admin.patch_empty(&list("/3/deactivate")).await.expect(200);
    let cases = [
        ("", 1_i64, 10, 25, 3, (1, 10)),
        ("?page=3", 3, 10, 25, 3, (21, 25)),
        ("?page=2&limit=20", 2, 20, 25, 2, (21, 25)),
        ("?page=0&limit=0", 1, 10, 25, 3, (1, 10)),
        ("?page=x&limit=101", 1, 10, 25, 3, (1, 10)),
        ("?page=-1&limit=-5", 1, 10, 25, 3, (1, 10)),
        ("?page=4", 4, 10, 25, 3, (1, 0)),
        ("?page=9223372036854775807&limit=100", i64::MAX, 100, 25, 1, (1, 0)),
        ("?active=false", 1, 10, 1, 1, (3, 3)),
        ("?active_only=false&active=false&status=Inactive", 1, 10, 1, 1, (3, 3)),
        ("?active=true&page=3", 3, 10, 24, 3, (22, 25)),
        ("?active_only=true&page=3", 3, 10, 24, 3, (22, 25)),
    ];
    for (query, page, limit, total, total_pages, (first, last)) in cases {
        let answer = get(&admin, &list(query)).await;
        let about =
            json!({ "page": page, "limit": limit, "total": total, "total_pages": total_pages });
        assert_eq!(answer["pagination"], about, "{query}");
        let seen: Vec<_> =
            rows(&answer).iter().map(|row| row["id"].as_i64().expect("one")).collect();
        assert_eq!(seen, (first..=last).collect::<Vec<_>>(), "{query}");
    }
    for (query, count) in [
        ("?tags=north", 25),
        ("?tags=nowhere,north", 25),
        ("?tags=nort", 0),
        ("?tags=North", 0),
        ("?name=CLIENT%207", 1),
        ("?name=jane7@example", 0),
        ("?name=client&active=false", 1),
        ("?active=true&status=Inactive", 0),
        // The newer name beats the older one.
        ("?active=false&active_only=true", 1),
    ] {
        let answer = get(&admin, &list(query)).await;
        assert_eq!(answer["pagination"]["total"], count, "{query}");
        assert_eq!(rows(&answer).len(), count.min(10), "{query}");
    }
}

#[tokio::test]
async fn searches_are_paged_by_number() {
    let app = TestApp::start().await;
    let _made = app.sample("big", 25).await;
    let viewer = app.role("big", "viewer").await;
    for (query, first, last, page, size, pages, count) in [
        ("?size=10", true, false, 0, 10, 3, 10),
        ("?size=10&page=1", false, false, 1, 10, 3, 10),
        ("?size=10&page=2", false, true, 2, 10, 3, 5),
        ("?size=10&page=3", false, true, 3, 10, 3, 0),
        ("?name=sample&size=20&page=1", false, true, 1, 20, 2, 5),
    ] {
        let mut answer = get(&viewer, &format!("{SUCCESS}{query}")).await;
        assert_eq!(rows(&answer).len(), count, "{query}");
        answer.as_object_mut().expect("an object").remove("data");
        let about = json!({
            "first": first,
            "last": last,
            "page": page,
            "size": size,
            "totalPages": pages,
            "totalElements": 25,
        });
        assert_eq!(answer, about, "{query}");
    }
    let none = get(&viewer, &format!("{SUCCESS}?name=nobody")).await;
    assert_eq!(
        (&none["first"], &none["last"], &none["totalPages"]),
        (&json!(true), &json!(true), &json!(0))
    );
}

/// What is large in a client is not shown in the tenants API: a page of ten is one, whatever stands
/// in them.
#[tokio::test]
async fn a_page_of_the_largest_clients_is_a_page() {
    let app = TestApp::start().await;
    let _made = app.sample("big", 0).await;
    let admin = app.role("big", "admin").await;
    let value = "x".repeat(65_500);
    let custom: serde_json::Map<_, _> =
        (0..13).map(|at| (format!("k{at}"), json!(value))).collect();
    for at in 0..10 {
        let client = json!({
            "name": format!("Large {at}"), "status": "ACTIVE", "active": true, "custom": custom,
        });
        admin.post("/client", &client).await.expect(201);
    }
    let page = get(&admin, "/clients/v1/tenants/big/clients").await;
    let names: Vec<_> = rows(&page).iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, (0..10).map(|at| json!(format!("Large {at}"))).collect::<Vec<_>>());
    // Who asks for all of them is told to ask for fewer.
    let refused = admin.get(&format!("{SUCCESS}?size=10")).await.expect(400);
    assert!(refused.text.contains("ask for fewer"), "{}", refused.text);
    let fewer = get(&admin, &format!("{SUCCESS}?size=5")).await;
    assert_eq!(rows(&fewer).len(), 5);
}
