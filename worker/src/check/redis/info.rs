//! Describes the Redis server by its `INFO`: version and memory.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::InfoKind;
use serde_json::json;
use std::collections::HashMap;

/// The oldest version that the worker supports.
const MIN_VERSION: [u32; 2] = [6, 2];
/// From this percentage on, the memory is nearly full.
const NEARLY_FULL_PERCENT: u64 = 90;

/// The fields of two sections of `INFO`; empty when the account may not read it.
pub(super) struct Info(HashMap<String, String>);

impl Info {
    /// Loads the sections `server` and `memory`.
    pub(super) async fn load(client: &Client) -> Self {
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

/// Describes the server's name, version and address.
pub(super) fn server(info: &Info, address: &str) -> Finding {
    let Some(version) = info.text("redis_version") else {
        let what = format!("Redis at {address}, version unknown");
        return Finding::ok(Topic::Redis, "server", what)
            .with_details(json!({ "address": address }));
    };
    let name = match info.text("valkey_version") {
        Some(valkey) => format!("Valkey {valkey}"),
        None => format!("Redis {version}"),
    };
    let what = format!("{name} at {address}");
    let found = Finding::ok(Topic::Redis, "server", what).with_details(json!({
        "version": version,
        "valkey_version": info.text("valkey_version"),
        // Valkey's name for it is the second.
        "mode": info.text("redis_mode").or_else(|| info.text("server_mode")),
        "address": address,
    }));
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if [next(), next()] >= MIN_VERSION {
        return found;
    }
    found.broken("Use Redis 6.2 or later, or Valkey.")
}

/// Describes the memory, and what happens when it is full. Returns `None` if `INFO` does not say.
pub(super) fn memory(info: &Info) -> Option<Finding> {
    let policy = info.text("maxmemory_policy")?;
    let (limit, used) = (info.number("maxmemory"), info.number("used_memory"));
    let details = json!({ "policy": policy, "limit_bytes": limit, "used_bytes": used });
    let found = |what: String| Finding::ok(Topic::Redis, "memory", what).with_details(details);
    if limit == 0 {
        let used = format::bytes(used);
        return Some(found(format!(
            "{used} in use; no limit, so Redis evicts nothing ({policy})"
        )));
    }
    let what = format!(
        "{} of {} in use; policy when it is full: {policy}",
        format::bytes(used),
        format::bytes(limit)
    );
    Some(if policy != "noeviction" {
        found(what).advise(
            "All keys of the dashboard have a TTL, so a full Redis can evict them (the worker restores them in 5 s): \
             set maxmemory-policy noeviction, or use a separate Redis. The dashboard needs less than 1 MB.",
        )
    } else if used * 100 >= limit * NEARLY_FULL_PERCENT {
        found(what).advise(
            "Redis is nearly full. When it is full, the worker cannot write: raise maxmemory.",
        )
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
    fn a_version_that_is_too_old_is_broken() {
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
    fn the_policy_matters_only_with_a_limit() {
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
