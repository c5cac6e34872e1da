//! Lists of devices and users: every page of every order, and every filter.

use crate::devices::{BY_CREATION, OURS, device, filter, id, label, user};
use crate::make::{Store, client, fill, tenant, time};
use clientbook_model::client::Client;
use clientbook_model::device::{Device, DeviceStatus};
use clientbook_model::id::{DeviceId, DeviceUserId};
use clientbook_model::search::Words;
use clientbook_store::device_lists::{self, DeviceFilter, DeviceOrder, DevicePosition, DeviceSort};
use clientbook_store::device_user_lists::{
    self, SightingOrder, UserFilter, UserOrder, UserPosition, UserSort,
};
use clientbook_store::{DbError, Tx, device_users, devices};
use std::collections::BTreeSet;

/// Twelve devices in which everything that they are sorted by comes twice, or is missing.
async fn fleet(tx: &mut Tx) -> Result<Client, DbError> {
    fill(tx, OURS).await?;
    let client = client(&tenant(OURS), 1);
    for which in 1..=12 {
        let mut device = device(&client, which);
        let half = i64::from(which / 2);
        device.facts.name = label(&format!("{}{half}", if which % 3 == 0 { "É" } else { "e" }));
        device.facts.os_name = label(if which % 2 == 0 { "Debian" } else { "Zorin" });
        device.installed_at = time(half);
        device.created_at = time(100 - half);
        device.last_seen_at = (which % 4 != 0).then(|| time(half * 600_000));
        devices::insert(tx, &device).await?;
        let user = user(&client, which);
        assert!(device_users::insert(tx, &user).await?);
        let (desktop, web) = (time(half), time(i64::from(which)));
        let (desktop, web) = ((which % 3 != 0).then_some(desktop), (which % 4 != 0).then_some(web));
        device_users::set_activity(tx, client.tenant_id, user.id, desktop, web).await?;
        let first = DeviceId(id(client.tenant_id, 1));
        device_users::see(tx, client.tenant_id, first, user.id, time(half)).await?;
    }
    Ok(client)
}

#[tokio::test]
async fn pages_of_devices_are_the_whole_list() {
    let store = Store::new();
    let checked = store.write(async |tx: &mut Tx| {
        let client = fleet(tx).await?;
        let now = time(6 * 600_000);
        let all: BTreeSet<_> = (1..=12).map(|which| id(client.tenant_id, which)).collect();
        for order in [
            DeviceOrder::Name,
            DeviceOrder::Status,
            DeviceOrder::OsName,
            DeviceOrder::LastSeenAt,
            DeviceOrder::InstalledAt,
            DeviceOrder::CreatedAt,
        ] {
            let mut ways = Vec::new();
            for descending in [false, true] {
                let sort = DeviceSort { order, descending };
                let filter = DeviceFilter { now, ..filter(&client) };
                let mut found = Vec::new();
                let mut after: Option<DevicePosition> = None;
                loop {
                    let (rows, total) =
                        device_lists::page(tx, &filter, sort, after.as_ref(), 5).await?;
                    assert_eq!(total, 12);
                    let Some(last) = rows.last() else { break };
                    after = Some(sort.position(last, now));
                    found.extend(rows.into_iter().map(|device| device.id.0));
                }
                assert_eq!(found.len(), 12, "{sort:?}");
                assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), all);
                ways.push(found);
            }
            ways[1].reverse();
            assert_eq!(ways[0], ways[1], "{order:?}");
        }
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn filters_leave_what_they_say() {
    let store = Store::new();
    let checked = store.write(async |tx: &mut Tx| {
        let client = fleet(tx).await?;
        let now = time(6 * 600_000);
        let filter = DeviceFilter { now, ..filter(&client) };
        let os = |name: &str| DeviceFilter { os_name: Some(name.to_owned()), ..filter.clone() };
        let q = |text| DeviceFilter { q: Some(Words::new(text).expect("words")), ..filter.clone() };
        let status = |status| DeviceFilter { status: Some(status), ..filter.clone() };
        let seen = |which| DeviceFilter {
            user_id: Some(DeviceUserId(id(client.tenant_id, which))),
            ..filter.clone()
        };
        for (filter, expected) in [
            (os("Debian"), 6),
            (os("debian"), 0),
            (q("é1"), 2),
            (q("%"), 0),
            (status(DeviceStatus::Pending), 3),
            (status(DeviceStatus::Active), 2),
            (status(DeviceStatus::Inactive), 7),
            (seen(3), 1),
            (seen(99), 0),
        ] {
            let (rows, total) = device_lists::page(tx, &filter, BY_CREATION, None, 99).await?;
            assert_eq!((i64::try_from(rows.len()), total), (Ok(expected), expected), "{filter:?}");
            if let Some(wanted) = filter.status {
                let is = |row: &Device| DeviceStatus::of(row.last_seen_at, now) == wanted;
                assert!(rows.iter().all(is));
            }
        }
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn pages_of_users_are_the_whole_list() {
    let store = Store::new();
    let checked = store.write(async |tx: &mut Tx| {
        let client = fleet(tx).await?;
        let (tenant_id, client_id) = (client.tenant_id, client.id);
        let filter = UserFilter { tenant_id, client_id, q: None, department_id: None };
        let device = DeviceId(id(tenant_id, 1));
        for descending in [false, true] {
            for order in [UserOrder::Username, UserOrder::LastActivity, UserOrder::CreatedAt] {
                let sort = UserSort { order, descending };
                let (mut found, mut after): (Vec<DeviceUserId>, Option<UserPosition>) =
                    (Vec::new(), None);
                loop {
                    let (rows, total) =
                        device_user_lists::page(tx, &filter, sort, after.as_ref(), 5).await?;
                    assert_eq!(total, 12);
                    let Some(last) = rows.last() else { break };
                    after = Some(sort.position(last));
                    found.extend(rows.into_iter().map(|user| user.id));
                }
                let different: BTreeSet<_> = found.iter().collect();
                assert_eq!((found.len(), different.len()), (12, 12), "{sort:?}");
            }
            for order in
                [SightingOrder::Username, SightingOrder::EnrolledAt, SightingOrder::LastSeenAt]
            {
                let sort = UserSort { order, descending };
                let (mut found, mut after): (Vec<DeviceUserId>, Option<UserPosition>) =
                    (Vec::new(), None);
                loop {
                    let after_ = after.as_ref();
                    let (rows, total) = device_user_lists::page_on_device(
                        tx, tenant_id, device, None, sort, after_, 5,
                    )
                    .await?;
                    assert_eq!(total, 12);
                    let Some(last) = rows.last() else { break };
                    after = Some(sort.position(&last.user, last.enrolled_at, last.last_seen_at));
                    found.extend(rows.into_iter().map(|seen| seen.user.id));
                }
                let different: BTreeSet<_> = found.iter().collect();
                assert_eq!((found.len(), different.len()), (12, 12), "{sort:?}");
            }
        }
        // 3, 6 and 9 have no desktop activity; 12 has none at all.
        let counted =
            device_user_lists::active_and_stale(tx, tenant_id, client_id, time(5)).await?;
        assert_eq!(counted, (6, 6));
        Ok(())
    });
    checked.await.expect("queries");
}
