//! Redis: whether it answers, what it is, what it does when it is full, what we may do there, and who is there already.

mod info;
mod rights;

use crate::check::findings::{Finding, Topic};
use crate::check::redis::info::Info;
use crate::check::{format, round_trip};
use crate::config::{Config, Mode};
use crate::publish::fence::COMMAND_LIMIT;
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, KeysInterface};
use serde_json::json;
use shared::catalog::Snapshot;
use shared::redis::Connection;
use shared::time::Clock;
use shared::today::TodayCount;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// A Redis in reach answers within milliseconds; a lost packet is sent again within 3 s.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Looks at Redis. `total` is today's count in the database, if it is known.
pub(super) async fn look(config: &Config, clock: &Clock, total: Option<u64>) -> Vec<Finding> {
    let connection = match connect(config).await {
        Ok(connection) => connection,
        Err(why) => return vec![unreachable(config, &why)],
    };
    let client = connection.client();
    let info = Info::of(client).await;
    let mut findings = vec![info::server(&info, &config.redis.address())];
    findings.extend(
        measure_round_trip(config, client)
            .await
            .map(round_trip::redis),
    );
    findings.extend(info::memory(&info));
    findings.push(rights::look(config, client).await);
    findings.extend(held(config, clock, client).await);
    if config.mode == Mode::Incremental {
        findings.extend(increments(config, clock, client, total).await);
    }
    findings
}

/// The fastest of three readings of a key.
async fn measure_round_trip(config: &Config, client: &Client) -> Option<Duration> {
    let mut fastest = None;
    for _ in 0..3 {
        let started = Instant::now();
        let read: Result<Option<Vec<u8>>, _> = client.get(config.keys.lease()).await;
        read.ok()?;
        let took = started.elapsed();
        fastest = Some(fastest.map_or(took, |least: Duration| least.min(took)));
    }
    fastest
}

/// Connects, or says why that does not succeed.
async fn connect(config: &Config) -> Result<Connection, String> {
    let client = config
        .redis
        .client(COMMAND_LIMIT)
        .map_err(|error| error.to_string())?;
    let why = Arc::new(Mutex::new(None));
    let heard = why.clone();
    client.on_error(move |(error, _)| {
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(plain(error.details()));
        std::future::ready(Ok(()))
    });
    let connection = Connection::start(&client);
    let connected = timeout(CONNECT_LIMIT, async {
        // A wrong password does not become right by waiting.
        while !client.is_connected() && why.lock().unwrap_or_else(PoisonError::into_inner).is_none()
        {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let answered = connected.await.is_ok();
    if answered && client.is_connected() {
        return Ok(connection);
    }
    let why = why.lock().unwrap_or_else(PoisonError::into_inner).take();
    Err(why.unwrap_or_else(|| format!("no answer within {} s", CONNECT_LIMIT.as_secs())))
}

/// The client writes an error of the system as Rust does; its message is for people.
fn plain(details: &str) -> String {
    let message = details.split_once("message: \"").map(|(_, rest)| rest);
    let message = message.and_then(|rest| rest.split('"').next());
    message.unwrap_or(details).to_owned()
}

fn unreachable(config: &Config, why: &str) -> Finding {
    let address = config.redis.address();
    let advice = shared::redis::tls_advice(why).filter(|_| config.redis.is_encrypted());
    if let Some(advice) = advice {
        let what = format!("no connection to {address}: no agreement on TLS");
        return Finding::ok(Topic::Redis, "server", what).broken(format::sentence(advice));
    }
    let what = format!("no connection to {address}: {why}");
    let is_refused = ["WRONGPASS", "NOAUTH", "NOPERM"]
        .iter()
        .any(|code| why.contains(code));
    Finding::ok(Topic::Redis, "server", what).broken(if is_refused {
        "REDIS_URL: it is redis://USER:PASSWORD@HOST:PORT; what is special in a password is written as %XX."
    } else {
        "Does a Redis listen there, and can this machine reach it? REDIS_URL says where; rediss:// is with TLS."
    })
}

/// What stands there already, and whether a worker makes it.
async fn held(config: &Config, clock: &Clock, client: &Client) -> Option<Finding> {
    let today: Option<Vec<u8>> = client.get(config.keys.today_count()).await.ok()?;
    let today = today.and_then(|bytes| TodayCount::parse(&bytes).ok());
    let mut held = 0;
    for snapshot in Snapshot::ALL {
        let value: Option<Vec<u8>> = client.get(config.keys.snapshot(snapshot)).await.ok()?;
        held += usize::from(value.is_some());
    }
    let active: Option<String> = client.get(config.keys.lease()).await.ok()?;
    let all = Snapshot::ALL.len();
    let who = match &today {
        Some(today) => {
            let ago = format::duration(clock.now().since(today.generated_at));
            format!(
                "a worker is at work: {} visitors today, counted {ago} ago",
                format::number(today.total)
            )
        }
        None => "no worker is at work".to_owned(),
    };
    let what = format!("{who}; {held} of {all} figures stand");
    let details =
        json!({ "today": today, "active_worker": active, "snapshots_held": held, "of": all });
    Some(Finding::ok(Topic::Redis, "keys", what).with(details))
}

/// Of `incremental`: whether whoever writes visits raises the counter.
async fn increments(
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
    let found = Finding::ok(Topic::Redis, "counter", what).with(details);
    Some(if count.is_none() && total.unwrap_or(0) > 0 {
        found.advise(
            "Visits were written today and nobody raised it. Until somebody does, the count moves once a minute: \
             another TODAY_COUNT_MODE is better.",
        )
    } else {
        found
    })
}
