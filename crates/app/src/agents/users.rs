//! Users as agents see them on their devices, and how many a device may bring.

use super::Agent;
use crate::App;
use crate::env::Env;
use crate::error::AppError;
use clientbook_model::device_user::{
    DeviceUser, MAX_USERS_OF_DEVICE, UserKey, UserStatus, Username,
};
use clientbook_model::id::DeviceUserId;
use clientbook_model::telemetry::DayNumber;
use clientbook_model::time::Timestamp;
use clientbook_store::agents::{self, FoundUser};
use clientbook_store::software::DevicePlace;
use clientbook_store::{Tx, device_users};
use std::collections::HashSet;

/// A user with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenUser {
    /// What the device knows the user by.
    pub user_key: UserKey,
    /// The login name.
    pub username: Username,
}

/// How many more users a device may have, in a transaction that adds some.
pub(super) struct Room {
    place: DevicePlace,
    users: usize,
    stale: Timestamp,
}

impl Room {
    /// Who was last seen before `stale` gives way.
    pub(super) fn of(agent: &Agent, stale: Timestamp) -> Self {
        Self { place: agent.place(), users: agent.found.users.len(), stale }
    }

    /// Room for one more, if there is or can be any.
    pub(super) async fn make(&mut self, tx: &mut Tx) -> Result<bool, AppError> {
        if self.users < usize::from(MAX_USERS_OF_DEVICE) {
            self.users += 1;
            return Ok(true);
        }
        Ok(device_users::give_way(tx, &self.place, self.stale).await?)
    }
}

impl App {
    /// Who was last seen before this makes room for others: nothing that was collected of them is kept
    /// any more.
    pub(super) fn stale(&self) -> Timestamp {
        DayNumber::of(self.0.env.now()).before(self.0.retention_days).begin()
    }

    /// Takes out of `seen` those of whom nothing would be written: who is archived at the client, but
    /// was not seen on this device, and who is new where there is no room. They are looked for without a
    /// transaction: else each of their heartbeats would be a write.
    pub(super) async fn leave_out(
        &self,
        agent: &Agent,
        seen: &mut Vec<SeenUser>,
    ) -> Result<(), AppError> {
        let unknown = seen.iter().map(|seen| seen.user_key.as_str());
        let unknown = unknown.filter(|key| agent.found.user(key).is_none());
        let unknown: HashSet<String> = unknown.map(str::to_owned).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let (place, stale) = (agent.place(), self.stale());
        let is_full = agent.found.users.len() >= usize::from(MAX_USERS_OF_DEVICE);
        let left_out = self.0.db.lookup::<_, AppError, _>(async move |tx: &mut Tx| {
            if is_full && !device_users::has_stale(tx, &place, stale).await? {
                return Ok(unknown.clone());
            }
            let client = (place.tenant_id, place.client_id);
            Ok(device_users::archived(tx, client, unknown.iter()).await?)
        });
        let left_out = left_out.await?;
        seen.retain(|seen| !left_out.contains(seen.user_key.as_str()));
        Ok(())
    }
}

/// Whether a user who is on the device is to be written.
pub(super) fn is_new(known: Option<&FoundUser>, seen: &SeenUser) -> bool {
    known.is_none_or(|known| {
        known.status == UserStatus::Active && known.username != seen.username.as_str()
    })
}

/// Writes a user who is on the device; nothing of one who is archived, or for whom there is no room.
pub(super) async fn write_user(
    tx: &mut Tx,
    env: &Env,
    (agent, room): (&Agent, &mut Room),
    seen: &SeenUser,
) -> Result<(), AppError> {
    let place = agent.place();
    let client = (place.tenant_id, place.client_id);
    let holder = agents::key_holder(tx, client, &seen.user_key).await?;
    if holder.user.as_ref().is_some_and(|user| user.status != UserStatus::Active) {
        return Ok(());
    }
    let is_here = agent.found.user(seen.user_key.as_str()).is_some();
    if !is_here && !room.make(tx).await? {
        return Ok(());
    }
    let user = match holder.user {
        Some(user) => Some(user),
        // Of a deleted user's person, seen again, a new row starts.
        None => start(tx, env, &place, &seen.user_key, &seen.username).await?,
    };
    // Another server's agent may have been first, and an administrator second.
    let Some(user) = user.filter(|user| user.status == UserStatus::Active) else {
        return Ok(());
    };
    if user.username != seen.username.as_str() {
        device_users::set_username(tx, place.tenant_id, user.id, &seen.username).await?;
    }
    Ok(device_users::see(tx, place.tenant_id, place.device_id, user.id, env.now()).await?)
}

/// Starts a user; whoever has the key then.
pub(super) async fn start(
    tx: &mut Tx,
    env: &Env,
    place: &DevicePlace,
    user_key: &UserKey,
    username: &Username,
) -> Result<Option<FoundUser>, AppError> {
    let (now, client) = (env.now(), (place.tenant_id, place.client_id));
    let user = DeviceUser {
        id: DeviceUserId(env.uuid(now)),
        tenant_id: place.tenant_id,
        client_id: place.client_id,
        user_key: user_key.clone(),
        username: username.clone(),
        status: UserStatus::Active,
        desktop_at: None,
        web_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    // Another server may have been first.
    device_users::insert(tx, &user).await?;
    Ok(agents::key_holder(tx, client, user_key).await?.user)
}
