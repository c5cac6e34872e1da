//! Slows down addresses that fail to log in again and again.
//!
//! Only failures count, and only failures are refused: behind one proxy, one caller's mistakes do
//! not lock the others out.

use super::rate_limit::{POLICY, STATE};
use axum::http::{HeaderMap, HeaderValue};
use governor::{DefaultKeyedRateLimiter, Quota};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

/// Failures an address has free; afterwards one a second.
const BURST: NonZeroU32 = NonZeroU32::new(30).expect("not zero");

/// The most addresses remembered at a time; further ones share a place.
const ADDRESSES: usize = 10_000;

/// Failed logins by address.
pub(crate) struct Throttle {
    failures: DefaultKeyedRateLimiter<IpAddr>,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        let quota = Quota::per_second(NonZeroU32::MIN).allow_burst(BURST);
        Self { failures: DefaultKeyedRateLimiter::keyed(quota) }
    }

    /// Counts a failure; `Err` says how long the address should wait.
    pub(crate) fn failed(&self, address: IpAddr) -> Result<(), Duration> {
        let mut key = network(address);
        if self.failures.len() >= ADDRESSES {
            self.failures.retain_recent();
            if self.failures.len() >= ADDRESSES {
                key = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        self.failures.check_key(&key).map_err(|until| {
            use governor::clock::{Clock as _, DefaultClock};
            until.wait_time_from(DefaultClock::default().now())
        })
    }
}

/// Tells of the limit to an address that has reached it, as `RateLimit::tell` does.
pub(crate) fn tell(headers: &mut HeaderMap) {
    // One failure comes back a second.
    let policy = format!("\"failed-logins\";q={BURST};w={BURST}");
    let state = format!("\"failed-logins\";r=0;t={BURST}");
    for (name, value) in [(&POLICY, policy), (&STATE, state)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

// One IPv6 customer usually has a /64 to draw addresses from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_beyond_the_burst_wait() {
        let throttle = Throttle::new();
        let address: IpAddr = "2001:db8::1".parse().expect("an address");
        let neighbour: IpAddr = "2001:db8::2".parse().expect("an address");
        let stranger: IpAddr = "192.0.2.1".parse().expect("an address");
        for _ in 0..BURST.get() {
            assert!(throttle.failed(address).is_ok());
        }
        assert!(throttle.failed(neighbour).is_err());
        assert!(throttle.failed(stranger).is_ok());
    }
}
