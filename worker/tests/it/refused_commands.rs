//! The account of one worker may not send a command: a healthy worker becomes active, the sick one says what fails, and it
//! heals when the right is back.

use crate::fixture::{Running, SOON, Site, own_servers, site_on};
use crate::rights::{WORKER, redis_rules};
use fred::interfaces::{ClientLike, HashesInterface, KeysInterface};
use futures_util::future::join_all;
use serde_json::Value;
use shared::redis::RedisUrl;
use std::collections::BTreeSet;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::get;
use testkit::oracle::Names;
use testkit::process::free_port;
use testkit::server::unique;
use tokio::time::{Instant, sleep};
use worker::publish::fence::{Acquired, Fence, FencedWrite, SnapshotMeta};

/// Longer than an active worker that fails keeps the lease.
const HANDED_OVER: Duration = Duration::from_secs(40);
/// For that long a worker that does not need a command is looked at.
const NOT_HANDED_OVER: Duration = Duration::from_secs(14);

/// When the right is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    BeforeTheStart,
    WhileActive,
}

/// Commands without which a worker cannot do its work.
const NEEDED: [&str; 13] = [
    "get",
    "set",
    "del",
    "ttl",
    "expire",
    "pexpire",
    "hset",
    "hgetall",
    "time",
    "publish",
    "subscribe",
    "eval",
    "client|id",
];
/// Commands that only `worker check` sends, or that the server allows to everybody, or whose refusal the client forgives.
const NOT_NEEDED: [&str; 10] = [
    "unsubscribe",
    "multi",
    "discard",
    "hello",
    "auth",
    "client|setname",
    "select",
    "ping",
    "info",
    "quit",
];

/// The rules of `deploy/rights/redis.acl` for a worker under this prefix, one a word.
fn rules(prefix: &str) -> Vec<String> {
    let file = redis_rules(prefix);
    let line = file
        .lines()
        .find_map(|line| line.strip_prefix("user worker "));
    line.unwrap().split(' ').map(str::to_owned).collect()
}

/// Two workers of a library, each with an account of its own.
struct Pair {
    site: Site,
    sick: String,
    healthy: String,
    url: String,
}

impl Pair {
    fn new(site: Site, url: &str) -> Self {
        Self {
            site,
            sick: unique("sick"),
            healthy: unique("healthy"),
            url: url.to_owned(),
        }
    }

    async fn allow(&self, account: &str) {
        let rules = rules(&self.site.key(""));
        self.set_rules(
            account,
            &rules.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .await;
    }

    async fn set_rules(&self, account: &str, rules: &[&str]) {
        let words = [&["SETUSER", account], rules].concat();
        self.site.redis_command("ACL", &words).await;
    }

    /// Starts a worker with that account; returns its health port too.
    fn start(&mut self, account: &str) -> (Running, u16) {
        let port = free_port().unwrap();
        let url = self
            .url
            .replace("redis://", &format!("redis://{account}:{WORKER}@"));
        self.site.set("REDIS_URL", &url);
        self.site.set("WORKER_PORT", &port.to_string());
        (self.site.start(), port)
    }
}

async fn health(port: u16) -> Option<Value> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    tokio::net::TcpStream::connect(address).await.ok()?;
    Some(get(address, "/health").await.json())
}

async fn await_health(
    what: &str,
    port: u16,
    limit: Duration,
    is: impl Fn(&Value) -> bool,
) -> Value {
    let began = Instant::now();
    let mut last = None;
    while began.elapsed() < limit {
        last = health(port).await;
        if let Some(health) = last.as_ref().filter(|health| is(health)) {
            return health.clone();
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("not within {limit:?}: {what}: {last:#?}");
}

/// The right to `command` is taken from one of two workers.
async fn lose(mut pair: Pair, command: &str, moment: Moment) {
    let what = |text: &str| format!("{command}, {moment:?}: {text}");
    let (sick_account, healthy_account) = (pair.sick.clone(), pair.healthy.clone());
    pair.allow(&sick_account).await;
    pair.allow(&healthy_account).await;
    let (taken, given) = (format!("-{command}"), format!("+{command}"));
    if moment == Moment::BeforeTheStart {
        pair.set_rules(&sick_account, &[&taken]).await;
    }
    let (sick, sick_port) = pair.start(&sick_account);
    if moment == Moment::WhileActive {
        await_health(&what("it is active"), sick_port, SOON, |health| {
            health["active"] == true
        })
        .await;
        pair.site.await_all().await;
    }
    let (healthy, healthy_port) = pair.start(&healthy_account);
    if moment == Moment::WhileActive {
        await_health(&what("a standby is there"), healthy_port, SOON, |health| {
            health["active"] == false && health["active_worker"].is_string()
        })
        .await;
        pair.set_rules(&sick_account, &[&taken]).await;
        if !NEEDED.contains(&command) || command.starts_with("client") {
            // What is sent once for each connection.
            pair.site
                .redis_command("CLIENT", &["KILL", "USER", &sick_account])
                .await;
        }
    }

    if NEEDED.contains(&command) {
        let name = command.to_uppercase();
        await_health(
            &what("it says what fails"),
            sick_port,
            HANDED_OVER,
            |health| {
                let errors = health["redis_errors"].to_string().to_uppercase();
                health["status"] == "degraded" && errors.contains(&name)
            },
        )
        .await;
        await_health(
            &what("the healthy one is active"),
            healthy_port,
            HANDED_OVER,
            |health| health["active"] == true,
        )
        .await;
    } else {
        let began = Instant::now();
        await_health(&what("it does without"), sick_port, SOON, |health| {
            health["status"] == "ok"
        })
        .await;
        while moment == Moment::WhileActive && began.elapsed() < NOT_HANDED_OVER {
            let health = health(sick_port).await.unwrap();
            let none = health["redis_errors"].as_object().unwrap().is_empty();
            assert!(none, "{}: {health}", what("it has no error"));
            sleep(Duration::from_millis(500)).await;
        }
    }

    // Count and snapshots are right, and are kept right.
    let site = &pair.site;
    site.await_all().await;
    site.assert_all(Names::Full).await;
    let _: i64 = site.redis.del(site.key("visitors:weekly")).await.unwrap();
    site.await_all().await;
    site.assert_all(Names::Full).await;
    site.check_in().await;
    site.await_total(site.true_total().await).await;

    pair.set_rules(&sick_account, &[&given]).await;
    for (port, who) in [
        (sick_port, "the sick one"),
        (healthy_port, "the healthy one"),
    ] {
        await_health(
            &what(&format!("{who} is well again")),
            port,
            HANDED_OVER,
            |health| health["status"] == "ok",
        )
        .await;
    }
    let active = [health(sick_port).await, health(healthy_port).await];
    let active = active
        .iter()
        .flatten()
        .filter(|health| health["active"] == true);
    assert_eq!(active.count(), 1, "{}", what("one is active"));
    sick.stop().await;
    healthy.stop().await;
}

async fn lose_each(moment: Moment) {
    let (mariadb, redis) = own_servers().await;
    let granted: BTreeSet<String> = rules("")
        .iter()
        .filter_map(|rule| rule.strip_prefix('+'))
        .map(str::to_owned)
        .collect();
    let known: BTreeSet<String> = [&NEEDED[..], &NOT_NEEDED]
        .concat()
        .iter()
        .map(|one| (*one).to_owned())
        .collect();
    assert_eq!(
        granted, known,
        "the table has every command that is granted"
    );
    // Some at a time: each library has two workers.
    let commands: Vec<&str> = [&NEEDED[..], &NOT_NEEDED].concat();
    for some in commands.chunks(6) {
        let mut pairs = Vec::new();
        for command in some {
            let mut site = site_on(mariadb, redis).await;
            site.align_server_clock().await;
            site.set("VISITOR_SYNC_MIN_INTERVAL_MS", "500");
            pairs.push((Pair::new(site, &redis.url()), *command));
        }
        join_all(
            pairs
                .into_iter()
                .map(|(pair, command)| lose(pair, command, moment)),
        )
        .await;
    }
}

#[tokio::test]
async fn a_worker_that_starts_without_a_right_leaves_the_lease_to_a_healthy_one() {
    lose_each(Moment::BeforeTheStart).await;
}

#[tokio::test]
async fn an_active_worker_that_loses_a_right_hands_over_to_a_healthy_one() {
    lose_each(Moment::WhileActive).await;
}

/// Keys rather than commands: new figures may have names that the rights of an older version do not cover.
#[tokio::test]
async fn a_snapshot_without_write_permission_affects_no_other() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    site.align_server_clock().await;
    let mut pair = Pair::new(site, &redis.url());
    let account = pair.sick.clone();
    pair.allow(&account).await;
    let prefix = pair.site.key("");
    let keys = ["visitors:*", "worker:*"].map(|name| format!("~{prefix}{name}"));
    pair.set_rules(&account, &["resetkeys", &keys[0], &keys[1]])
        .await;
    let (lone, port) = pair.start(&account);
    let site = &pair.site;
    site.await_total(site.true_total().await).await;
    eventually("the visitors stand", SOON, async || {
        site.stored("visitors:yearly:top").await
    })
    .await;
    await_health("it says what it may not do", port, SOON, |health| {
        health["status"] == "degraded"
            && health["redis_errors"]
                .to_string()
                .contains("books:collection")
    })
    .await;
    assert_eq!(site.stored("books:collection").await, None);
    // It gives the lease up for a moment, in vain, and goes on.
    await_health("the lease is given up", port, HANDED_OVER, |health| {
        health["redis_errors"]["lease"]
            .to_string()
            .contains("given up")
    })
    .await;
    await_health("it is active again", port, SOON, |health| {
        health["active"] == true
    })
    .await;
    site.check_in().await;
    site.await_total(site.true_total().await).await;
    pair.set_rules(&account, &[&format!("~{prefix}books:*")])
        .await;
    await_health("it is well", port, SOON, |health| health["status"] == "ok").await;
    pair.site.await_all().await;
    lone.stop().await;
}

#[tokio::test]
async fn a_snapshot_and_its_settings_are_written_both_or_not_at_all() {
    let (mariadb, redis) = own_servers().await;
    for command in ["hset", "set"] {
        let pair = Pair::new(site_on(mariadb, redis).await, &redis.url());
        pair.allow(&pair.sick).await;
        let url = pair
            .url
            .replace("redis://", &format!("redis://{}:{WORKER}@", pair.sick));
        let client = RedisUrl::parse(&url).unwrap().client(SOON).unwrap();
        client.init().await.unwrap();
        let fence = Fence::new(client, pair.site.config().keys);
        let write = |value: &'static str| FencedWrite {
            key: pair.site.key("books:collection"),
            value: value.into(),
            life: SOON,
            ends: Instant::now() + SOON,
            channel: pair.site.key("snapshots"),
            message: value.into(),
            snapshot: Some(SnapshotMeta {
                name: "books:collection".to_owned(),
                settings: value.to_owned(),
                unless_newer: None,
            }),
        };
        let Acquired::Ours(lease) = fence.acquire("one", SOON, 0).await.unwrap() else {
            panic!("nobody else is there")
        };
        fence.write(&lease, write("first")).await.unwrap();
        pair.set_rules(&pair.sick, &[&format!("-{command}")]).await;
        fence.write(&lease, write("second")).await.unwrap_err();
        assert_eq!(
            pair.site.stored("books:collection").await.unwrap(),
            "first",
            "{command}"
        );
        let made: Option<String> = pair
            .site
            .redis
            .hget(pair.site.key("worker:made"), "books:collection")
            .await
            .unwrap();
        assert_ne!(
            made.as_deref(),
            Some("second"),
            "{command}: the old value passes for a new one"
        );
        pair.set_rules(&pair.sick, &[&format!("+{command}")]).await;
        fence.write(&lease, write("third")).await.unwrap();
        assert_eq!(
            pair.site.stored("books:collection").await.unwrap(),
            "third",
            "{command}"
        );
    }
}
