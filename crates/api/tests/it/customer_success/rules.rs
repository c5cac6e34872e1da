//! The rules of single properties.

use super::{client, pointers};
use clientbook_testkit::{ACME, Actor, Answer, GLOBEX, INITECH, TestApp};
use serde_json::{Value, json};

const STATUSES: [&str; 5] = ["PENDING", "TRIAL", "ACTIVE", "INACTIVE", "TERMINATED"];

fn is_active(status: &str) -> bool {
    matches!(status, "ACTIVE" | "TRIAL")
}

async fn patch(actor: &Actor, body: Value) -> Answer {
    actor.patch(&client(ACME), &body).await
}

/// What one refused property is told.
#[track_caller]
fn detail(answer: &Answer, pointer: &str) -> String {
    assert_eq!(pointers(answer, 400, &client(ACME)), [pointer]);
    answer.json()["errors"][0]["detail"].as_str().expect("a detail").to_owned()
}

async fn become_(admin: &Actor, status: &str) {
    let answer = patch(admin, json!({ "status": status })).await.expect(200).json();
    assert_eq!((&answer["status"], &answer["active"]), (&json!(status), &json!(is_active(status))));
}

#[tokio::test]
async fn the_flag_alone_moves_the_status_only_across_the_line() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for from in STATUSES {
        for (active, to) in [(true, "ACTIVE"), (false, "INACTIVE")] {
            become_(&admin, from).await;
            let expected = if is_active(from) == active { from } else { to };
            let now = patch(&admin, json!({ "active": active })).await.expect(200).json();
            assert_eq!(now["status"], expected, "{from} and {active}");
            assert_eq!(now["active"], active, "{from} and {active}");
        }
    }
}

#[tokio::test]
async fn status_and_flag_together_must_agree() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for from in ["ACTIVE", "TERMINATED"] {
        for status in STATUSES {
            for active in [true, false] {
                become_(&admin, from).await;
                let answer = patch(&admin, json!({ "status": status, "active": active })).await;
                let expected = if is_active(status) == active {
                    assert_eq!(answer.expect(200).json()["status"], status);
                    status
                } else {
                    assert_eq!(pointers(&answer, 400, &client(ACME)), ["/status", "/active"]);
                    from
                };
                let read = admin.get(&client(ACME)).await.expect(200).json();
                assert_eq!(read["status"], expected);
                assert_eq!(read["active"], is_active(expected));
            }
        }
    }
    let told = detail(&patch(&admin, json!({ "status": "GONE" })).await, "/status");
    assert!(told.contains("ACTIVE, INACTIVE, TRIAL, TERMINATED, PENDING"), "{told}");
}

#[tokio::test]
async fn moving_the_status_takes_a_permission_of_its_own() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.role("tenant123", "member").await);
    for from in STATUSES {
        become_(&admin, from).await;
        let before = admin.get(&client(ACME)).await.expect(200).text;
        let active = is_active(from);
        for body in [
            json!({ "status": from }),
            json!({ "active": active }),
            json!({ "status": from, "active": active }),
        ] {
            assert_eq!(patch(&member, body).await.expect(200).text, before, "{from}");
        }
        let other = if from == "TRIAL" { "TERMINATED" } else { "TRIAL" };
        for body in [
            json!({ "status": other }),
            json!({ "active": !active }),
            json!({ "status": other, "active": is_active(other), "note": "x" }),
        ] {
            let told = patch(&member, body).await.expect(403).json();
            let told = told["detail"].as_str().expect("a detail");
            assert!(told.contains("clients.status"), "{told}");
        }
        assert_eq!(admin.get(&client(ACME)).await.expect(200).text, before);
    }
}

#[tokio::test]
async fn a_type_is_named_by_id_or_title() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (body, id, title) in [
        (json!({ "clientTypeId": 3 }), json!(3), json!("Startup")),
        (json!({ "clientTypeTitle": "Mid-market" }), json!(2), json!("Mid-market")),
        // The id wins, whatever the title says.
        (json!({ "clientTypeId": 1, "clientTypeTitle": "Startup" }), json!(1), json!("Enterprise")),
        (json!({ "clientTypeId": 3, "clientTypeTitle": "None" }), json!(3), json!("Startup")),
        (json!({ "clientTypeId": 2, "clientTypeTitle": null }), json!(2), json!("Mid-market")),
        (json!({ "clientTypeId": null, "clientTypeTitle": "Startup" }), Value::Null, Value::Null),
        (json!({ "clientTypeTitle": "Startup" }), json!(3), json!("Startup")),
        (json!({ "clientTypeTitle": null }), Value::Null, Value::Null),
    ] {
        let now = patch(&admin, body.clone()).await.expect(200).json();
        assert_eq!((&now["clientTypeId"], &now["clientTypeTitle"]), (&id, &title), "{body}");
        let embedded = now.get("clientType");
        match id {
            Value::Null => assert_eq!(embedded, None, "{body}"),
            id => assert_eq!(embedded, Some(&json!({ "id": id, "title": title })), "{body}"),
        }
    }
    for title in ["enterprise", "Enterprise ", "Partner"] {
        let answer = patch(&admin, json!({ "clientTypeTitle": title })).await;
        let told = detail(&answer, "/clientTypeTitle");
        assert!(told.ends_with("Enterprise, Mid-market, Startup"), "{told}");
    }
    for id in [json!(0), json!(4), json!(i64::MAX)] {
        detail(&patch(&admin, json!({ "clientTypeId": id })).await, "/clientTypeId");
    }
    // Another tenant has types of its own; this one has none.
    let rival = app.role("tenant999", "admin").await;
    for body in [json!({ "clientTypeId": 1 }), json!({ "clientTypeTitle": "Enterprise" })] {
        rival.patch(&client(INITECH), &body).await.expect(400);
    }
}

#[tokio::test]
async fn an_external_id_is_unique_in_its_tenant() {
    let app = TestApp::start().await;
    let (admin, rival) = (app.admin().await, app.role("tenant999", "admin").await);
    let body = json!({ "externalId": "ext-1", "note": "x" });
    patch(&admin, body.clone()).await.expect(200);
    let answer = admin.patch(&client(GLOBEX), &body).await;
    assert_eq!(pointers(&answer, 409, &client(GLOBEX)), ["/externalId"]);
    let globex = admin.get(&client(GLOBEX)).await.expect(200).json();
    assert_eq!((&globex["externalId"], &globex["note"]), (&Value::Null, &Value::Null));
    rival.patch(&client(INITECH), &body).await.expect(200);
    // Its own is no other's, letter case counts, and a cleared one is free again.
    patch(&admin, body.clone()).await.expect(200);
    admin.patch(&client(GLOBEX), &json!({ "externalId": "EXT-1" })).await.expect(200);
    patch(&admin, json!({ "externalId": "" })).await.expect(200);
    admin.patch(&client(GLOBEX), &body).await.expect(200);
    // Many clients may have none.
    admin.patch(&client(GLOBEX), &json!({ "externalId": null })).await.expect(200);
}

#[tokio::test]
async fn a_time_zone_is_one_of_the_tz_database() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in ["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "Asia/Kolkata"] {
        let now = patch(&admin, json!({ "timezone": name })).await.expect(200).json();
        assert_eq!(now["timezone"], name);
    }
    for (wrong, near) in [
        ("Europe/Berln", Some("Europe/Berlin")),
        ("europe/berlin", Some("Europe/Berlin")),
        ("America/New York", Some("America/New_York")),
        ("Middle-earth/Shire", None),
        ("+01:00", None),
        ("../../etc/passwd", None),
    ] {
        let told = detail(&patch(&admin, json!({ "timezone": wrong })).await, "/timezone");
        match near {
            Some(near) => assert!(told.ends_with(&format!("did you mean {near}?")), "{told}"),
            None => assert!(!told.contains("did you mean"), "{told}"),
        }
    }
    detail(&patch(&admin, json!({ "timezone": 1 })).await, "/timezone");
}

#[tokio::test]
async fn a_date_is_a_real_day_and_the_end_is_not_before_the_start() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for wrong in [
        json!("2023-02-29"),
        json!("2024-13-01"),
        json!("2024-04-31"),
        json!("2024-1-1"),
        json!("20240101"),
        json!("2024-01-01T00:00:00Z"),
        json!("01/02/2024"),
        json!(" 2024-01-01"),
        json!(1_704_067_200),
    ] {
        for name in ["inceptionDate", "terminatedDate"] {
            detail(&patch(&admin, json!({ name: wrong })).await, &format!("/{name}"));
        }
    }
    let both = |start: &str, end: &str| json!({ "inceptionDate": start, "terminatedDate": end });
    for good in [both("2024-02-29", "2024-02-29"), both("2024-02-29", "2024-03-01")] {
        let now = patch(&admin, good.clone()).await.expect(200).json();
        for name in ["inceptionDate", "terminatedDate"] {
            assert_eq!(now[name], good[name]);
        }
    }
    // The rule holds for what the record would become, whichever of the two is sent.
    for wrong in [
        both("2024-03-02", "2024-03-01"),
        json!({ "inceptionDate": "2024-03-02" }),
        json!({ "terminatedDate": "2024-02-28" }),
    ] {
        detail(&patch(&admin, wrong).await, "/terminatedDate");
    }
    let cleared = json!({ "inceptionDate": "2025-01-01", "terminatedDate": null });
    patch(&admin, cleared).await.expect(200);
}

#[tokio::test]
async fn a_region_is_replaced_whole() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for region in [
        json!({ "id": i64::MIN, "name": "" }),
        json!({ "id": i64::MAX, "name": "North" }),
        json!({ "name": "South", "id": 0 }),
    ] {
        let now = patch(&admin, json!({ "region": region })).await.expect(200).json();
        assert_eq!(now["region"], region);
    }
    for (wrong, pointer) in [
        (json!({ "id": 1 }), "/region/name"),
        (json!({ "name": "x" }), "/region/id"),
        (json!({ "id": null, "name": "x" }), "/region/id"),
        (json!({ "id": 1, "name": null }), "/region/name"),
        (json!({ "id": 1.5, "name": "x" }), "/region/id"),
        (json!({ "id": 9_223_372_036_854_775_808_u64, "name": "x" }), "/region/id"),
        (json!({ "id": 1, "name": "x", "code": 2 }), "/region/code"),
        (json!([1, "x"]), "/region"),
        (json!("x"), "/region"),
    ] {
        detail(&patch(&admin, json!({ "region": wrong })).await, pointer);
    }
}

#[tokio::test]
async fn the_account_team_is_replaced_whole() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let role = |id: i64, role: &str| json!({ "employeeId": id, "role": role });
    let longest = "🦀".repeat(100);
    for roles in [
        json!([role(1, "CSM"), role(2, "AE")]),
        json!([role(2, "AE")]),
        json!([role(i64::MIN, "x"), role(i64::MAX, &longest), role(i64::MAX, &longest)]),
    ] {
        let now = patch(&admin, json!({ "accTeamingRoles": roles })).await.expect(200).json();
        assert_eq!(now["accTeamingRoles"], roles);
    }
    for (wrong, pointer) in [
        (json!([role(1, "")]), "/accTeamingRoles/0/role"),
        (json!([role(1, " ")]), "/accTeamingRoles/0/role"),
        (json!([role(1, "x"), role(1, &"🦀".repeat(101))]), "/accTeamingRoles/1/role"),
        (json!([{ "role": "x" }]), "/accTeamingRoles/0/employeeId"),
        (json!([{ "employeeId": 1 }]), "/accTeamingRoles/0/role"),
        (json!([{ "employeeId": "1", "role": "x" }]), "/accTeamingRoles/0/employeeId"),
        (json!([{ "employeeId": 1, "role": "x", "id": 1 }]), "/accTeamingRoles/0/id"),
        (json!([null]), "/accTeamingRoles/0"),
        (json!({}), "/accTeamingRoles"),
    ] {
        detail(&patch(&admin, json!({ "accTeamingRoles": wrong })).await, pointer);
    }
    for nobody in [json!([]), Value::Null] {
        patch(&admin, json!({ "accTeamingRoles": [role(1, "x")] })).await.expect(200);
        let now = patch(&admin, json!({ "accTeamingRoles": nobody })).await.expect(200).json();
        assert_eq!(now["accTeamingRoles"], Value::Null);
    }
}

#[tokio::test]
async fn custom_values_are_merged_key_by_key() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (custom, left) in [
        (json!({ "b": "2", "a": "1" }), json!({ "a": "1", "b": "2" })),
        (json!({ "c": "" }), json!({ "a": "1", "b": "2", "c": "" })),
        (json!({ "a": null, "b": "3", "z": null }), json!({ "b": "3", "c": "" })),
        (json!({}), json!({ "b": "3", "c": "" })),
    ] {
        let now = patch(&admin, json!({ "custom": custom })).await.expect(200).json();
        assert_eq!(now["custom"], left, "{custom}");
    }
    for (wrong, pointer) in [
        (json!({ "a": 1 }), "/custom/a"),
        (json!({ "a~b": {} }), "/custom/a~0b"),
        (json!({ " a": "x" }), "/custom/ a"),
        (json!(null), "/custom"),
        (json!([]), "/custom"),
    ] {
        detail(&patch(&admin, json!({ "custom": wrong })).await, pointer);
    }
}
