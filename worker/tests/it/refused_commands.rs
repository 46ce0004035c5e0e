//! The Redis account of one worker loses the permission for a command: a healthy worker becomes active, the other one
//! reports what fails, and it recovers when the permission is back.

use crate::fixture::{Fixture, Running, SOON, fixture_on, own_servers};
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

/// Longer than a failing active worker keeps the lease.
const HANDOVER_LIMIT: Duration = Duration::from_secs(40);
/// How long the test watches a worker that does not need the command.
const NO_HANDOVER: Duration = Duration::from_secs(14);

/// When the permission is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    BeforeTheStart,
    WhileActive,
}

/// Commands without which a worker cannot work.
const NEEDED: [&str; 12] = [
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
];
/// Commands that only `worker check` sends, that the server permits to everybody, or whose refusal the client ignores.
const NOT_NEEDED: [&str; 11] = [
    "unsubscribe",
    "multi",
    "discard",
    "hello",
    "auth",
    "client|id",
    "client|setname",
    "select",
    "ping",
    "info",
    "quit",
];

/// The rules of `deploy/rights/redis.acl` for a worker with this prefix.
fn rules(prefix: &str) -> Vec<String> {
    let file = redis_rules(prefix);
    let line = file
        .lines()
        .find_map(|line| line.strip_prefix("user worker "));
    line.unwrap().split(' ').map(str::to_owned).collect()
}

/// Two workers of a fixture, each with its own account.
struct Pair {
    fixture: Fixture,
    limited: String,
    healthy: String,
    url: String,
}

impl Pair {
    fn new(fixture: Fixture, url: &str) -> Self {
        Self {
            fixture,
            limited: unique("limited"),
            healthy: unique("healthy"),
            url: url.to_owned(),
        }
    }

    async fn allow(&self, account: &str) {
        let rules = rules(&self.fixture.key(""));
        self.set_rules(
            account,
            &rules.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .await;
    }

    async fn set_rules(&self, account: &str, rules: &[&str]) {
        let arguments = [&["SETUSER", account], rules].concat();
        self.fixture.redis_command("ACL", &arguments).await;
    }

    /// Starts a worker with this account, and returns its health port too.
    fn start(&mut self, account: &str) -> (Running, u16) {
        let port = free_port().unwrap();
        let url = self
            .url
            .replace("redis://", &format!("redis://{account}:{WORKER}@"));
        self.fixture.set("REDIS_URL", &url);
        self.fixture.set("WORKER_PORT", &port.to_string());
        (self.fixture.start(), port)
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

/// Revokes the permission for `command` from one of two workers.
async fn revoke(mut pair: Pair, command: &str, moment: Moment) {
    let what = |text: &str| format!("{command}, {moment:?}: {text}");
    let (limited_account, healthy_account) = (pair.limited.clone(), pair.healthy.clone());
    pair.allow(&limited_account).await;
    pair.allow(&healthy_account).await;
    let (revoked, granted) = (format!("-{command}"), format!("+{command}"));
    if moment == Moment::BeforeTheStart {
        pair.set_rules(&limited_account, &[&revoked]).await;
    }
    let (limited, limited_port) = pair.start(&limited_account);
    if moment == Moment::WhileActive {
        await_health(&what("it is active"), limited_port, SOON, |health| {
            health["active"] == true
        })
        .await;
        pair.fixture.await_all().await;
    }
    let (healthy, healthy_port) = pair.start(&healthy_account);
    if moment == Moment::WhileActive {
        await_health(&what("a standby is there"), healthy_port, SOON, |health| {
            health["active"] == false && health["active_worker"].is_string()
        })
        .await;
        pair.set_rules(&limited_account, &[&revoked]).await;
        if !NEEDED.contains(&command) {
            // The client sends these commands once for each connection.
            pair.fixture
                .redis_command("CLIENT", &["KILL", "USER", &limited_account])
                .await;
            // Until then it rightly has an error.
            eventually(&what("it has reconnected"), SOON, async || {
                let clients = pair.fixture.redis_command("CLIENT", &["LIST"]).await;
                let user = format!("user={limited_account} ");
                clients.into_string()?.contains(&user).then_some(())
            })
            .await;
        }
    }

    if NEEDED.contains(&command) {
        let name = command.to_uppercase();
        await_health(
            &what("it reports what fails"),
            limited_port,
            HANDOVER_LIMIT,
            |health| {
                let errors = health["redis_errors"].to_string().to_uppercase();
                health["status"] == "degraded" && errors.contains(&name)
            },
        )
        .await;
        await_health(
            &what("the healthy one is active"),
            healthy_port,
            HANDOVER_LIMIT,
            |health| health["active"] == true,
        )
        .await;
    } else {
        let began = Instant::now();
        await_health(
            &what("it works without the command"),
            limited_port,
            SOON,
            |health| health["status"] == "ok",
        )
        .await;
        while moment == Moment::WhileActive && began.elapsed() < NO_HANDOVER {
            let health = health(limited_port).await.unwrap();
            let none = health["redis_errors"].as_object().unwrap().is_empty();
            assert!(none, "{}: {health}", what("it has no error"));
            sleep(Duration::from_millis(500)).await;
        }
    }

    // Count and snapshots are right, and stay right.
    let fixture = &pair.fixture;
    fixture.await_all().await;
    fixture.assert_all(Names::Full).await;
    let _: i64 = fixture
        .redis
        .del(fixture.key("visitors:weekly"))
        .await
        .unwrap();
    fixture.await_all().await;
    fixture.assert_all(Names::Full).await;
    fixture.check_in().await;
    fixture.await_total(fixture.true_total().await).await;

    pair.set_rules(&limited_account, &[&granted]).await;
    for (port, name) in [
        (limited_port, "the limited worker"),
        (healthy_port, "the healthy worker"),
    ] {
        await_health(
            &what(&format!("{name} is ok again")),
            port,
            HANDOVER_LIMIT,
            |health| health["status"] == "ok",
        )
        .await;
    }
    let active = [health(limited_port).await, health(healthy_port).await];
    let active = active
        .iter()
        .flatten()
        .filter(|health| health["active"] == true);
    assert_eq!(active.count(), 1, "{}", what("one is active"));
    limited.stop().await;
    healthy.stop().await;
}

async fn revoke_each(moment: Moment) {
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
    assert_eq!(granted, known, "the lists have every granted command");
    // A few at a time, since each fixture has two workers.
    let commands: Vec<&str> = [&NEEDED[..], &NOT_NEEDED].concat();
    for chunk in commands.chunks(6) {
        let mut pairs = Vec::new();
        for command in chunk {
            let mut fixture = fixture_on(mariadb, redis).await;
            fixture.align_server_clock().await;
            fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "500");
            pairs.push((Pair::new(fixture, &redis.url()), *command));
        }
        join_all(
            pairs
                .into_iter()
                .map(|(pair, command)| revoke(pair, command, moment)),
        )
        .await;
    }
}

#[tokio::test]
async fn a_worker_that_starts_without_a_right_leaves_the_lease_to_a_healthy_one() {
    revoke_each(Moment::BeforeTheStart).await;
}

#[tokio::test]
async fn an_active_worker_that_loses_a_right_hands_over_to_a_healthy_one() {
    revoke_each(Moment::WhileActive).await;
}

/// Keys instead of commands: new figures may have names that the permissions of an older version do not cover.
#[tokio::test]
async fn a_snapshot_without_write_permission_affects_no_other() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    fixture.align_server_clock().await;
    let mut pair = Pair::new(fixture, &redis.url());
    let account = pair.limited.clone();
    pair.allow(&account).await;
    let prefix = pair.fixture.key("");
    let keys = ["visitors:*", "members:*", "worker:*"].map(|name| format!("~{prefix}{name}"));
    pair.set_rules(&account, &["resetkeys", &keys[0], &keys[1], &keys[2]])
        .await;
    let (lone, port) = pair.start(&account);
    let fixture = &pair.fixture;
    fixture.await_total(fixture.true_total().await).await;
    eventually("the visitor snapshots are stored", SOON, async || {
        fixture.stored("visitors:yearly:top").await
    })
    .await;
    await_health("it reports the refused key", port, SOON, |health| {
        health["status"] == "degraded"
            && health["redis_errors"]
                .to_string()
                .contains("books:collection")
    })
    .await;
    assert_eq!(fixture.stored("books:collection").await, None);
    // It releases the lease for a moment, finds no other worker, and goes on.
    await_health("the lease is released", port, HANDOVER_LIMIT, |health| {
        health["redis_errors"]["lease"]
            .to_string()
            .contains("handed over")
    })
    .await;
    await_health("it is active again", port, SOON, |health| {
        health["active"] == true
    })
    .await;
    fixture.check_in().await;
    fixture.await_total(fixture.true_total().await).await;
    pair.set_rules(&account, &[&format!("~{prefix}books:*")])
        .await;
    await_health("it is ok", port, SOON, |health| health["status"] == "ok").await;
    pair.fixture.await_all().await;
    lone.stop().await;
}

#[tokio::test]
async fn a_snapshot_and_its_settings_are_written_both_or_not_at_all() {
    let (mariadb, redis) = own_servers().await;
    for command in ["hset", "set"] {
        let pair = Pair::new(fixture_on(mariadb, redis).await, &redis.url());
        pair.allow(&pair.limited).await;
        let url = pair
            .url
            .replace("redis://", &format!("redis://{}:{WORKER}@", pair.limited));
        let client = RedisUrl::parse(&url).unwrap().client(SOON).unwrap();
        client.init().await.unwrap();
        let fence = Fence::new(client, pair.fixture.config().keys);
        let write = |value: &'static str| FencedWrite {
            key: pair.fixture.key("books:collection"),
            value: value.into(),
            max_ttl: SOON,
            expires_by: Instant::now() + SOON,
            channel: pair.fixture.key("snapshots"),
            message: value.into(),
            snapshot: Some(SnapshotMeta {
                name: "books:collection".to_owned(),
                settings: value.to_owned(),
                unless_newer: None,
            }),
        };
        let Acquired::Ours { lease, .. } = fence.acquire("one", SOON, 0).await.unwrap() else {
            panic!("no other worker is there")
        };
        fence.write(&lease, write("first")).await.unwrap();
        pair.set_rules(&pair.limited, &[&format!("-{command}")])
            .await;
        fence.write(&lease, write("second")).await.unwrap_err();
        assert_eq!(
            pair.fixture.stored("books:collection").await.unwrap(),
            "first",
            "{command}"
        );
        let made: Option<String> = pair
            .fixture
            .redis
            .hget(pair.fixture.key("worker:made"), "books:collection")
            .await
            .unwrap();
        assert_ne!(
            made.as_deref(),
            Some("second"),
            "{command}: the old value has the settings of the new one"
        );
        pair.set_rules(&pair.limited, &[&format!("+{command}")])
            .await;
        fence.write(&lease, write("third")).await.unwrap();
        assert_eq!(
            pair.fixture.stored("books:collection").await.unwrap(),
            "third",
            "{command}"
        );
    }
}
