//! A key holds a value of another type: the worker replaces it if it writes that key, and count and snapshots are
//! right.

use crate::fixture::{Fixture, Running, SOON, fixture_on, own_servers};
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::{ClusterHash, CustomCommand, Value};
use futures_util::future::join_all;
use shared::catalog::Snapshot;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::get;
use testkit::oracle::Names;
use testkit::process::free_port;
use tokio::time::sleep;

/// Commands that create a value of each type.
const TYPES: [(&str, &[&str]); 5] = [
    ("list", &["RPUSH", "x"]),
    ("hash", &["HSET", "field", "x"]),
    ("set", &["SADD", "x"]),
    ("zset", &["ZADD", "1", "x"]),
    ("stream", &["XADD", "*", "field", "x"]),
];

/// When the wrong value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Start,
    TakeOver,
    Active,
}

/// Every key that the worker writes, with its right type and the index of a wrong one.
fn keys() -> Vec<(String, &'static str, usize)> {
    let own = ["worker:lease", "worker:epoch", "visitors:today:count"].map(str::to_owned);
    let names = own.into_iter().chain(Snapshot::ALL.map(Snapshot::name));
    let mut keys: Vec<_> = names
        .enumerate()
        .map(|(index, name)| (name, "string", index % TYPES.len()))
        .collect();
    // This key is a hash, so it gets a list and a set.
    keys.push(("worker:made".to_owned(), "hash", 0));
    keys.push(("worker:made".to_owned(), "hash", 2));
    keys
}

async fn put_wrong_type(fixture: &Fixture, name: &str, kind: usize) {
    let (temporary, key) = (fixture.key(&format!("wrong:{name}")), fixture.key(name));
    let (command, arguments) = TYPES[kind].1.split_first().unwrap();
    let words = [&[temporary.as_str()], arguments].concat();
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
    let _: Value = fixture.redis.custom(command, words).await.unwrap();
    // RENAME is atomic: a write of the worker comes before or after it.
    let _: () = fixture.redis.rename(temporary, key).await.unwrap();
}

async fn type_of(fixture: &Fixture, name: &str) -> String {
    let command = CustomCommand::new_static("TYPE", ClusterHash::FirstKey, false);
    fixture
        .redis
        .custom(command, vec![fixture.key(name)])
        .await
        .unwrap()
}

async fn await_ok(what: &str, port: u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually(what, SOON, async || {
        tokio::net::TcpStream::connect(address).await.ok()?;
        let health = get(address, "/health").await.json();
        (health["status"] == "ok" && health["active"] == true).then_some(())
    })
    .await;
}

fn start(fixture: &mut Fixture) -> (Running, u16) {
    let port = free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    (fixture.start(), port)
}

async fn assert_repaired(
    mut fixture: Fixture,
    name: String,
    right: &str,
    kind: usize,
    moment: Moment,
) {
    let what = format!("{name} as {}, {moment:?}", TYPES[kind].0);
    let mut before = None;
    if moment != Moment::Start {
        let (running, port) = start(&mut fixture);
        await_ok(&what, port).await;
        fixture.await_all().await;
        before = Some((running, port));
    }
    let (running, port) = match (moment, before) {
        (Moment::Active, Some(active)) => {
            put_wrong_type(&fixture, &name, kind).await;
            if name == "worker:epoch" {
                // The worker reads and writes it only when it acquires the lease.
                fixture.expire_lease().await;
            }
            active
        }
        (_, before) => {
            let standby = before.is_some().then(|| start(&mut fixture));
            if standby.is_some() {
                sleep(Duration::from_millis(500)).await;
            }
            if let Some((active, _)) = before {
                active.kill();
            }
            put_wrong_type(&fixture, &name, kind).await;
            standby.unwrap_or_else(|| start(&mut fixture))
        }
    };
    eventually(&format!("{what}: it is {right} again"), SOON, async || {
        (type_of(&fixture, &name).await == right).then_some(())
    })
    .await;
    await_ok(&what, port).await;
    fixture.await_all().await;
    fixture.assert_all(Names::Full).await;
    fixture.check_in().await;
    fixture.await_total(fixture.true_total().await).await;
    running.stop().await;
}

async fn assert_each_repaired(moment: Moment) {
    let (mariadb, redis) = own_servers().await;
    for chunk in keys().chunks(6) {
        let mut fixtures = Vec::new();
        for (name, right, kind) in chunk {
            let mut fixture = fixture_on(mariadb, redis).await;
            fixture.align_server_clock().await;
            fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "500");
            fixtures.push((fixture, name.clone(), *right, *kind));
        }
        join_all(fixtures.into_iter().map(|(fixture, name, right, kind)| {
            assert_repaired(fixture, name, right, kind, moment)
        }))
        .await;
    }
}

#[tokio::test]
async fn a_worker_that_starts_repairs_keys_of_another_type() {
    assert_each_repaired(Moment::Start).await;
}

#[tokio::test]
async fn a_standby_that_takes_over_repairs_keys_of_another_type() {
    assert_each_repaired(Moment::TakeOver).await;
}

#[tokio::test]
async fn an_active_worker_repairs_keys_of_another_type() {
    assert_each_repaired(Moment::Active).await;
}

/// The counter of `incremental` belongs to the software that writes visits: the worker reports it and leaves it alone.
#[tokio::test]
async fn a_counter_of_another_type_is_reported_and_left_alone() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    fixture.align_server_clock().await;
    fixture.set("TODAY_COUNT_MODE", "incremental");
    let name = format!("visitors:today:incr:{}", fixture.day());
    for (kind, (text, _)) in TYPES.iter().enumerate() {
        put_wrong_type(&fixture, &name, kind).await;
        let (running, port) = start(&mut fixture);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("health names the key", SOON, async || {
            tokio::net::TcpStream::connect(address).await.ok()?;
            let health = get(address, "/health").await.json();
            let error = health["redis_errors"]["increments"].as_str()?;
            (error.contains(&name) && health["status"] == "degraded").then_some(())
        })
        .await;
        fixture.check_in().await;
        fixture.await_total(fixture.true_total().await).await;
        assert_eq!(type_of(&fixture, &name).await, *text);
        let _: i64 = fixture.redis.del(fixture.key(&name)).await.unwrap();
        await_ok("the worker is ok again", port).await;
        running.stop().await;
    }
}
