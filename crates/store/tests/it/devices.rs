//! Devices, users and departments: kept in their tenant, listed in every order, erased whole.

use crate::make::{Store, client, fill, tenant, time};
use clientbook_model::client::Client;
use clientbook_model::collection::CollectionMode;
use clientbook_model::department::{Department, DepartmentName};
use clientbook_model::device::{
    CollectionState, DeploymentError, Device, DeviceFacts, ErrorCode, Extensions, Hardware, Version,
};
use clientbook_model::device_user::{DeviceUser, UserStatus};
use clientbook_model::id::{ClientId, DepartmentId, DeviceId, DeviceUserId, TenantId};
use clientbook_model::secret::SecretDigest;
use clientbook_model::status::Status;
use clientbook_model::text::{Label, Text};
use clientbook_store::device_lists::{self, DeviceFilter, DeviceOrder, DeviceSort, DeviceSummary};
use clientbook_store::device_user_lists::{self, SightingOrder, UserFilter, UserOrder, UserSort};
use clientbook_store::software::DevicePlace;
use clientbook_store::{
    DbError, RawId, Tx, agent_configs, agents, clients, departments, device_users, devices,
    erased_clients,
};
use clientbook_testkit::Engine;
use uuid::Uuid;

pub(crate) const OURS: u8 = 1;
const THEIRS: u8 = 2;

pub(crate) fn label<const MAX: usize, const SHOWS: bool>(text: &str) -> Label<MAX, SHOWS> {
    Label::new(text).expect("a text")
}

/// The same in every tenant but for what the store demands.
pub(crate) fn id(tenant: TenantId, which: u8) -> Uuid {
    Uuid::from_u128((tenant.0.as_u128() << 64) + u128::from(which))
}

pub(crate) fn device(client: &Client, which: u8) -> Device {
    Device {
        id: DeviceId(id(client.tenant_id, which)),
        tenant_id: client.tenant_id,
        client_id: client.id,
        unique_key: label(&format!("key-{which}")),
        facts: DeviceFacts {
            name: label(&format!("Größe-{which}")),
            serial_number: None,
            os_name: label("Debian GNU/Linux"),
            os_version: label("12"),
            agent_version: label("1.0.0"),
            hardware: Hardware::default(),
            extensions: Extensions::default(),
        },
        deployment_errors: Vec::new(),
        collection_state: CollectionState::Enabled,
        log_shipping_enabled: false,
        enrolled_with: None,
        installed_at: time(0),
        last_seen_at: None,
        uninstalled_at: None,
        version: 1,
        created_at: time(0),
        updated_at: time(0),
    }
}

pub(crate) fn user(client: &Client, which: u8) -> DeviceUser {
    DeviceUser {
        id: DeviceUserId(id(client.tenant_id, which)),
        tenant_id: client.tenant_id,
        client_id: client.id,
        user_key: label(&format!("user-{which}")),
        username: label(&format!("Zoë{which}")),
        status: UserStatus::Active,
        desktop_at: None,
        web_at: None,
        version: 1,
        created_at: time(0),
        updated_at: time(0),
    }
}

fn department(client: &Client, which: u8) -> Department {
    Department {
        id: DepartmentId(id(client.tenant_id, which)),
        tenant_id: client.tenant_id,
        client_id: client.id,
        name: DepartmentName::new(&format!("Department {which}")).expect("a name"),
        description: None,
        version: 1,
        created_at: time(0),
        updated_at: time(0),
    }
}

/// Client 1 of a tenant with a device, a user on it, and a department with the user in it.
async fn equip(tx: &mut Tx, which: u8) -> Result<Client, DbError> {
    fill(tx, which).await?;
    let client = client(&tenant(which), 1);
    let (device, user, department) = (device(&client, 1), user(&client, 1), department(&client, 1));
    devices::insert(tx, &device).await?;
    devices::add_credential(tx, device.tenant_id, device.id, digest(which)).await?;
    assert!(device_users::insert(tx, &user).await?);
    device_users::see(tx, user.tenant_id, device.id, user.id, time(1)).await?;
    departments::insert(tx, &department).await?;
    departments::add_member(tx, user.tenant_id, department.id, user.id).await?;
    agent_configs::bump(tx, client.tenant_id, client.id).await?;
    Ok(client)
}

/// The device that a tenant's token stands for, or stood for.
async fn found(tx: &mut Tx, which: u8) -> Result<Option<DevicePlace>, DbError> {
    Ok(agents::find_across_tenants(tx, digest(which)).await?.map(|found| found.place))
}

/// How often what a client's agents are told has changed.
async fn revision(tx: &mut Tx, asking: TenantId, client: ClientId) -> Result<Option<i64>, DbError> {
    let all = agent_configs::revisions_across_tenants(tx, &[asking.0], &[client.0]).await?;
    Ok(all.get(&client).copied())
}

fn digest(which: u8) -> SecretDigest {
    SecretDigest([which; 32])
}

pub(crate) fn filter(client: &Client) -> DeviceFilter {
    DeviceFilter {
        tenant_id: client.tenant_id,
        client_id: client.id,
        q: None,
        user_id: None,
        status: None,
        os_name: None,
        now: time(0),
    }
}

pub(crate) const BY_CREATION: DeviceSort =
    DeviceSort { order: DeviceOrder::CreatedAt, descending: false };
const BY_NAME: UserSort<UserOrder> = UserSort { order: UserOrder::Username, descending: false };
const BY_USER: UserSort<SightingOrder> =
    UserSort { order: SightingOrder::Username, descending: false };

async fn store() -> Store {
    let store = Store::new();
    let filled = store.write(async |tx: &mut Tx| {
        equip(tx, OURS).await?;
        equip(tx, THEIRS).await
    });
    filled.await.expect("rows of two tenants");
    store
}

#[tokio::test]
async fn devices_are_read_in_their_tenant_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs] = [OURS, THEIRS].map(|which| client(&tenant(which), 1));
        let theirs_device = device(&theirs, 1);
        for (asking, expected) in [(theirs.tenant_id, 1_usize), (ours.tenant_id, 0)] {
            let there = expected == 1;
            let (device, client) = (theirs_device.id, theirs.id);
            assert_eq!(devices::get(tx, asking, device).await?.is_some(), there);
            assert_eq!(devices::get_for_update(tx, asking, device).await?.is_some(), there);
            let key = &theirs_device.unique_key;
            assert_eq!(devices::by_unique_key(tx, asking, client, key).await?.is_some(), there);
            assert_eq!(devices::get_all(tx, asking, client, &[device]).await?.len(), expected);
            assert_eq!(devices::any_below(tx, asking, client).await?, there);
            let stored = devices::stored(tx, asking, client, &RawId::FIRST, 9).await?;
            assert_eq!(stored.len(), expected);
            let filter = DeviceFilter { tenant_id: asking, ..filter(&theirs) };
            let (rows, total) = device_lists::page(tx, &filter, BY_CREATION, None, 9).await?;
            assert_eq!((rows.len(), usize::try_from(total)), (expected, Ok(expected)));
            let summary = device_lists::summary(tx, asking, client).await?;
            assert_eq!(usize::try_from(summary.devices), Ok(expected));
        }
        let found = found(tx, THEIRS).await?.expect("the device");
        assert_eq!((found.tenant_id, found.device_id), (theirs.tenant_id, theirs_device.id));
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn users_and_departments_are_read_in_their_tenant_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs] = [OURS, THEIRS].map(|which| client(&tenant(which), 1));
        let (theirs_user, theirs_department) = (user(&theirs, 1), department(&theirs, 1));
        let (device, client) = (device(&theirs, 1).id, theirs.id);
        for (asking, expected) in [(theirs.tenant_id, 1_usize), (ours.tenant_id, 0)] {
            let there = expected == 1;
            let user = theirs_user.id;
            assert_eq!(device_users::get(tx, asking, user).await?.is_some(), there);
            assert_eq!(device_users::get_for_update(tx, asking, user).await?.is_some(), there);
            let key = &theirs_user.user_key;
            let holder = agents::key_holder(tx, (asking, client), key).await?;
            assert_eq!(holder.user.is_some(), there);
            assert_eq!(device_users::get_all(tx, asking, client, &[user]).await?.len(), expected);
            let stored = device_users::stored(tx, asking, client, &RawId::FIRST, 9).await?;
            assert_eq!(stored.len(), expected);
            let (q, department_id) = (None, None);
            let filter = UserFilter { tenant_id: asking, client_id: client, q, department_id };
            let (rows, _) = device_user_lists::page(tx, &filter, BY_NAME, None, 9).await?;
            assert_eq!(rows.len(), expected);
            let (rows, _) =
                device_user_lists::page_on_device(tx, asking, device, None, BY_USER, None, 9)
                    .await?;
            assert_eq!(rows.len(), expected);
            let counted = device_user_lists::active_and_stale(tx, asking, client, time(0)).await?;
            assert_eq!(usize::try_from(counted.1), Ok(expected));

            let department = theirs_department.id;
            assert_eq!(departments::get(tx, asking, department).await?.is_some(), there);
            let all = departments::get_all(tx, asking, client, &[department]).await?;
            assert_eq!(all.len(), expected);
            assert_eq!(departments::list(tx, asking, client, None, 9).await?.len(), expected);
            assert_eq!(
                usize::try_from(departments::count(tx, asking, client).await?),
                Ok(expected)
            );
            assert_eq!(departments::of_users(tx, asking, &[user]).await?.len(), expected);
            assert_eq!(revision(tx, asking, client).await?, there.then_some(1));
        }
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn they_are_changed_in_their_tenant_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs] = [OURS, THEIRS].map(|which| client(&tenant(which), 1));
        // Our tenant with their ids: no such rows.
        let mut stolen = Device { tenant_id: ours.tenant_id, ..device(&theirs, 1) };
        stolen.collection_state = CollectionState::Deleted;
        stolen.facts.name = label("Stolen");
        let (tenant, id) = (ours.tenant_id, stolen.id);
        devices::update(tx, &stolen).await?;
        devices::set_facts(tx, tenant, id, &stolen.facts).await?;
        devices::set_agent_version(tx, tenant, id, &label("9")).await?;
        devices::set_last_seen(tx, tenant, id, time(9)).await?;
        devices::set_deployment_errors(tx, tenant, id, &[error()]).await?;
        devices::remove_credentials(tx, tenant, id).await?;
        devices::bury(tx, tenant, id).await?;
        assert_eq!(devices::get(tx, theirs.tenant_id, id).await?, Some(device(&theirs, 1)));
        assert!(found(tx, THEIRS).await?.is_some());

        let stolen = DeviceUser {
            tenant_id: ours.tenant_id,
            status: UserStatus::Deleted,
            ..user(&theirs, 1)
        };
        device_users::update(tx, &stolen).await?;
        device_users::set_username(tx, tenant, stolen.id, &label("stolen")).await?;
        device_users::set_activity(tx, tenant, stolen.id, Some(time(9)), Some(time(9))).await?;
        assert!(!device_users::forget_activity(tx, tenant, stolen.id).await?);
        let there = device_users::get(tx, theirs.tenant_id, stolen.id).await?;
        assert_eq!(there, Some(user(&theirs, 1)));

        let stolen = Department { tenant_id: ours.tenant_id, version: 9, ..department(&theirs, 1) };
        departments::update(tx, &stolen).await?;
        departments::remove_member(tx, tenant, stolen.id, user(&theirs, 1).id).await?;
        departments::remove(tx, tenant, stolen.id).await?;
        let there = departments::of_users(tx, theirs.tenant_id, &[user(&theirs, 1).id]).await?;
        assert_eq!(there, [(user(&theirs, 1).id, department(&theirs, 1))]);

        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn they_are_erased_in_their_tenant_only() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let [ours, theirs] = [OURS, THEIRS].map(|which| client(&tenant(which), 1));
        let tenant = ours.tenant_id;
        erased_clients::put(tx, &ours, time(5)).await?;
        let id = device(&ours, 1).id;
        assert_eq!(devices::get(tx, tenant, id).await?, None);
        let place = DevicePlace { tenant_id: tenant, client_id: ours.id, device_id: id };
        assert_eq!(found(tx, OURS).await?, Some(place), "its token still hears that it must go");
        devices::bury(tx, theirs.tenant_id, id).await?;
        assert_eq!(found(tx, OURS).await?, Some(place));
        devices::bury(tx, tenant, id).await?;
        assert_eq!(found(tx, OURS).await?, None);
        assert!(devices::any_below(tx, theirs.tenant_id, theirs.id).await?);
        assert!(found(tx, THEIRS).await?.is_some());
        Ok(())
    });
    checked.await.expect("queries");
    for table in ["devices", "device_users", "device_user_sightings", "departments"] {
        let ours = store.database.uuid(tenant(OURS).id.0);
        let sql = format!("SELECT count(*) FROM {table} WHERE tenant_id = {ours}");
        assert_eq!(store.database.rows(&sql), [["0"]], "{table}");
    }
}

fn error() -> DeploymentError {
    DeploymentError {
        code: ErrorCode::new("software_source_unreadable").expect("a code"),
        message: Text::new("Permission denied").expect("a message"),
    }
}

#[tokio::test]
async fn what_is_written_is_read() {
    let store = store().await;
    let checked = store.write(async |tx: &mut Tx| {
        let client = client(&tenant(OURS), 1);
        let mut expected = device(&client, 1);
        expected.facts = DeviceFacts {
            name: label("Name"),
            serial_number: Some(label("5CD")),
            os_name: label("Fedora Linux"),
            os_version: label("43"),
            agent_version: label("2.0"),
            hardware: Hardware { model: Some(label("X")), ..Hardware::default() },
            extensions: Extensions::default(),
        };
        devices::set_facts(tx, client.tenant_id, expected.id, &expected.facts).await?;
        expected.deployment_errors = vec![error()];
        let errors = &expected.deployment_errors;
        devices::set_deployment_errors(tx, client.tenant_id, expected.id, errors).await?;
        for seen in [time(7), time(3)] {
            devices::set_last_seen(tx, client.tenant_id, expected.id, seen).await?;
        }
        expected.last_seen_at = Some(time(7));
        expected.collection_state = CollectionState::Disabled;
        expected.log_shipping_enabled = true;
        expected.uninstalled_at = Some(time(8));
        expected.version = 2;
        expected.updated_at = time(8);
        devices::update(tx, &expected).await?;
        let version: Version = label("2.1");
        devices::set_agent_version(tx, client.tenant_id, expected.id, &version).await?;
        expected.facts.agent_version = version;
        assert_eq!(devices::get(tx, client.tenant_id, expected.id).await?, Some(expected.clone()));
        let summary = device_lists::summary(tx, client.tenant_id, client.id).await?;
        let versions = vec![("2.1".to_owned(), 1)];
        let one = DeviceSummary { devices: 1, errors: 1, with_errors: 1, versions };
        assert_eq!(summary, one);
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn a_key_is_of_one_device_or_user_that_is_not_deleted() {
    let store = store().await;
    let twice = store.write(async |tx: &mut Tx| {
        let client = client(&tenant(OURS), 1);
        let mut second = device(&client, 2);
        second.unique_key = label("key-1");
        devices::insert(tx, &second).await?;
        // Asks for an answer, so that a refusal is heard here.
        devices::get(tx, client.tenant_id, second.id).await
    });
    let refused = twice.await.expect_err("two devices of one key");
    assert!(refused.is_unique("devices_client_id_unique_key"), "{refused}");
    let named = store.write(async |tx: &mut Tx| {
        let mut second = department(&client(&tenant(OURS), 1), 2);
        second.name = label("Department 1");
        departments::insert(tx, &second).await
    });
    let refused = named.await.expect_err("two departments of one name");
    assert!(refused.is_unique("departments_client_id_name"), "{refused}");
    let checked = store.write(async |tx: &mut Tx| {
        let client = client(&tenant(OURS), 1);
        let (mut first, mut again) = (device(&client, 1), device(&client, 2));
        first.collection_state = CollectionState::Deleted;
        again.unique_key = first.unique_key.clone();
        devices::update(tx, &first).await?;
        devices::insert(tx, &again).await?;
        let key = &again.unique_key;
        let found = devices::by_unique_key(tx, client.tenant_id, client.id, key).await?;
        assert_eq!(found.map(|device| device.id), Some(again.id));
        let (mut first, mut again) = (user(&client, 1), user(&client, 2));
        again.user_key = first.user_key.clone();
        assert!(!device_users::insert(tx, &again).await?, "the key is taken");
        first.status = UserStatus::Deleted;
        device_users::update(tx, &first).await?;
        assert!(device_users::insert(tx, &again).await?);
        let key = &again.user_key;
        let holder = agents::key_holder(tx, (client.tenant_id, client.id), key).await?;
        assert_eq!(holder.user.map(|user| user.id), Some(again.id));
        Ok(())
    });
    checked.await.expect("queries");
}

/// What agents are told changes with the mode and the flag of their client, and with nothing else of
/// it; whoever waits in this process hears of it.
#[tokio::test]
async fn the_revision_moves_with_what_agents_are_told() {
    let store = store().await;
    let changes = store.db.agent_changes();
    let seen = store.write(async |tx: &mut Tx| {
        let old = client(&tenant(OURS), 1);
        let mut seen = Vec::new();
        for change in [
            (|client| client.updated_at = time(1)) as fn(&mut Client),
            |client| client.status = Status::Trial,
            |client| client.collection_mode = CollectionMode::Disabled,
            |client| client.status = Status::Inactive,
        ] {
            let mut next = old.clone();
            change(&mut next);
            clients::update(tx, &old, &next, None).await?;
            seen.push(revision(tx, old.tenant_id, old.id).await?.expect("a number"));
            // And back, so that each begins alike.
            clients::update(tx, &next, &old, None).await?;
        }
        Ok(seen)
    });
    assert_eq!(seen.await.expect("changes"), [1, 1, 2, 4]);
    if let Some(mut changes) = changes {
        let mut heard = 0;
        while let Ok(client_id) = changes.try_recv() {
            assert_eq!(client_id, client(&tenant(OURS), 1).id);
            heard += 1;
        }
        assert_eq!(heard, 4);
    }
    assert_eq!(store.db.agent_changes().is_some(), Engine::under_test() == Engine::Sqlite);
}
