//! What happens to Redis, and the place where it does: a worker and a gateway, each on a road of its own.

use crate::fixture::{Running, SOON, Site, site_on};
use crate::together::Gateway;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::prelude::{Builder, Config as RedisConfig};
use fred::types::{ClusterHash, CustomCommand, Value};
use shared::catalog::Snapshot;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::road::{Direction, Mode, Road};
use testkit::server::Redis;

/// A demoted server takes over the promoted one's data at once.
const AT_ONCE: [&str; 2] = ["--repl-diskless-sync-delay", "0"];
/// The worker's account, from whom rights can be taken.
const ACCOUNT: [&str; 6] = ["--user", "worker", "on", "nopass", "~*", "&*"];

/// What happens to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process is killed, and starts again without data.
    Restarted,
    /// It is emptied.
    Flushed,
    /// It stands still.
    Frozen,
    /// Bytes get lost on the way to it, for all connections.
    BlackHole,
    /// Its host does not even answer a connect.
    HostGone,
    /// Up to half a second there, up to half a second back.
    Far,
    /// A quarter, and connections have to be made anew.
    FarAnew,
    /// Present connections are open and deliver nothing; new ones are well.
    Wedged,
    /// It closes the connections of those who listen.
    Unsubscribed,
    /// It refuses writes, for want of memory.
    Full,
    /// The worker's account loses the right to write.
    NoRights,
    /// It becomes another's replica, and keeps its connections; new ones are led to the other.
    FailedOver,
}

/// Worker and gateway, each on a road of its own to Redis.
pub(super) struct Place {
    pub(super) site: Site,
    pub(super) mariadb: &'static MariaDb,
    pub(super) redis: &'static Redis,
    pub(super) roads: [Road; 2],
    pub(super) gateway: Gateway,
    pub(super) running: Running,
}

impl Place {
    pub(super) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(super) async fn with(variables: &[(&str, &str)]) -> Self {
        let mariadb = MariaDb::start(&MariaDbOptions::default()).await.unwrap();
        let mariadb: &'static MariaDb = Box::leak(Box::new(mariadb));
        let flags = [&ACCOUNT[..], &["+@all"], &AT_ONCE].concat();
        let redis = Redis::start_with(&flags).await.unwrap();
        let redis: &'static Redis = Box::leak(Box::new(redis));
        let mut site = site_on(mariadb, redis).await;
        // As operators have it: how soon the right number comes depends on it.
        site.set("VISITOR_SYNC_MIN_INTERVAL_MS", "1000");
        site.set("VISITOR_SYNC_BUFFER_MS", "200");
        for (name, value) in variables {
            site.set(name, value);
        }
        let roads = [road_to(redis, 1).await, road_to(redis, 2).await];
        let url = |road: &Road| format!("redis://worker:any@127.0.0.1:{}", road.port());
        site.set("REDIS_URL", &url(&roads[0]));
        let running = site.start();
        site.set("REDIS_URL", &url(&roads[1]));
        let gateway = Gateway::beside(&site).await;
        gateway.await_all().await;
        mariadb.general_log(true).await.unwrap();
        Self {
            site,
            mariadb,
            redis,
            roads,
            gateway,
            running,
        }
    }

    pub(super) async fn roads_are(&self, mode: Mode) {
        for road in &self.roads {
            road.set(mode).await;
        }
    }

    /// Every snapshot as the gateway serves it.
    pub(super) async fn served(&self) -> Vec<String> {
        let mut served = Vec::new();
        for snapshot in Snapshot::ALL {
            served.push(self.gateway.get(snapshot.path()).await.text().to_owned());
        }
        served
    }

    /// Every snapshot as it stands in Redis, once all do.
    pub(super) async fn stored(&self) -> Vec<String> {
        let mut stored = Vec::new();
        for name in Snapshot::ALL.map(Snapshot::name) {
            let what = format!("{name} stands");
            let stands = eventually(&what, SOON, async || self.site.stored(&name).await);
            stored.push(stands.await);
        }
        stored
    }

    pub(super) async fn does(&self, command: &'static str, args: &[&str]) {
        order(&self.site.redis, command, args).await;
    }
}

pub(super) async fn road_to(redis: &Redis, seed: u64) -> Road {
    Road::to(redis.port(), seed).await.unwrap()
}

pub(super) async fn order(redis: &fred::clients::Client, command: &'static str, args: &[&str]) {
    let args: Vec<Value> = args.iter().map(|arg| Value::from(*arg)).collect();
    let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
    redis.custom::<Value, _>(command, args).await.unwrap();
}

impl Fault {
    /// It happens, and goes on.
    pub(super) async fn begin(self, place: &Place) {
        match self {
            Self::Restarted => place.redis.kill().await.unwrap(),
            Self::Flushed => place.does("FLUSHALL", &[]).await,
            Self::Frozen => place.redis.freeze().unwrap(),
            Self::BlackHole => place.roads_are(Mode::BlackHole).await,
            Self::HostGone => place.roads_are(Mode::HostGone).await,
            Self::Far => place.roads_are(far(300)).await,
            Self::FarAnew => {
                place.roads_are(Mode::Reset).await;
                place.roads_are(far(50)).await;
            }
            Self::Wedged => {
                for road in &place.roads {
                    road.strike(Mode::Drop(Direction::Down)).await;
                }
            }
            Self::Unsubscribed => place.does("CLIENT", &["KILL", "TYPE", "pubsub"]).await,
            Self::Full => place.does("CONFIG", &["SET", "maxmemory", "1"]).await,
            Self::NoRights => place.does("ACL", &["SETUSER", "worker", "-@write"]).await,
            Self::FailedOver => fail_over(place).await,
        }
    }

    /// It is over.
    pub(super) async fn end(self, place: &Place) {
        match self {
            Self::Restarted => place.redis.start_again().await.unwrap(),
            Self::Frozen => place.redis.thaw().unwrap(),
            Self::BlackHole | Self::HostGone | Self::Far | Self::FarAnew => {
                place.roads_are(Mode::Open).await;
            }
            Self::Full => place.does("CONFIG", &["SET", "maxmemory", "0"]).await,
            Self::NoRights => place.does("ACL", &["SETUSER", "worker", "+@all"]).await,
            Self::Flushed | Self::Wedged | Self::Unsubscribed | Self::FailedOver => {}
        }
    }

    /// Whether no number can come before it is over.
    pub(super) fn blocks(self) -> bool {
        !matches!(
            self,
            Self::Flushed
                | Self::Far
                | Self::FarAnew
                | Self::Wedged
                | Self::Unsubscribed
                | Self::FailedOver
        )
    }
}

/// 200 ms each way, and at random up to `jitter` more.
pub(super) fn far(jitter: u64) -> Mode {
    Mode::Delay {
        by: Duration::from_millis(200),
        jitter: Duration::from_millis(jitter),
    }
}

/// Another server takes the part of the first, which becomes its replica.
pub(super) async fn fail_over(place: &Place) {
    let flags = [&ACCOUNT[..], &["+@all"], &AT_ONCE].concat();
    let other = Redis::start_with(&flags).await.unwrap();
    let other: &'static Redis = Box::leak(Box::new(other));
    let client = RedisConfig::from_url(&other.url()).unwrap();
    let client = Builder::from_config(client).build().unwrap();
    client.init().await.unwrap();
    let (of, first) = ("127.0.0.1", place.redis.port().to_string());
    order(&client, "REPLICAOF", &[of, &first]).await;
    eventually("it holds what the first holds", SOON, async || {
        let info: String = client.info(None).await.unwrap();
        let name = place.site.key("visitors:today:count");
        let held: i64 = client.exists(name).await.unwrap();
        (info.contains("master_link_status:up") && held == 1).then_some(())
    })
    .await;
    order(&client, "REPLICAOF", &["NO", "ONE"]).await;
    for road in &place.roads {
        road.lead_to(other.port());
    }
    let port = other.port().to_string();
    place.does("REPLICAOF", &[of, &port]).await;
}
