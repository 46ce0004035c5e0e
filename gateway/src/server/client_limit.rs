//! How much one client address may hold: `MAX_PER_ADDRESS` connections, and as many streams besides. Off unless it is
//! set; then nothing is counted, parsed or locked.
//!
//! A connection counts for its peer, unless that is a trusted proxy: whose connections those are is not known before
//! a head has come, and then they may serve many. A stream counts for its client, by the proxy's word if there is one.
//! Reads are not counted.

use crate::server::forwarded::TrustedProxies;
use hyper::header::HeaderMap;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The part of an IPv6 address that names a site; the rest its clients choose for themselves, a new one each day.
const SITE: u128 = !0 << 64;

/// The places of each address.
#[derive(Debug)]
pub struct ClientLimiter {
    /// For each address; 0 is no limit.
    limit: u32,
    proxies: TrustedProxies,
    connections: Arc<Counts>,
    streams: Arc<Counts>,
}

/// A place that counts for an address, or for none; given back when it is dropped.
#[derive(Debug, Default)]
pub struct ClientPermit(Option<(Arc<Counts>, IpAddr)>);

/// How many places an address holds. Who holds none is not in it, so that it never has more entries than there are
/// connections, or streams.
#[derive(Debug, Default)]
struct Counts(Mutex<HashMap<IpAddr, u32>>);

impl ClientLimiter {
    /// `limit` places for each address, or 0 for no limit.
    pub fn new(limit: u32, proxies: TrustedProxies) -> Self {
        Self {
            limit,
            proxies,
            connections: Arc::default(),
            streams: Arc::default(),
        }
    }

    /// A place for a connection, unless its peer has all that it may.
    pub fn try_acquire_connection(&self, peer: IpAddr) -> Option<ClientPermit> {
        if self.limit == 0 || self.proxies.trust(peer) {
            return Some(ClientPermit::default());
        }
        self.admit(&self.connections, peer)
    }

    /// A place for a stream that `peer` asks for with `request`, unless its client has all that it may.
    pub fn try_acquire_stream(&self, peer: IpAddr, request: &HeaderMap) -> Option<ClientPermit> {
        if self.limit == 0 {
            return Some(ClientPermit::default());
        }
        self.admit(&self.streams, self.proxies.client(peer, request))
    }

    fn admit(&self, counts: &Arc<Counts>, address: IpAddr) -> Option<ClientPermit> {
        let site = site(address);
        let mut held = counts.lock();
        let places = held.entry(site).or_default();
        // An entry that is made here is counted at once: there is a place for the first.
        (*places < self.limit).then(|| {
            *places += 1;
            ClientPermit(Some((counts.clone(), site)))
        })
    }
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        // Nothing can panic in between.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        if let Some((counts, site)) = self.0.take()
            && let Entry::Occupied(mut places) = counts.lock().entry(site)
        {
            *places.get_mut() -= 1;
            if *places.get() == 0 {
                places.remove();
            }
        }
    }
}

/// What counts as one address: of IPv6 the first 64 bits, which is the least that a household is given.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & SITE).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(limit: u32) -> ClientLimiter {
        ClientLimiter::new(limit, TrustedProxies::parse("10.0.0.0/8").unwrap())
    }

    fn forwarded(client: &'static str) -> HeaderMap {
        [("x-forwarded-for", client)]
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .into_iter()
            .collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_has_all_places_gets_none_until_one_is_given_back() {
        let addresses = addresses(2);
        let (one, two) = (ip("192.0.2.1"), ip("192.0.2.2"));
        let first = addresses.try_acquire_connection(one);
        let second = addresses.try_acquire_connection(one);
        assert!(first.is_some() && second.is_some());
        assert!(addresses.try_acquire_connection(one).is_none());
        let another = addresses.try_acquire_connection(two);
        // Streams are counted by themselves.
        let stream = addresses.try_acquire_stream(one, &HeaderMap::new());
        assert!(another.is_some() && stream.is_some());
        drop(first);
        let first = addresses.try_acquire_connection(one);
        assert!(first.is_some() && addresses.try_acquire_connection(one).is_none());
    }

    #[test]
    fn nothing_is_kept_of_who_has_left() {
        let addresses = addresses(1);
        for last in 0..100 {
            let place = addresses.try_acquire_connection(IpAddr::from([192, 0, 2, last]));
            assert!(place.is_some());
            assert_eq!(addresses.connections.lock().len(), 1);
            let refused = addresses.try_acquire_connection(IpAddr::from([192, 0, 2, last]));
            assert!(refused.is_none());
        }
        assert!(addresses.connections.lock().is_empty());
    }

    #[test]
    fn a_proxy_may_hold_any_number_and_its_clients_may_not() {
        let addresses = addresses(1);
        let proxy = ip("10.0.0.1");
        let connections = [(); 5].map(|()| addresses.try_acquire_connection(proxy));
        assert!(connections.iter().all(Option::is_some));
        let stream = addresses.try_acquire_stream(proxy, &forwarded("192.0.2.1"));
        assert!(stream.is_some());
        for (client, served) in [("192.0.2.1", false), ("192.0.2.2", true)] {
            let place = addresses.try_acquire_stream(proxy, &forwarded(client));
            assert_eq!(place.is_some(), served, "{client}");
        }
        // The same client, past the proxy.
        let direct = addresses.try_acquire_stream(ip("192.0.2.1"), &forwarded("192.0.2.3"));
        assert!(direct.is_none());
    }

    #[test]
    fn a_household_is_one_and_so_are_two_spellings() {
        for (one, other, same) in [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            let addresses = addresses(1);
            let _place = addresses.try_acquire_connection(ip(one));
            let next = addresses.try_acquire_connection(ip(other));
            assert_eq!(next.is_none(), same, "{one} and {other}");
        }
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let addresses = addresses(0);
        let places = [(); 5].map(|()| {
            let peer = ip("192.0.2.1");
            let connection = addresses.try_acquire_connection(peer).unwrap();
            (
                connection,
                addresses.try_acquire_stream(peer, &HeaderMap::new()),
            )
        });
        assert!(places.iter().all(|(connection, stream)| {
            connection.0.is_none() && stream.as_ref().is_some_and(|stream| stream.0.is_none())
        }));
    }
}
