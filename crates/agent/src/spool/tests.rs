use super::*;
use crate::permits::tests::config;
use clientbook_agent_protocol::{Collect, Directive};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tempfile::TempDir;

fn spool(dir: &TempDir, max_bytes: u64) -> Spool {
    Spool::open(dir.path().join("spool"), max_bytes).unwrap()
}

fn gathered(count: usize, kind: UsageKind, user_key: &str) -> Vec<Gathered> {
    let one = Gathered {
        kind,
        user_key: user_key.into(),
        name: "Files".into(),
        started_at: 0,
        seconds: 15,
        visits: None,
    };
    vec![one; count]
}

fn ids(spool: &Spool) -> Vec<String> {
    let records = |name| spool.read(name).unwrap().records;
    spool.names().iter().flat_map(records).map(|record| record.id).collect()
}

fn permits(users: &[&str]) -> Permits {
    Permits::of(&config(Directive::Collect, &[Collect::AppUsage], users))
}

#[test]
fn what_was_spooled_is_there_after_a_start_with_the_same_ids() {
    let dir = tempfile::tempdir().unwrap();
    let mut one = spool(&dir, MAX_BYTES);
    one.append(&gathered(2_500, UsageKind::App, "uid:1"), 1).unwrap();
    let before = ids(&one);
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), 2_500);
    assert!(before.iter().all(|id| id.len() <= 64));
    // Left by a kill while a file was written.
    fs::write(dir.path().join("spool/.0000000000001-00.json.new"), "{").unwrap();
    let two = spool(&dir, MAX_BYTES);
    assert_eq!(ids(&two), before);
    assert_eq!(fs::read_dir(dir.path().join("spool")).unwrap().count(), 3);
}

#[test]
fn a_file_that_cannot_be_read_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("spool")).unwrap();
    fs::write(dir.path().join("spool/0000000000001-00ff.json"), "{").unwrap();
    let mut spool = spool(&dir, MAX_BYTES);
    assert_eq!(spool.names().len(), 1);
    assert!(ids(&spool).is_empty());
    spool.prune(&permits(&["uid:1"])).unwrap();
    assert!(spool.names().is_empty());
}

#[test]
fn the_oldest_give_way() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = spool(&dir, 20_000);
    let mut dropped = 0;
    for at in 0..30 {
        let ten = gathered(10, UsageKind::App, "uid:1");
        dropped += spool.append(&ten, at).unwrap();
        assert!(spool.bytes() <= 20_000);
    }
    assert_eq!(dropped + ids(&spool).len(), 300);
    assert!(dropped > 0 && spool.names().len() > 2);
    assert_eq!(spool.names().last().unwrap().made_at, 29);
    let on_disk = fs::read_dir(dir.path().join("spool")).unwrap();
    let on_disk: u64 = on_disk.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(on_disk, spool.bytes());
}

#[test]
fn what_is_too_old_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = spool(&dir, MAX_BYTES);
    spool.append(&gathered(1, UsageKind::App, "uid:1"), 1).unwrap();
    spool.append(&gathered(2, UsageKind::App, "uid:1"), MAX_AGE).unwrap();
    assert_eq!(spool.bound(MAX_AGE + 1).unwrap(), 0);
    assert_eq!(spool.bound(MAX_AGE + 2).unwrap(), 1);
    assert_eq!(ids(&spool).len(), 2);
}

#[test]
fn what_a_clock_made_that_was_ahead_does_not_stay() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = spool(&dir, MAX_BYTES);
    let ahead = 10 * MAX_AGE;
    spool.append(&gathered(1, UsageKind::App, "uid:1"), ahead).unwrap();
    assert_eq!(spool.append(&gathered(2, UsageKind::App, "uid:1"), 1).unwrap(), 1);
    assert_eq!(ids(&spool).len(), 2);
}

#[test]
fn pruning_throws_away_what_may_not_be_sent() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = spool(&dir, MAX_BYTES);
    let mut mixed = gathered(3, UsageKind::App, "uid:1");
    mixed.extend(gathered(2, UsageKind::App, "uid:2"));
    mixed.extend(gathered(4, UsageKind::Web, "uid:1"));
    spool.append(&mixed, 1).unwrap();
    let before = ids(&spool);
    assert_eq!(spool.prune(&permits(&["uid:1", "uid:2"])).unwrap(), 4);
    assert_eq!(spool.prune(&permits(&["uid:1"])).unwrap(), 2);
    assert_eq!(ids(&spool), before[..3]);
    assert_eq!(spool.prune(&Permits::default()).unwrap(), 3);
    assert_eq!(fs::read_dir(dir.path().join("spool")).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After pruning, and after pruning and a start, only what is permitted is on the disk.
    #[test]
    fn nothing_forbidden_stays(
        spooled in prop::collection::vec((0..3_u8, any::<bool>()), 0..40),
        kept in prop::collection::btree_set(0..3_u8, 0..3),
        web: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = spool(&dir, MAX_BYTES);
        for (at, (user, is_web)) in spooled.iter().enumerate() {
            let kind = if *is_web { UsageKind::Web } else { UsageKind::App };
            let one = gathered(1, kind, &format!("uid:{user}"));
            spool.append(&one, Millis::try_from(at / 3).unwrap()).unwrap();
        }
        let users: Vec<String> = kept.iter().map(|user| format!("uid:{user}")).collect();
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        let kind = if web { Collect::WebUsage } else { Collect::AppUsage };
        let permits = Permits::of(&config(Directive::Collect, &[kind], &users));
        let dropped = spool.prune(&permits).unwrap();
        let reopened = Spool::open(dir.path().join("spool"), MAX_BYTES).unwrap();
        for spool in [&spool, &reopened] {
            let records = spool.names().iter().flat_map(|name| spool.read(name).unwrap().records);
            let records: Vec<_> = records.collect();
            prop_assert!(records.iter().all(|record| permits.record(record)));
            prop_assert_eq!(records.len() + dropped, spooled.len());
        }
    }
}
