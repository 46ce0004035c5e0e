//! Parses `REDIS_URL`. No error shows a part of it, because any part may be that of a password.

use fred::types::config::{ClusterDiscoveryPolicy, Config, Server, ServerConfig};
use std::path::PathBuf;
use url::Url;

/// How to encode the characters that end a part of a URL.
const ENCODING_HELP: &str =
    "in a user or password write %3A for :, %40 for @, %2F for /, %3F for ?, %23 for #, %25 for %";

const PORT: u16 = 6_379;
const SENTINEL_PORT: u16 = 26_379;

/// What a URL names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server,
    Sentinel,
    Cluster,
    Socket,
}

/// The parameters behind `?`.
#[derive(Default)]
struct Parameters {
    nodes: Vec<Server>,
    service_name: Option<String>,
    sentinel_username: Option<String>,
    sentinel_password: Option<String>,
    database: Option<u8>,
}

/// Returns the client's configuration without TLS, and whether the URL asks for TLS.
///
/// # Errors
/// What is wrong and how to fix it.
pub(super) fn parse(text: &str) -> Result<(Config, bool), String> {
    let (scheme, rest) = text.split_once(':').ok_or_else(invalid)?;
    let scheme = scheme.to_ascii_lowercase();
    let is_encrypted = scheme.starts_with("rediss");
    let kind = match scheme
        .strip_prefix("rediss")
        .or(scheme.strip_prefix("redis"))
    {
        Some("") => Kind::Server,
        Some("-sentinel") => Kind::Sentinel,
        Some("-cluster") => Kind::Cluster,
        Some("+unix") if is_encrypted => {
            return Err("uses TLS over a socket of this machine: write unix:///PATH".to_owned());
        }
        Some("+unix") => Kind::Socket,
        None if scheme == "unix" => Kind::Socket,
        _ => return Err(invalid()),
    };
    // An unencoded `#` would begin a fragment.
    if rest.contains('#') {
        return Err(cut_off());
    }
    // Everywhere a plus is a plus, as people expect who did not read about forms.
    let rest = rest.replace('+', "%2B");
    let config = match kind {
        Kind::Socket => parse_socket(&rest)?,
        _ => parse_hosts(rest.strip_prefix("//").ok_or_else(invalid)?, kind)?,
    };
    if config.username.is_some() && config.password.is_none() {
        return Err(
            "has a user without a password: write redis://USER:PASSWORD@HOST:PORT, \
             or redis://:PASSWORD@HOST:PORT for the default user"
                .to_owned(),
        );
    }
    Ok((config, is_encrypted))
}

/// Parses what follows `redis://`.
fn parse_hosts(rest: &str, kind: Kind) -> Result<Config, String> {
    let mut url = Url::parse(&format!("redis://{rest}")).map_err(|_| {
        // An unencoded `/` or `?` in a password ends the host, and the rest would be ignored.
        let (authority, others) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if others.contains('@') {
            cut_off()
        } else if host.matches(':').count() > 1 && !host.contains('[') {
            format!("is not a Redis URL: write an IPv6 address in brackets, such as redis://[::1]:6379; {ENCODING_HELP}")
        } else {
            invalid()
        }
    })?;
    if url.path().contains('@') {
        return Err(cut_off());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(invalid());
    }
    if kind == Kind::Cluster && !matches!(url.path(), "" | "/" | "/0") {
        return Err("names a database: a cluster has database 0 only".to_owned());
    }
    let database = url.path().trim_matches('/');
    if !database.is_empty() && database.parse::<u8>().is_err() {
        return Err(format!(
            "has something else than a database number after the host: write 0 to 255, such as \
             redis://127.0.0.1:6379/1; {ENCODING_HELP}"
        ));
    }
    let parameters = Parameters::parse(&url, kind)?;
    url.set_query(None);
    if kind == Kind::Sentinel && url.port().is_none() {
        let set = url.set_port(Some(SENTINEL_PORT));
        set.map_err(|()| invalid())?;
    }
    let mut config = Config::from_url_centralized(url.as_str()).map_err(|_| invalid())?;
    let mut hosts = config.server.hosts();
    hosts.extend(parameters.nodes);
    let hosts: Vec<Server> = hosts.into_iter().map(with_tls_name).collect();
    config.server = match kind {
        Kind::Cluster => ServerConfig::Clustered {
            hosts,
            policy: ClusterDiscoveryPolicy::default(),
        },
        Kind::Sentinel => ServerConfig::Sentinel {
            hosts,
            service_name: parameters.service_name.ok_or(
                "names no service: write redis-sentinel://HOST:26379/0?sentinelServiceName=NAME",
            )?,
            username: parameters.sentinel_username,
            password: parameters.sentinel_password,
        },
        Kind::Server | Kind::Socket => {
            let [server] = <[Server; 1]>::try_from(hosts).map_err(|_| invalid())?;
            ServerConfig::Centralized { server }
        }
    };
    Ok(config)
}

/// Parses what follows `unix:`: a path, or `//`, possibly `USER:PASSWORD@`, and a path; possibly `?db=NUMBER`.
fn parse_socket(rest: &str) -> Result<Config, String> {
    let wanted = || {
        format!(
            "is not the URL of a socket such as unix:///run/redis/redis.sock or \
                 unix://USER:PASSWORD@/run/redis/redis.sock?db=1; {ENCODING_HELP}"
        )
    };
    let (account, path) = match rest.strip_prefix("//") {
        None => ("", rest),
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').ok_or_else(wanted)?);
            let account = authority.strip_suffix("localhost").unwrap_or(authority);
            if !account.is_empty() && !account.ends_with('@') {
                return Err(wanted());
            }
            (account, path)
        }
    };
    if !path.starts_with('/') {
        return Err(wanted());
    }
    let mut url = Url::parse(&format!("redis://{account}localhost{path}")).map_err(|_| wanted())?;
    let parameters = Parameters::parse(&url, Kind::Socket)?;
    let path = Url::parse(&format!("file://{}", url.path())).map_err(|_| wanted())?;
    let path: PathBuf = path.to_file_path().map_err(|()| wanted())?;
    url.set_query(None);
    url.set_path("");
    let mut config = Config::from_url_centralized(url.as_str()).map_err(|_| wanted())?;
    config.server = ServerConfig::Unix { path };
    config.database = parameters.database;
    Ok(config)
}

impl Parameters {
    fn parse(url: &Url, kind: Kind) -> Result<Self, String> {
        let mut parameters = Self::default();
        for (name, value) in url.query_pairs() {
            match (&*name, kind) {
                ("node", Kind::Sentinel) => {
                    parameters.nodes.push(parse_node(&value, SENTINEL_PORT)?);
                }
                ("node", Kind::Cluster) => parameters.nodes.push(parse_node(&value, PORT)?),
                ("sentinelServiceName", Kind::Sentinel) => {
                    parameters.service_name = Some(value.into_owned());
                }
                ("sentinelUsername", Kind::Sentinel) => {
                    parameters.sentinel_username = Some(value.into_owned());
                }
                ("sentinelPassword", Kind::Sentinel) => {
                    parameters.sentinel_password = Some(value.into_owned());
                }
                ("db", Kind::Socket) => {
                    let number = value
                        .parse()
                        .map_err(|_| "has no database number after ?db=: write 0 to 255");
                    parameters.database = Some(number?);
                }
                _ => return Err(cut_off()),
            }
        }
        Ok(parameters)
    }
}

/// Parses the value of `node`: a host and possibly a port.
fn parse_node(text: &str, default_port: u16) -> Result<Server, String> {
    let wanted = || {
        "has a node that is not HOST:PORT: write ?node=HOST:PORT&node=HOST:PORT, an IPv6 address in brackets"
            .to_owned()
    };
    let url = Url::parse(&format!("redis://{text}")).map_err(|_| wanted())?;
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(wanted)?;
    let port = url.port().unwrap_or(default_port);
    if text != host && text != format!("{host}:{port}") {
        return Err(wanted());
    }
    Ok(Server::new(host, port))
}

/// Sets the name that the certificate of an IPv6 address must have: the address without brackets.
fn with_tls_name(mut server: Server) -> Server {
    let inner = server.host.strip_prefix('[');
    if let Some(address) = inner.and_then(|host| host.strip_suffix(']')) {
        server.tls_server_name = Some(address.into());
    }
    server
}

fn invalid() -> String {
    format!("is not a Redis URL such as redis://127.0.0.1:6379; {ENCODING_HELP}")
}

/// Something follows the host that has no meaning there: most likely the end of a password.
fn cut_off() -> String {
    format!(
        "has something after the host that is not known, perhaps the end of a password: {ENCODING_HELP}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_validated_and_never_shown_in_errors() {
        for good in [
            "redis://127.0.0.1:6379",
            "REDIS://127.0.0.1",
            "redis://[::1]:6379/0",
            "rediss://:secret@redis.example:6380/2",
            "redis-sentinel://127.0.0.1:26379/0?sentinelServiceName=main",
            "redis-sentinel://h/0?sentinelServiceName=main&sentinelPassword=a@b",
            "redis-cluster://127.0.0.1:7000?node=127.0.0.1:7001",
            "redis-cluster://127.0.0.1:7000/0",
            "redis-cluster://[::1]:7000?node=[::1]:7001&node=h",
            "unix:/run/redis.sock",
            "redis+unix://u:secret@localhost/run/redis.sock?db=3",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for (bad, expected) in [
            ("", "such as redis://127.0.0.1:6379"),
            ("127.0.0.1", "such as redis://"),
            ("http://:hunter2@127.0.0.1", "such as redis://"),
            ("redisss://:hunter2@127.0.0.1", "such as redis://"),
            ("redis-ring://:hunter2@127.0.0.1", "such as redis://"),
            ("redis://:hunter2@127.0.0.1:port", "such as redis://"),
            ("redis://:hunter2@127.0.0.1/zero", "such as redis://"),
            ("redis://:hunter2@::1:6379", "such as redis://"),
            ("redis://:hunter2/x@127.0.0.1", "%2F for /"),
            ("redis://hunter2:1/x@127.0.0.1", "%2F for /"),
            ("redis-cluster://hunter2:1/x@127.0.0.1", "%2F for /"),
            ("redis://:hunter2?x@127.0.0.1", "%3F for ?"),
            ("redis://hunter2:1?x@127.0.0.1", "%3F for ?"),
            ("redis://hunter2:1?x=y@127.0.0.1", "%3F for ?"),
            ("redis://:hunter2#x@127.0.0.1", "%23 for #"),
            ("redis://hunter2:1#x@127.0.0.1", "%23 for #"),
            ("redis://:12/hunter2@127.0.0.1", "%2F for /"),
            ("redis://127.0.0.1?hunter2", "%3F for ?"),
            ("redis://127.0.0.1?node=hunter2", "%3F for ?"),
            (
                "redis-sentinel://h?sentinelServiceName=m&sentinelPassword=a&hunter2",
                "%3F for ?",
            ),
            (
                "redis-sentinel://h?sentinelPassword=hunter2",
                "names no service",
            ),
            (
                "redis-cluster://h?node=::1:7001",
                "HOST:PORT&node=HOST:PORT",
            ),
            (
                "redis-cluster://h?node=hunter2:x",
                "HOST:PORT&node=HOST:PORT",
            ),
            (
                "redis-cluster://h?node=u:hunter2@h",
                "HOST:PORT&node=HOST:PORT",
            ),
            ("redis://::1:6379", "brackets"),
            ("redis:///1", "such as redis://"),
            ("redis://:hunter2@h/256", "write 0 to 255"),
            ("redis://:hunter2@h/-1", "write 0 to 255"),
            ("unix://run/hunter2.sock", "unix:///run/redis"),
            ("unix:hunter2.sock", "unix:///run/redis"),
            ("unix://:hunter2/x@/run/redis.sock", "%2F for /"),
            ("unix:///run/redis.sock?db=hunter2", "write 0 to 255"),
            ("unix:///run/redis.sock?hunter2", "%3F for ?"),
            ("rediss+unix:///hunter2.sock", "unix:///PATH"),
            ("redis://:hunter2%ff@127.0.0.1", "%25 for %"),
            ("redis://hunter2@127.0.0.1", "a user without a password"),
            ("redis://hunter2:@127.0.0.1", "a user without a password"),
            (
                "redis-cluster://:hunter2@h/1",
                "a cluster has database 0 only",
            ),
        ] {
            let error = parse(bad).err().unwrap_or_else(|| panic!("{bad}"));
            assert!(error.contains(expected), "{bad}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    /// The addresses of all servers, the account, and the database.
    #[test]
    fn every_part_of_a_url_is_parsed() {
        for (url, hosts, account, database) in [
            ("redis://h", &["h:6379"][..], (None, None), None),
            ("redis://h/", &["h:6379"], (None, None), None),
            (
                "redis://:a+b%2Fc@[::1]/3",
                &["[::1]:6379"],
                (None, Some("a+b/c")),
                Some(3),
            ),
            (
                "redis-sentinel://u:x@[fd00::1]/12?sentinelServiceName=main&node=[fd00::2]:26380&node=h",
                &["[fd00::1]:26379", "[fd00::2]:26380", "h:26379"],
                (Some("u"), Some("x")),
                Some(12),
            ),
            (
                "redis-cluster://[::1]:7000?node=[::1]:7001&node=10.0.0.1",
                &["[::1]:7000", "[::1]:7001", "10.0.0.1:6379"],
                (None, None),
                None,
            ),
            ("unix:/run/a+b%20c", &["/run/a+b c:0"], (None, None), None),
            ("UNIX:///run/r.sock", &["/run/r.sock:0"], (None, None), None),
            (
                "redis+unix://u:x%40@localhost/run/r.sock?db=4",
                &["/run/r.sock:0"],
                (Some("u"), Some("x@")),
                Some(4),
            ),
            (
                "unix://:x@/run/r.sock",
                &["/run/r.sock:0"],
                (None, Some("x")),
                None,
            ),
        ] {
            let (config, _) = parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            let found: Vec<_> = config
                .server
                .hosts()
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(found, hosts, "{url}");
            let found = (config.username.as_deref(), config.password.as_deref());
            assert_eq!((found, config.database), (account, database), "{url}");
        }
    }

    #[test]
    fn a_plus_in_the_password_of_the_sentinels_is_kept() {
        let url =
            "redis-sentinel://h?sentinelServiceName=m&sentinelUsername=u&sentinelPassword=a+b%26@c";
        let ServerConfig::Sentinel {
            username, password, ..
        } = parse(url).unwrap().0.server
        else {
            panic!("sentinels");
        };
        assert_eq!(
            username.as_deref().zip(password.as_deref()),
            Some(("u", "a+b&@c"))
        );
    }

    #[test]
    fn the_tls_name_of_an_ipv6_address_has_no_brackets() {
        let url = "rediss-cluster://[::1]:6379?node=[::2]:6379";
        let names = parse(url).unwrap().0.server.hosts();
        let names: Vec<_> = names
            .iter()
            .map(|host| host.tls_server_name.as_deref())
            .collect();
        assert_eq!(names, [Some("::1"), Some("::2")]);
    }
}
