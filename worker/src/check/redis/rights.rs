//! Checks the permissions of the Redis account without executing a command: Redis checks a command when it is queued in
//! a transaction, and the transaction is discarded.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use crate::config::{Config, CountMode};
use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, Value};
use fred::util::redis_keyslot;
use serde_json::json;
use shared::catalog::Snapshot;

const NEEDED_RIGHTS: &str = "The user needs the permissions of the worker in deploy/rights/redis.acl, for the keys and channels of \
     REDIS_KEY_PREFIX.";

/// Checks every command that the worker sends or that its scripts call.
pub(super) async fn check(config: &Config, client: &Client) -> Finding {
    let keys = &config.keys;
    let (count, weekly) = (keys.today_count(), keys.snapshot(Snapshot::Weekly));
    let mut commands = vec![
        command("TIME", &[]),
        command("SET", &[&count, "0", "PX", "1"]),
        command("SET", &[&weekly, "0", "PX", "1"]),
        command("GET", &[&weekly]),
        command("SET", &[&keys.lease(), "0", "PX", "1"]),
        command("PEXPIRE", &[&keys.lease(), "1"]),
        command("TTL", &[&keys.lease()]),
        command("DEL", &[&keys.lease()]),
        command("SET", &[&keys.epoch(), "0"]),
        command("SET", &[&keys.standby(), "0", "PX", "1"]),
        command("HSET", &[&keys.made(), "name", "0"]),
        command("HGETALL", &[&keys.made()]),
        // A script that does nothing, with a key that it may write.
        command("EVAL", &["return 0", "1", &count]),
        command("PUBLISH", &[&keys.today_channel(), "0"]),
        command("PUBLISH", &[&keys.snapshots_channel(), "0"]),
        command("SUBSCRIBE", &[&keys.refresh_channel()]),
    ];
    if config.mode == CountMode::Incremental {
        let counter = keys.today_increments(chrono::NaiveDate::default());
        commands.push(command("GET", &[&counter]));
        commands.push(command("TTL", &[&counter]));
        commands.push(command("EXPIRE", &[&counter, "1"]));
    }
    let slot = ClusterHash::Custom(redis_keyslot(count.as_bytes()));
    // Without MULTI, Redis would execute the commands that follow.
    if let Err(reason) = find_refused(client, &slot, &[]).await {
        let what = format!("could not be checked: {reason}");
        let found = Finding::ok(Topic::Redis, "rights", what);
        // A script that does nothing shows whether it is the worker's account at all.
        let (name, arguments) = command("EVAL", &["return 0", "1", &count]);
        let script =
            client.custom::<Value, _>(CustomCommand::new_static(name, slot, false), arguments);
        return match script.await {
            Err(error) if error.details().contains("NOPERM") => found.broken(format!(
                "The account may not run the worker's scripts. {NEEDED_RIGHTS}"
            )),
            _ => found,
        };
    }
    let refused = match find_refused(client, &slot, &commands).await {
        Ok(refused) => refused,
        Err(reason) => {
            let what = format!("could not be checked: {reason}");
            return Finding::ok(Topic::Redis, "rights", what);
        }
    };
    let details = json!({ "refused": refused });
    if refused.is_empty() {
        let what = "every command of the worker is allowed";
        return Finding::ok(Topic::Redis, "rights", what).with_details(details);
    }
    let what = format!("refused: {}", format::list(&refused));
    let found = Finding::ok(Topic::Redis, "rights", what).with_details(details);
    let has = |code: &str| refused.iter().any(|refusal| refusal.contains(code));
    found.broken(if has("READONLY") {
        "REDIS_URL names a replica: it must name the primary, or the sentinels that monitor it (redis-sentinel://)."
    } else if has("OOM") {
        "Redis is full: raise maxmemory, or use a separate Redis for the dashboard. It needs less than 1 MB."
    } else if has("NOPERM") {
        NEEDED_RIGHTS
    } else {
        "The worker needs these commands."
    })
}

/// A command and its arguments.
type RedisCommand = (&'static str, Vec<String>);

fn command(name: &'static str, arguments: &[&str]) -> RedisCommand {
    (
        name,
        arguments.iter().map(|text| (*text).to_owned()).collect(),
    )
}

/// Queues `commands`, discards them, and returns those that Redis refused, each with the reason.
async fn find_refused(
    client: &Client,
    slot: &ClusterHash,
    commands: &[RedisCommand],
) -> Result<Vec<String>, String> {
    // One pipeline over one connection: a new connection would not be in the transaction.
    let pipeline = client.pipeline();
    let custom = |name| CustomCommand::new_static(name, slot.clone(), false);
    let (begin, end) = (command("MULTI", &[]), command("DISCARD", &[]));
    for (name, arguments) in std::iter::once(&begin).chain(commands).chain([&end]) {
        let queued = pipeline.custom::<Value, _>(custom(name), arguments.clone());
        queued.await.map_err(|error| error.details().to_owned())?;
    }
    let replies = pipeline.try_all::<Value>().await;
    if replies.len() != commands.len() + 2 {
        let error = replies.into_iter().find_map(Result::err);
        return Err(error.map_or_else(
            || "no answer".to_owned(),
            |error| error.details().to_owned(),
        ));
    }
    if let Some(Err(error)) = replies.first() {
        return Err(error.details().to_owned());
    }
    if let Some(Err(error)) = replies.last() {
        return Err(error.details().to_owned());
    }
    let checked = commands.iter().zip(&replies[1..]);
    let mut refused: Vec<String> = checked
        .filter_map(|((name, _), reply)| {
            Some(format!("{name} ({})", reply.as_ref().err()?.details()))
        })
        .collect();
    refused.dedup();
    Ok(refused)
}
