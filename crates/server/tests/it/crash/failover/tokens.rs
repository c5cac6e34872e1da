//! Calls that make something new each time: done twice, they would be there twice.

use super::super::model::{Found, Open};
use super::cluster::Cluster;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a call to make a token was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Yes,
    No,
    /// It may be there.
    Perhaps,
}

/// Every call so far, by the number that is in the token's name.
#[derive(Default)]
pub(super) struct Tokens {
    calls: BTreeMap<u64, Made>,
}

impl Tokens {
    /// The next call; nobody knows what becomes of it.
    pub(super) fn next(&mut self) -> (u64, Value) {
        let number = self.calls.last_key_value().map_or(1, |(last, _)| last + 1);
        self.calls.insert(number, Made::Perhaps);
        (number, json!({ "name": name(number), "tenant": "tenant123", "role": "viewer" }))
    }

    /// What a call was told.
    pub(super) fn told(&mut self, number: u64, made: Made) {
        self.calls.insert(number, made);
    }

    /// Compares all of them with what is there; how many that is.
    pub(super) fn compare(&self, cluster: &Cluster, found: &mut Found) -> u64 {
        let sql = "SELECT t.name, count(*), count(c.id) FROM api_tokens t
            LEFT JOIN credentials c ON c.id = t.id WHERE t.name LIKE 'failover %' GROUP BY t.name";
        let mut there: BTreeMap<String, u64> = BTreeMap::new();
        for row in cluster.rows(sql) {
            let number = |text: &str| text.parse::<u64>().expect("a count");
            if row[1] != row[2] {
                found.half(format!("{}: {} tokens, {} credentials", row[0], row[1], row[2]));
            }
            there.insert(row[0].clone(), number(&row[1]));
        }
        for (number, made) in &self.calls {
            let name = name(*number);
            let count = there.get(&name).copied().unwrap_or_default();
            match made {
                Made::Yes => found.count(&name, 1, count, Open::MustNot),
                Made::No => found.count(&name, 0, count, Open::MustNot),
                Made::Perhaps => found.count(&name, 0, count, Open::MayStand),
            }
        }
        there.values().sum()
    }
}

fn name(number: u64) -> String {
    format!("failover {number}")
}
