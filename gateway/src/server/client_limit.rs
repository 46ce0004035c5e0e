//! Limits how many connections, and separately how many streams, one peer address may hold (`MAX_PER_ADDRESS`). Off by
//! default; without a limit nothing is counted or locked.
//!
//! Behind a balancer every peer is the balancer, so limits by client are the balancer's task.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The first 64 bits of an IPv6 address name a network. Clients choose the other bits themselves, new ones each day.
const NETWORK_MASK: u128 = !0 << 64;

/// Counts the connections and streams of each address.
#[derive(Debug)]
pub struct ClientLimiter {
    /// Per address; 0 means no limit.
    limit: u32,
    connections: Arc<Counts>,
    streams: Arc<Counts>,
}

/// A permit for one connection or stream of an address; empty if there is no limit. Released on drop.
#[derive(Debug, Default)]
pub struct ClientPermit(Option<(Arc<Counts>, IpAddr)>);

/// How many permits each address holds. An address without permits has no entry, so there are never more entries than
/// connections or streams.
#[derive(Debug, Default)]
struct Counts(Mutex<HashMap<IpAddr, u32>>);

impl ClientLimiter {
    /// Creates a limiter with `limit` connections and `limit` streams per address; 0 means no limit.
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            connections: Arc::default(),
            streams: Arc::default(),
        }
    }

    /// Returns a permit for a connection of `peer`, or `None` if `peer` is at its limit.
    pub fn try_acquire_connection(&self, peer: IpAddr) -> Option<ClientPermit> {
        self.try_acquire(&self.connections, peer)
    }

    /// Returns a permit for a stream of `peer`, or `None` if `peer` is at its limit.
    pub fn try_acquire_stream(&self, peer: IpAddr) -> Option<ClientPermit> {
        self.try_acquire(&self.streams, peer)
    }

    fn try_acquire(&self, counts: &Arc<Counts>, address: IpAddr) -> Option<ClientPermit> {
        if self.limit == 0 {
            return Some(ClientPermit::default());
        }
        let prefix = prefix(address);
        let mut map = counts.lock();
        let count = map.entry(prefix).or_default();
        // A new entry never stays at 0: the limit is at least 1.
        (*count < self.limit).then(|| {
            *count += 1;
            ClientPermit(Some((counts.clone(), prefix)))
        })
    }
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        // No code panics while it holds the lock, so a poisoned map would still be consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        if let Some((counts, prefix)) = self.0.take()
            && let Entry::Occupied(mut count) = counts.lock().entry(prefix)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// What counts as one address: the whole IPv4 address, or the first 64 bits of IPv6, the smallest network that a
/// household gets.
fn prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK_MASK).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_at_its_limit_gets_no_permit_until_one_is_released() {
        let limiter = ClientLimiter::new(2);
        let (one, two) = (ip("192.0.2.1"), ip("192.0.2.2"));
        let first = limiter.try_acquire_connection(one);
        let second = limiter.try_acquire_connection(one);
        assert!(first.is_some() && second.is_some());
        assert!(limiter.try_acquire_connection(one).is_none());
        let another = limiter.try_acquire_connection(two);
        // Streams have a limit of their own.
        let stream = limiter.try_acquire_stream(one);
        assert!(another.is_some() && stream.is_some());
        drop(first);
        let first = limiter.try_acquire_connection(one);
        assert!(first.is_some() && limiter.try_acquire_connection(one).is_none());
    }

    #[test]
    fn an_address_without_permits_has_no_entry() {
        let limiter = ClientLimiter::new(1);
        for last in 0..100 {
            let permit = limiter.try_acquire_connection(IpAddr::from([192, 0, 2, last]));
            assert!(permit.is_some());
            assert_eq!(limiter.connections.lock().len(), 1);
            let refused = limiter.try_acquire_connection(IpAddr::from([192, 0, 2, last]));
            assert!(refused.is_none());
        }
        assert!(limiter.connections.lock().is_empty());
    }

    #[test]
    fn addresses_are_compared_by_network_and_not_by_spelling() {
        for (one, other, same) in [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            let limiter = ClientLimiter::new(1);
            let _permit = limiter.try_acquire_connection(ip(one));
            let next = limiter.try_acquire_connection(ip(other));
            assert_eq!(next.is_none(), same, "{one} and {other}");
        }
    }

    #[test]
    fn nothing_is_counted_without_a_limit() {
        let limiter = ClientLimiter::new(0);
        for _ in 0..5 {
            let peer = ip("192.0.2.1");
            for permit in [
                limiter.try_acquire_connection(peer),
                limiter.try_acquire_stream(peer),
            ] {
                assert!(permit.expect("a permit").0.is_none());
            }
        }
    }
}
