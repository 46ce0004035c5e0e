//! What we may do in Redis, asked without doing it: a command is checked when it is queued in a transaction, and the
//! transaction is discarded.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use crate::config::{Config, Mode};
use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, Value};
use fred::util::redis_keyslot;
use serde_json::json;
use shared::catalog::Snapshot;

/// Asks for every command that the worker sends, or that a script of its own runs.
pub(super) async fn look(config: &Config, client: &Client) -> Finding {
    let keys = &config.keys;
    let (count, weekly) = (keys.today_count(), keys.snapshot(Snapshot::Weekly));
    let mut commands = vec![
        order("TIME", &[]),
        order("SET", &[&count, "0", "PX", "1"]),
        order("SET", &[&weekly, "0", "PX", "1"]),
        order("GET", &[&weekly]),
        order("SET", &[&keys.lease(), "0", "PX", "1"]),
        order("PEXPIRE", &[&keys.lease(), "1"]),
        order("TTL", &[&keys.lease()]),
        order("DEL", &[&keys.lease()]),
        order("SET", &[&keys.epoch(), "0"]),
        order("HSET", &[&keys.made(), "name", "0"]),
        order("HGETALL", &[&keys.made()]),
        // A script that does nothing, over a key that it may write.
        order("EVAL", &["return 0", "1", &count]),
        order("PUBLISH", &[&keys.today_channel(), "0"]),
        order("PUBLISH", &[&keys.snapshots_channel(), "0"]),
        order("SUBSCRIBE", &[&keys.refresh_channel()]),
    ];
    if config.mode == Mode::Incremental {
        let counter = keys.today_increments(chrono::NaiveDate::default());
        commands.push(order("GET", &[&counter]));
        commands.push(order("TTL", &[&counter]));
        commands.push(order("EXPIRE", &[&counter, "1"]));
    }
    let slot = ClusterHash::Custom(redis_keyslot(count.as_bytes()));
    // Without a transaction, what follows would be done.
    if let Err(why) = ask(client, &slot, &[]).await {
        let what = format!("what we may do is not told: {why}");
        return Finding::ok(Topic::Redis, "rights", what);
    }
    let refused = match ask(client, &slot, &commands).await {
        Ok(refused) => refused,
        Err(why) => {
            let what = format!("what we may do is not told: {why}");
            return Finding::ok(Topic::Redis, "rights", what);
        }
    };
    let details = json!({ "refused": refused });
    if refused.is_empty() {
        let what = "set, publish and subscribe are allowed";
        return Finding::ok(Topic::Redis, "rights", what).with(details);
    }
    let what = format!("refused: {}", format::list(&refused));
    let found = Finding::ok(Topic::Redis, "rights", what).with(details);
    let has = |code: &str| refused.iter().any(|refusal| refusal.contains(code));
    found.broken(if has("READONLY") {
        "REDIS_URL names a replica: it must name the primary, or sentinels that know it (redis-sentinel://)."
    } else if has("OOM") {
        "It is full: raise maxmemory, or give the dashboard a Redis of its own. It needs less than 1 MB."
    } else if has("NOPERM") {
        "The user needs the rights of deploy/rights/redis.acl, on the keys and channels of REDIS_KEY_PREFIX."
    } else {
        "The worker needs these commands."
    })
}

/// A command and its arguments.
type ComputeRequest = (&'static str, Vec<String>);

fn order(name: &'static str, arguments: &[&str]) -> ComputeRequest {
    (
        name,
        arguments.iter().map(|word| (*word).to_owned()).collect(),
    )
}

/// Queues `commands`, discards them, and gives those that are refused with the reason.
async fn ask(
    client: &Client,
    slot: &ClusterHash,
    commands: &[ComputeRequest],
) -> Result<Vec<String>, String> {
    // All in one go over one connection: a new one would know of no transaction.
    let pipeline = client.pipeline();
    let command = |name| CustomCommand::new_static(name, slot.clone(), false);
    let (begin, end) = (order("MULTI", &[]), order("DISCARD", &[]));
    for (name, arguments) in std::iter::once(&begin).chain(commands).chain([&end]) {
        let queued = pipeline.custom::<Value, _>(command(name), arguments.clone());
        queued.await.map_err(|error| error.details().to_owned())?;
    }
    let answers = pipeline.try_all::<Value>().await;
    if answers.len() != commands.len() + 2 {
        let why = answers.into_iter().find_map(Result::err);
        return Err(why.map_or_else(
            || "no answer".to_owned(),
            |error| error.details().to_owned(),
        ));
    }
    if let Some(Err(error)) = answers.first() {
        return Err(error.details().to_owned());
    }
    if let Some(Err(error)) = answers.last() {
        return Err(error.details().to_owned());
    }
    let asked = commands.iter().zip(&answers[1..]);
    let mut refused: Vec<String> = asked
        .filter_map(|((name, _), answer)| {
            Some(format!("{name} ({})", answer.as_ref().err()?.details()))
        })
        .collect();
    refused.dedup();
    Ok(refused)
}
