//! What Redis tells of itself.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::InfoKind;
use serde_json::json;
use std::collections::HashMap;

/// The first version that the worker needs.
const LEAST: [u32; 2] = [6, 2];
/// So full, in percent, that the limit is near.
const NEARLY_FULL: u64 = 90;

/// The fields of INFO, of the sections that are looked at; none when it is not for us.
pub(super) struct Info(HashMap<String, String>);

impl Info {
    /// Asks.
    pub(super) async fn of(client: &Client) -> Self {
        let mut fields = HashMap::new();
        for section in [InfoKind::Server, InfoKind::Memory] {
            let text = client
                .info::<String>(Some(section))
                .await
                .unwrap_or_default();
            let pairs = text.lines().filter_map(|line| line.split_once(':'));
            fields.extend(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())));
        }
        Self(fields)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }
}

/// Which server it is.
pub(super) fn server(info: &Info, address: &str) -> Finding {
    let Some(version) = info.text("redis_version") else {
        let what = format!("Redis at {address}; it does not tell its version");
        return Finding::ok(Topic::Redis, "server", what).with(json!({ "address": address }));
    };
    let name = match info.text("valkey_version") {
        Some(valkey) => format!("Valkey {valkey}"),
        None => format!("Redis {version}"),
    };
    let what = format!("{name} at {address}");
    let found = Finding::ok(Topic::Redis, "server", what).with(json!({
        "version": version,
        "valkey_version": info.text("valkey_version"),
        "mode": info.text("redis_mode"),
        "address": address,
    }));
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if [next(), next()] >= LEAST {
        return found;
    }
    found.broken("Use Redis 6.2 or later, or Valkey.")
}

/// What happens when it is full.
pub(super) fn memory(info: &Info) -> Option<Finding> {
    let policy = info.text("maxmemory_policy")?;
    let (limit, used) = (info.number("maxmemory"), info.number("used_memory"));
    let details = json!({ "policy": policy, "limit_bytes": limit, "used_bytes": used });
    let found = |what: String| Finding::ok(Topic::Redis, "memory", what).with(details);
    if limit == 0 {
        let used = format::bytes(used);
        return Some(found(format!(
            "{used} in use, no limit, so that nothing is evicted ({policy})"
        )));
    }
    let what = format!(
        "{} of {} in use; when it is full: {policy}",
        format::bytes(used),
        format::bytes(limit)
    );
    Some(if policy != "noeviction" {
        found(what).advise(
            "Our keys all expire, so that a full Redis may drop them (they are back within 5 s): \
             maxmemory-policy noeviction, or a Redis of their own. They need less than 1 MB.",
        )
    } else if used * 100 >= limit * NEARLY_FULL {
        found(what).advise("It is nearly full, and then nothing can be stored: raise maxmemory.")
    } else {
        found(what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::findings::Verdict;

    fn info(fields: &[(&str, &str)]) -> Info {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Info(fields.collect())
    }

    #[test]
    fn a_version_must_be_new_enough() {
        for (version, verdict) in [
            ("6.0.16", Verdict::Broken),
            ("6.2.0", Verdict::Ok),
            ("7.0.15", Verdict::Ok),
        ] {
            let found = server(&info(&[("redis_version", version)]), "here");
            assert_eq!(found.verdict, verdict, "{version}");
        }
        assert_eq!(server(&info(&[]), "here").verdict, Verdict::Ok);
    }

    #[test]
    fn a_policy_matters_where_there_is_a_limit() {
        for (limit, used, policy, verdict) in [
            ("0", "5", "allkeys-lru", Verdict::Ok),
            ("100", "5", "noeviction", Verdict::Ok),
            ("100", "90", "noeviction", Verdict::Advice),
            ("100", "5", "allkeys-lru", Verdict::Advice),
            ("100", "5", "volatile-ttl", Verdict::Advice),
        ] {
            let fields = [
                ("maxmemory", limit),
                ("used_memory", used),
                ("maxmemory_policy", policy),
            ];
            assert_eq!(
                memory(&info(&fields)).unwrap().verdict,
                verdict,
                "{fields:?}"
            );
        }
        assert!(memory(&info(&[])).is_none());
    }
}
