//! Tokens and secrets: what they are good for, and that they keep quiet.

use crate::make::time;
use clientbook_model::enrollment::{EnrollmentToken, EnrollmentTokenStatus as Status};
use clientbook_model::id::{ClientId, EnrollmentTokenId, TenantId};
use clientbook_model::secret::Secret;
use uuid::Uuid;

fn token(
    max_uses: Option<i64>,
    uses: i64,
    expires: Option<i64>,
    revoked: Option<i64>,
) -> EnrollmentToken {
    EnrollmentToken {
        id: EnrollmentTokenId(Uuid::from_u128(1)),
        tenant_id: TenantId(Uuid::from_u128(2)),
        client_id: ClientId(Uuid::from_u128(3)),
        value: "enroll_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6".to_owned(),
        description: None,
        site_id: None,
        max_uses,
        uses,
        expires_at: expires.map(time),
        created_at: time(0),
        revoked_at: revoked.map(time),
    }
}

#[test]
fn an_enrollment_token_ends_in_three_ways() {
    let now = time(1000);
    for (token, status, remaining) in [
        (token(None, 99, None, None), Status::Active, None),
        (token(Some(2), 1, Some(1001), None), Status::Active, Some(1)),
        (token(Some(2), 2, None, None), Status::Exhausted, Some(0)),
        (token(Some(2), 3, None, None), Status::Exhausted, Some(0)),
        (token(Some(2), 2, Some(1000), None), Status::Expired, Some(0)),
        (token(None, 0, Some(1000), Some(5)), Status::Revoked, None),
    ] {
        assert_eq!((token.status(now), token.remaining_uses()), (status, remaining), "{token:?}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let secret = Secret::new("cb_do_not_print");
    assert_eq!(format!("{secret:?} {:?}", secret.digest()), "[secret] [digest]");
    assert_eq!(secret.digest(), Secret::new("cb_do_not_print").digest());
    assert_ne!(secret.digest(), Secret::new("cb_do_not_prinT").digest());
}
