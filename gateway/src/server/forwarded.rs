//! Whose word is taken for where a request comes from: `TRUSTED_PROXIES`.

use hyper::header::{HeaderMap, HeaderName};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Each hop appends the address that it was called from; what stands to the left of the last hop that one trusts may
/// be anybody's invention.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that tell the truth about their clients. IPv4 in IPv6 (`::ffff:10.0.0.1`) is the IPv4 everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads nothing, or a list with commas of addresses and networks.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let networks = text.split(',').map(|network| parse_network(network.trim()));
        networks.collect::<Option<_>>().map(Self).ok_or_else(|| {
            "is not a list with commas of IP addresses and networks such as 10.0.0.0/8, ::1"
                .to_owned()
        })
    }

    /// Whether `address` is a trusted proxy's.
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Where a request comes from that `peer` has sent: the rightmost address of its `X-Forwarded-For` that is no trusted
    /// proxy's. Where that cannot be read, the last trusted hop; of a peer that is not trusted, the peer.
    pub fn client(&self, peer: IpAddr, request: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = request.get_all(FORWARDED_FOR).iter().rev();
        let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.trust(client) {
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
    // ClientLimiter are compared as IPv4, so that a network of the other spelling would match nobody.
    let address = network.addr();
    (address == address.to_canonical()).then_some(network)
}

/// Some proxies write the port too.
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
    fn a_stranger_is_who_called_whatever_it_says() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &["10.0.0.1", "::1"]), "192.0.2.1");
        assert_eq!(client("2001:db8::1", &[]), "2001:db8::1");
    }

    #[test]
    fn a_proxy_names_its_client_and_what_the_client_says_is_not_believed() {
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        let spoofed = ["203.0.113.9, 198.51.100.7"];
        assert_eq!(client("10.0.0.1", &spoofed), "198.51.100.7");
        let spoofed = ["203.0.113.9", "198.51.100.7"];
        assert_eq!(client("::1", &spoofed), "198.51.100.7");
        let spoofed = ["10.9.9.9, 198.51.100.7"];
        assert_eq!(client("10.0.0.1", &spoofed), "198.51.100.7");
    }

    #[test]
    fn in_a_chain_of_proxies_the_first_that_is_none_counts() {
        let chain = ["203.0.113.9 ,198.51.100.7,10.0.0.3", " 10.0.0.2 "];
        assert_eq!(client("10.0.0.1", &chain), "198.51.100.7");
        // All of them are ours: the one farthest away has asked.
        assert_eq!(client("10.0.0.1", &["10.0.0.3, ::1"]), "10.0.0.3");
    }

    #[test]
    fn what_cannot_be_read_leaves_the_last_hop_that_is_trusted() {
        for garbage in ["", ",", "unknown", "198.51.100", "198.51.100.7,", "x\u{ff}"] {
            assert_eq!(client("10.0.0.1", &[garbage]), "10.0.0.1", "{garbage}");
        }
        let chain = ["198.51.100.7, unknown, 10.0.0.2"];
        assert_eq!(client("10.0.0.1", &chain), "10.0.0.2");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn one_address_may_be_written_in_many_ways() {
        assert_eq!(client("::ffff:192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(client("::ffff:10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        for hop in ["192.0.2.1:4711", "::ffff:192.0.2.1", "::FFFF:C000:201"] {
            assert_eq!(client("10.0.0.1", &[hop]), "192.0.2.1", "{hop}");
        }
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        let proxies = TrustedProxies::parse("::ffff:10.0.0.1").unwrap();
        assert!(proxies.trust("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_list_is_of_addresses_and_networks() {
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
                proxies.trust(address.parse().unwrap()),
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
