//! Checks Redis: connection, version, memory, permissions, and the keys that exist already.

mod info;
mod rights;

use crate::check::findings::{Finding, Topic};
use crate::check::redis::info::Info;
use crate::check::{format, round_trip};
use crate::config::{Config, CountMode};
use crate::publish::fence::COMMAND_LIMIT;
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, KeysInterface};
use serde_json::json;
use shared::catalog::Snapshot;
use shared::redis::{Connection, is_without_resp3, plain_error, tls_advice};
use shared::time::Clock;
use shared::today::TodayCount;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// A reachable Redis answers within milliseconds, and a lost packet is sent again within 3 s.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Checks Redis. `total` is today's count in the database, if it is known.
pub(super) async fn check(config: &Config, clock: &Clock, total: Option<u64>) -> Vec<Finding> {
    let connection = match connect(config).await {
        Ok(connection) => connection,
        Err(reason) => return vec![unreachable(config, &reason)],
    };
    let client = connection.client();
    let info = Info::load(client).await;
    let mut findings = vec![info::server(&info, &config.redis.address())];
    findings.extend(
        measure_round_trip(config, client)
            .await
            .map(round_trip::redis),
    );
    findings.extend(info::memory(&info));
    findings.push(rights::check(config, client).await);
    findings.extend(existing_keys(config, clock, client).await);
    if config.mode == CountMode::Incremental {
        findings.extend(increment_counter(config, clock, client, total).await);
    }
    findings
}

/// The shortest time of three GETs.
async fn measure_round_trip(config: &Config, client: &Client) -> Option<Duration> {
    let mut fastest = None;
    for _ in 0..3 {
        let started = Instant::now();
        let value: Result<Option<Vec<u8>>, _> = client.get(config.keys.lease()).await;
        value.ok()?;
        let took = started.elapsed();
        fastest = Some(fastest.map_or(took, |shortest: Duration| shortest.min(took)));
    }
    fastest
}

/// Connects, or returns the reason why there is no connection.
async fn connect(config: &Config) -> Result<Connection, String> {
    let client = config
        .redis
        .client(COMMAND_LIMIT)
        .map_err(|error| error.to_string())?;
    let last_error = Arc::new(Mutex::new(None));
    let error_slot = last_error.clone();
    client.on_error(move |(error, _)| {
        *error_slot.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(plain_message(plain_error(error).details()));
        std::future::ready(Ok(()))
    });
    let connection = Connection::start(&client);
    let connected = timeout(CONNECT_LIMIT, async {
        // An error ends the wait: a wrong password does not become right by waiting.
        while !client.is_connected()
            && last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_none()
        {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let is_in_time = connected.await.is_ok();
    if is_in_time && client.is_connected() {
        return Ok(connection);
    }
    let reason = last_error
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    Err(reason.unwrap_or_else(|| format!("no answer within {} s", CONNECT_LIMIT.as_secs())))
}

/// Extracts the message for people from an error of the system, which the client formats with `Debug`.
fn plain_message(details: &str) -> String {
    let message = details.split_once("message: \"").map(|(_, rest)| rest);
    let message = message.and_then(|rest| rest.split('"').next());
    message.unwrap_or(details).to_owned()
}

fn unreachable(config: &Config, reason: &str) -> Finding {
    let address = config.redis.address();
    let advice = tls_advice(reason).filter(|_| config.redis.is_encrypted());
    if let Some(advice) = advice {
        let what = format!("no connection to {address}: the TLS handshake failed");
        return Finding::ok(Topic::Redis, "server", what).broken(format::sentence(advice));
    }
    let what = format!("no connection to {address}: {reason}");
    let is_refused = ["WRONGPASS", "NOAUTH", "NOPERM"]
        .iter()
        .any(|code| reason.contains(code));
    Finding::ok(Topic::Redis, "server", what).broken(if is_refused {
        "Check REDIS_URL: it is redis://USER:PASSWORD@HOST:PORT. Write special characters of a password as %XX."
    } else if is_without_resp3(reason) {
        "Use Redis 6.2 or later, or Valkey. Name Redis itself in REDIS_URL if a proxy before it does not know RESP3."
    } else if reason.contains("DB index") {
        "REDIS_URL names a database that this Redis does not have: write a smaller number, or raise its setting databases."
    } else {
        "Check REDIS_URL (rediss:// for TLS), that Redis is running, and that this machine can reach it."
    })
}

/// Describes the keys that exist already, and whether a worker is active.
async fn existing_keys(config: &Config, clock: &Clock, client: &Client) -> Option<Finding> {
    let today: Option<Vec<u8>> = client.get(config.keys.today_count()).await.ok()?;
    let today = today.and_then(|bytes| TodayCount::parse(&bytes).ok());
    let mut count = 0;
    for snapshot in Snapshot::ALL {
        let value: Option<Vec<u8>> = client.get(config.keys.snapshot(snapshot)).await.ok()?;
        count += u64::from(value.is_some());
    }
    let active: Option<String> = client.get(config.keys.lease()).await.ok()?;
    let all = Snapshot::ALL.len();
    let activity = match &today {
        Some(today) => {
            let ago = format::duration(clock.now().since(today.generated_at));
            format!(
                "a worker is running: {} today, counted {ago} ago",
                format::count(today.total, "visitor")
            )
        }
        None => "no worker is running".to_owned(),
    };
    let are = format::verb(count, "is", "are");
    let what = format!("{activity}; {count} of {all} figures {are} stored");
    let details =
        json!({ "today": today, "active_worker": active, "snapshots_held": count, "of": all });
    Some(Finding::ok(Topic::Redis, "keys", what).with_details(details))
}

/// For the mode `incremental`: checks that the software that writes visits also increments the counter.
async fn increment_counter(
    config: &Config,
    clock: &Clock,
    client: &Client,
    total: Option<u64>,
) -> Option<Finding> {
    let key = config
        .keys
        .today_increments(config.calendar.day(clock.now()));
    let count: Option<String> = client.get(&key).await.ok()?;
    let details = json!({ "key": key, "count": count });
    let what = match &count {
        Some(count) => format!("{key} is {count}"),
        None => format!("there is no {key}"),
    };
    let found = Finding::ok(Topic::Redis, "counter", what).with_details(details);
    Some(if count.is_none() && total.unwrap_or(0) > 0 {
        found.advise(
            "There are visits today, but nothing increments this key. Without it the count changes only once a minute: \
             change the software that writes visits, or use another TODAY_COUNT_MODE.",
        )
    } else {
        found
    })
}
