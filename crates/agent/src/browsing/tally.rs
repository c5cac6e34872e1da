//! How many visits a domain had on a day, for a bounded number of domains.

use crate::env::Millis;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

pub(super) const DAY: Millis = 86_400_000;
/// Domains of a user and a day; visits to others are not counted. Nobody goes to so many, but a file
/// may say so.
pub(super) const MOST: usize = 1_000;

/// Visits by domain and day.
pub(super) type Visits = BTreeMap<(String, Millis), u32>;

/// Which domains each user has been to on each day, as far as the agent has counted since it started.
/// Domains are kept as digests: they need only be told apart.
#[derive(Debug, Default)]
pub(super) struct Known {
    domains: BTreeMap<(String, Millis), HashSet<u64>>,
    state: RandomState,
}

impl Known {
    /// Forgets days before this one.
    pub(super) fn forget_before(&mut self, day: Millis) {
        self.domains.retain(|(_, at), _| *at >= day);
    }

    /// Counts a visit; false if the domain is one too many.
    pub(super) fn count(
        &mut self,
        visits: &mut Visits,
        user_key: &str,
        domain: String,
        day: Millis,
    ) -> bool {
        if let Some(count) = visits.get_mut(&(domain.clone(), day)) {
            *count = count.saturating_add(1);
            return true;
        }
        let digest = self.state.hash_one(&domain);
        let known = self.domains.entry((user_key.to_owned(), day)).or_default();
        if known.len() >= MOST && !known.contains(&digest) {
            return false;
        }
        known.insert(digest);
        visits.insert((domain, day), 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_domain_too_many_is_not_counted() {
        let (mut known, mut visits) = (Known::default(), Visits::new());
        let mut count = |user: &str, domain: usize, day| {
            known.count(&mut visits, user, format!("{domain}.example"), day)
        };
        for domain in 0..MOST {
            assert!(count("uid:1", domain, 0));
        }
        assert!(!count("uid:1", MOST, 0));
        assert!(count("uid:1", 7, 0));
        assert!(count("uid:1", MOST, DAY));
        assert_eq!(visits.len(), MOST + 1);
        assert_eq!(visits[&("7.example".to_owned(), 0)], 2);
        // The next look, on the same day and of another user.
        let mut visits = Visits::new();
        assert!(!known.count(&mut visits, "uid:1", "new.example".into(), 0));
        assert!(known.count(&mut visits, "uid:1", "7.example".into(), 0));
        assert!(known.count(&mut visits, "uid:2", "new.example".into(), 0));
        known.forget_before(DAY);
        assert!(known.count(&mut visits, "uid:1", "new.example".into(), 0));
    }
}
