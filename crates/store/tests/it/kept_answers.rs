//! Kept answers: of one caller, for a while, and emptied when a client is erased.

use crate::make::{Store, client, tenant, time};
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::principal::Permission;
use clientbook_store::kept_answers::{self, Found, KeptAnswer, Scope};
use clientbook_store::{DbError, Repeat, Tx};

const OURS: u8 = 1;
const THEIRS: u8 = 2;

fn scope(tenant_id: TenantId, digest: u8) -> Scope {
    Scope { tenant_id, digest: [digest; 32] }
}

fn answer(at: i64, client_id: Option<ClientId>, parent_id: Option<ClientId>) -> KeptAnswer {
    KeptAnswer {
        fingerprint: [1; 32],
        created_at: time(at),
        status: 201,
        version: Some(1),
        location: Some("/v2/clients/1".into()),
        body: Some(b"{\"name\":\"Acme\"}".to_vec()),
        made_id: client_id.map(|id| id.0),
        client_id,
        parent_id,
        permissions: [Permission::ClientsStatus, Permission::ClientsUpdate].into_iter().collect(),
    }
}

async fn found(tx: &mut Tx, scope: &Scope) -> Result<Option<KeptAnswer>, DbError> {
    Ok(match kept_answers::find(tx, scope).await? {
        Found::Answer(answer) => Some(*answer),
        Found::Nothing => None,
        Found::Taken => panic!("nobody else is there"),
    })
}

#[tokio::test]
async fn an_answer_is_of_one_scope_of_one_tenant() {
    let store = Store::new();
    let [ours, theirs] = [OURS, THEIRS].map(|which| tenant(which).id);
    let checked = store.write(async move |tx: &mut Tx| {
        let [own, same] = [answer(1, None, None), answer(2, None, None)];
        kept_answers::insert(tx, &scope(ours, 1), &own).await?;
        assert_eq!(found(tx, &scope(ours, 1)).await?, Some(own.clone()));
        assert_eq!(found(tx, &scope(ours, 2)).await?, None);
        assert_eq!(found(tx, &scope(theirs, 1)).await?, None);
        kept_answers::insert(tx, &scope(theirs, 1), &same).await?;
        kept_answers::remove(tx, &scope(theirs, 1)).await?;
        assert_eq!(found(tx, &scope(ours, 1)).await?, Some(own));
        assert_eq!(found(tx, &scope(theirs, 1)).await?, None);
        Ok(())
    });
    checked.await.expect("queries");
    let second = store.write(async move |tx: &mut Tx| {
        kept_answers::insert(tx, &scope(ours, 1), &answer(3, None, None)).await
    });
    let second = second.await.expect_err("one answer for each scope");
    assert!(second.is_unique("kept_answers_scope"), "{second:?}");
}

#[tokio::test]
async fn erasure_empties_what_shows_the_client_and_nothing_else() {
    let store = Store::new();
    let [ours, theirs] = [OURS, THEIRS].map(tenant);
    let checked = store.write(async move |tx: &mut Tx| {
        let [one, two] = [1, 2].map(|number| client(&ours, number).id);
        let other = client(&theirs, 1).id;
        let kept = [
            (scope(ours.id, 1), Some(one), None, true),
            (scope(ours.id, 2), Some(two), Some(one), true),
            (scope(ours.id, 3), Some(two), None, false),
            (scope(ours.id, 4), None, None, false),
            (scope(TenantId::SYSTEM, 1), Some(one), None, true),
            (scope(TenantId::SYSTEM, 2), Some(other), Some(one), true),
            (scope(TenantId::SYSTEM, 3), Some(other), None, false),
            (scope(theirs.id, 1), Some(other), None, false),
        ];
        for (scope, client, parent, _) in kept {
            kept_answers::insert(tx, &scope, &answer(1, client, parent)).await?;
        }
        // Who asks in another tenant's name empties nothing of it.
        kept_answers::scrub(tx, theirs.id, two).await?;
        kept_answers::scrub(tx, ours.id, one).await?;
        for (scope, client, parent, emptied) in kept {
            let mut expected = answer(1, client, parent);
            if emptied {
                (expected.body, expected.location) = (None, None);
            }
            assert_eq!(found(tx, &scope).await?, Some(expected), "{scope:?}");
        }
        Ok(())
    });
    checked.await.expect("queries");
}

#[tokio::test]
async fn what_is_old_is_forgotten_in_batches() {
    let store = Store::new();
    let [ours, theirs] = [OURS, THEIRS].map(|which| tenant(which).id);
    let filled = store.write(async move |tx: &mut Tx| {
        for at in 1..=6 {
            let whose = if at % 2 == 0 { ours } else { theirs };
            let scope = scope(whose, u8::try_from(at).expect("few"));
            kept_answers::insert(tx, &scope, &answer(at, None, None)).await?;
        }
        Ok(())
    });
    filled.await.expect("rows");
    let forget = async |limit: i64| {
        let forgotten = store.db.write(Repeat::Harmless, async move |tx: &mut Tx| {
            kept_answers::forget_across_tenants(tx, time(4), limit).await
        });
        forgotten.await.expect("a clean-up")
    };
    assert_eq!(forget(3).await, 3);
    let left = store.database.rows("SELECT count(*) FROM kept_answers");
    assert_eq!(left, [["3"]]);
    assert_eq!(forget(3).await, 1);
    assert_eq!(forget(3).await, 0);
    let left = store.write(async move |tx: &mut Tx| {
        Ok([
            found(tx, &scope(theirs, 5)).await?.is_some(),
            found(tx, &scope(ours, 6)).await?.is_some(),
        ])
    });
    assert_eq!(left.await.expect("rows"), [true, true]);
}
