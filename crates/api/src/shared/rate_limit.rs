//! How often each caller may call: so many requests a minute, all of them at once if it likes.
//!
//! What is kept of a caller is one number: when its allowance is whole again (GCRA). Every request
//! moves it on by a minute's share; it may not lie more than a minute ahead.

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue};
use clientbook_model::principal::Principal;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the number of requests is for.
pub(crate) const WINDOW: Duration = Duration::from_mins(1);

/// Callers do not wait for each other's numbers.
const SHARDS: usize = 64;

/// The most callers of a shard whose number is kept: 65,536 in all, a few MiB.
const CALLERS: usize = 1_024;

pub(crate) static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(crate) static STATE: HeaderName = HeaderName::from_static("ratelimit");

/// The allowances of all callers.
pub(crate) struct RateLimit {
    quota: u64,
    /// A request's share of the window.
    share: u64,
    names: RandomState,
    /// Nanoseconds on the server's clock at which a caller's allowance is whole again.
    shards: Vec<Mutex<HashMap<u64, u64>>>,
    policy: HeaderValue,
}

/// What a caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Requests.
    pub(crate) left: u64,
    /// Until all of it is there again.
    pub(crate) whole_in: Duration,
    /// Until the next request is let in, if this one was not.
    pub(crate) wait: Option<Duration>,
}

impl RateLimit {
    pub(crate) fn new(requests: NonZeroU32) -> Self {
        let quota = u64::from(requests.get());
        let seconds = WINDOW.as_secs();
        let policy = format!("\"default\";q={quota};w={seconds}");
        let policy = HeaderValue::try_from(policy);
        Self {
            quota,
            share: (nanos(WINDOW) / quota).max(1),
            names: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            policy: policy.unwrap_or(HeaderValue::from_static("\"default\"")),
        }
    }

    /// Counts a request; `None` where so many callers are busy that this one is not counted.
    pub(crate) fn take(&self, principal: &Principal, now: Duration) -> Option<Allowance> {
        self.take_for(principal.actor.kind.as_str(), &principal.actor.id, now)
    }

    /// The same, for whatever is told apart by kind and id.
    pub(crate) fn take_for(&self, kind: &str, id: &str, now: Duration) -> Option<Allowance> {
        let name = self.names.hash_one((kind, id));
        let shard = usize::try_from(name % SHARDS as u64).unwrap_or(0);
        let mut callers = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let now = nanos(now);
        let known = callers.get(&name).copied();
        if known.is_none() && callers.len() >= CALLERS {
            // Whoever's allowance is whole is as good as unknown.
            callers.retain(|_, whole| *whole > now);
            if callers.len() >= CALLERS {
                return None;
            }
        }
        let before = known.unwrap_or(now).max(now);
        let after = before + self.share;
        let most = now + self.share * self.quota;
        let (whole, wait) = if after > most {
            (before, Some(Duration::from_nanos(after - most)))
        } else {
            callers.insert(name, after);
            (after, None)
        };
        let left = (most - whole) / self.share;
        Some(Allowance { left, whole_in: Duration::from_nanos(whole - now), wait })
    }

    /// Tells a caller, in the fields of draft-ietf-httpapi-ratelimit-headers-10.
    pub(crate) fn tell(&self, headers: &mut HeaderMap, allowance: Allowance) {
        let (left, seconds) = (allowance.left, whole_seconds(allowance.whole_in));
        if let Ok(state) = HeaderValue::try_from(format!("\"default\";r={left};t={seconds}")) {
            headers.insert(&POLICY, self.policy.clone());
            headers.insert(&STATE, state);
        }
    }
}

/// Whole seconds, of which the last may have begun.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clientbook_model::principal::{Actor, ActorKind, Permissions, Reach};

    fn principal(id: &str) -> Principal {
        Principal {
            actor: Actor { kind: ActorKind::ApiToken, id: id.into(), name: "A token".into() },
            reach: Reach::Everywhere,
            permissions: Permissions::ALL,
            clients: None,
            org_id: None,
            project_id: None,
            expires_at: None,
        }
    }

    fn limit(requests: u32) -> RateLimit {
        RateLimit::new(NonZeroU32::new(requests).expect("some"))
    }

    #[test]
    fn a_minutes_requests_may_come_at_once_and_come_back_one_by_one() {
        let (limit, caller) = (limit(6), principal("a"));
        let mut now = Duration::from_secs(1_000_000);
        for left in (0..6).rev() {
            let allowance = limit.take(&caller, now).expect("counted");
            let whole_in = Duration::from_secs(10 * (6 - left));
            assert_eq!(allowance, Allowance { left, whole_in, wait: None });
        }
        let refused = limit.take(&caller, now).expect("counted");
        assert_eq!((refused.left, refused.wait), (0, Some(Duration::from_secs(10))));
        now += Duration::from_millis(9_999);
        let refused = limit.take(&caller, now).expect("counted");
        assert_eq!(refused.wait, Some(Duration::from_millis(1)));
        now += Duration::from_millis(1);
        assert_eq!(limit.take(&caller, now).expect("counted").wait, None);
        assert!(limit.take(&caller, now).expect("counted").wait.is_some());
        now += WINDOW;
        assert_eq!(limit.take(&caller, now).expect("counted").left, 5);
    }

    #[test]
    fn any_limit_lets_in_what_it_says() {
        for requests in [1, 7, 59, 600, 999_983] {
            let (limit, caller) = (limit(requests), principal("a"));
            let now = Duration::from_secs(7);
            let allowed = |_: &u32| limit.take(&caller, now).expect("counted").wait.is_none();
            let let_in = (0..requests + 10).take_while(allowed).count();
            assert_eq!(let_in, usize::try_from(requests).expect("few"), "{requests}");
        }
    }

    #[test]
    fn callers_do_not_count_for_each_other_and_take_bounded_room() {
        let limit = limit(2);
        let now = Duration::from_secs(5);
        let kept = || limit.shards.iter().map(|shard| shard.lock().expect("one").len());
        for caller in 0..200_000 {
            let taken = limit.take(&principal(&caller.to_string()), now);
            assert!(taken.is_none_or(|allowance| allowance.wait.is_none() && allowance.left == 1));
        }
        assert!(kept().all(|count| count <= CALLERS));
        assert!(kept().sum::<usize>() > SHARDS * CALLERS / 2);
        // A minute later they have made room.
        let later = now + WINDOW;
        for caller in 0..50_000 {
            limit.take(&principal(&format!("later {caller}")), later).expect("counted");
        }
    }
}
