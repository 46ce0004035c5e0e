//! Finds the address of the client behind trusted proxies (`TRUSTED_PROXIES`).

use hyper::header::{HeaderMap, HeaderName};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Each proxy appends the address of its peer. Only the addresses that trusted proxies appended are reliable; a client
/// may invent everything to the left of them.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose `X-Forwarded-For` is trusted. An IPv4 address in IPv6 (`::ffff:10.0.0.1`) is treated as IPv4.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Parses a comma-separated list of addresses and networks; an empty text trusts nobody.
    ///
    /// # Errors
    /// Describes the expected format.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let networks = text.split(',').map(|network| parse_network(network.trim()));
        networks.collect::<Option<_>>().map(Self).ok_or_else(|| {
            "is not a comma-separated list of IP addresses and networks such as 10.0.0.0/8, ::1"
                .to_owned()
        })
    }

    /// Returns whether `address` belongs to a trusted proxy.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the client of a request that `peer` has sent: the rightmost address in `X-Forwarded-For` that is not a
    /// trusted proxy. If the next hop is missing or invalid, returns the last trusted one. If `peer` is not trusted,
    /// returns `peer`.
    pub fn client(&self, peer: IpAddr, request: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = request.get_all(FORWARDED_FOR).iter().rev();
        let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.contains(client) {
            match hops.next().and_then(parse_hop) {
                Some(hop) => client = hop,
                None => break,
            }
        }
        client
    }
}

fn parse_network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical().into());
    }
    let network: IpNet = text.parse().ok()?;
    // Addresses are compared as IPv4, so a network in the IPv6 spelling would match nothing.
    let address = network.addr();
    (address == address.to_canonical()).then_some(network)
}

/// Parses one hop. Some proxies append the port.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let with_port = |_| hop.parse().map(|address: SocketAddr| address.ip());
    let address = hop.parse().or_else(with_port).ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn client(peer: &str, lines: &[&str]) -> String {
        let proxies = TrustedProxies::parse("10.0.0.0/8, ::1").unwrap();
        let mut request = HeaderMap::new();
        for line in lines {
            request.append(
                FORWARDED_FOR,
                HeaderValue::from_bytes(line.as_bytes()).unwrap(),
            );
        }
        proxies.client(peer.parse().unwrap(), &request).to_string()
    }

    #[test]
    fn the_header_of_an_untrusted_peer_is_ignored() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &["10.0.0.1", "::1"]), "192.0.2.1");
        assert_eq!(client("2001:db8::1", &[]), "2001:db8::1");
    }

    #[test]
    fn the_last_hop_before_the_trusted_proxy_is_the_client() {
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        let spoofed = ["203.0.113.9, 198.51.100.7"];
        assert_eq!(client("10.0.0.1", &spoofed), "198.51.100.7");
        let spoofed = ["203.0.113.9", "198.51.100.7"];
        assert_eq!(client("::1", &spoofed), "198.51.100.7");
        let spoofed = ["10.9.9.9, 198.51.100.7"];
        assert_eq!(client("10.0.0.1", &spoofed), "198.51.100.7");
    }

    #[test]
    fn trusted_proxies_in_a_chain_are_skipped() {
        let chain = ["203.0.113.9 ,198.51.100.7,10.0.0.3", " 10.0.0.2 "];
        assert_eq!(client("10.0.0.1", &chain), "198.51.100.7");
        // If all hops are trusted, the farthest one is the client.
        assert_eq!(client("10.0.0.1", &["10.0.0.3, ::1"]), "10.0.0.3");
    }

    #[test]
    fn an_invalid_hop_yields_the_last_trusted_hop() {
        for garbage in ["", ",", "unknown", "198.51.100", "198.51.100.7,", "x\u{ff}"] {
            assert_eq!(client("10.0.0.1", &[garbage]), "10.0.0.1", "{garbage}");
        }
        let chain = ["198.51.100.7, unknown, 10.0.0.2"];
        assert_eq!(client("10.0.0.1", &chain), "10.0.0.2");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn ports_and_ipv6_spellings_of_ipv4_are_understood() {
        assert_eq!(client("::ffff:192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(client("::ffff:10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        for hop in ["192.0.2.1:4711", "::ffff:192.0.2.1", "::FFFF:C000:201"] {
            assert_eq!(client("10.0.0.1", &[hop]), "192.0.2.1", "{hop}");
        }
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        let proxies = TrustedProxies::parse("::ffff:10.0.0.1").unwrap();
        assert!(proxies.contains("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn parses_addresses_and_networks() {
        assert_eq!(TrustedProxies::parse(" "), Ok(TrustedProxies::default()));
        let proxies = TrustedProxies::parse("192.0.2.7,2001:db8::/32 , 10.0.0.0/8").unwrap();
        for (address, trusted) in [
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8:9::1", true),
            ("2001:db9::1", false),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
        ] {
            assert_eq!(
                proxies.contains(address.parse().unwrap()),
                trusted,
                "{address}"
            );
        }
        for text in [
            "proxy.example",
            "10.0.0.0/33",
            "10.0.0.1:80",
            "10.0.0.1,",
            "10.0.0.1 10.0.0.2",
            "*",
            "::ffff:10.0.0.0/104",
        ] {
            assert!(TrustedProxies::parse(text).is_err(), "{text}");
        }
    }
}
