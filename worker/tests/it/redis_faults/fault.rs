//! The faults of Redis, and the setup that they are injected into: a worker and a gateway, each behind its own proxy.

use crate::fixture::{Fixture, Running, SOON, fixture_on, own};
use crate::together::Gateway;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::prelude::{Builder, Config as RedisConfig};
use fred::types::{ClusterHash, CustomCommand, Value};
use shared::catalog::Snapshot;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::fault_proxy::{Direction, FaultProxy, Mode};
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::server::Redis;

/// A demoted server receives the data of the promoted one at once.
const AT_ONCE: [&str; 2] = ["--repl-diskless-sync-delay", "0"];
/// The worker's account, whose permissions a fault revokes.
const ACCOUNT: [&str; 6] = ["--user", "worker", "on", "nopass", "~*", "&*"];

/// A fault of Redis or of the network to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process is killed, and starts again without data.
    Restarted,
    /// All data is deleted.
    Flushed,
    /// The process is stopped with SIGSTOP.
    Frozen,
    /// All connections lose every byte.
    BlackHole,
    /// The host does not even answer a connect.
    HostGone,
    /// Latency of up to half a second each way.
    Far,
    /// Latency of a quarter of a second each way, after all connections were reset.
    FarAnew,
    /// Existing connections stay open but deliver nothing; new ones work.
    Wedged,
    /// Redis closes the connections of subscribers.
    Unsubscribed,
    /// Redis is out of memory and refuses writes.
    Full,
    /// The worker's account loses the permission to write.
    NoRights,
    /// Redis becomes the replica of another server and keeps its connections. New connections lead to the other server.
    FailedOver,
}

/// A worker and a gateway, each behind its own proxy to Redis.
pub(super) struct Setup {
    pub(super) fixture: Fixture,
    pub(super) mariadb: &'static MariaDb,
    pub(super) redis: &'static Redis,
    pub(super) proxies: [FaultProxy; 2],
    pub(super) gateway: Gateway,
    pub(super) running: Running,
}

impl Setup {
    pub(super) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(super) async fn with(variables: &[(&str, &str)]) -> Self {
        let mariadb = own(MariaDb::start(&MariaDbOptions::default()).await.unwrap());
        let flags = [&ACCOUNT[..], &["+@all"], &AT_ONCE].concat();
        let redis = own(Redis::start_with(&flags).await.unwrap());
        let mut fixture = fixture_on(mariadb, redis).await;
        // The defaults: they determine how soon the right number is shown.
        fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "1000");
        fixture.set("VISITOR_SYNC_BUFFER_MS", "200");
        for (name, value) in variables {
            fixture.set(name, value);
        }
        let proxies = [proxy_to(redis, 1).await, proxy_to(redis, 2).await];
        let url = |proxy: &FaultProxy| format!("redis://worker:any@127.0.0.1:{}", proxy.port());
        fixture.set("REDIS_URL", &url(&proxies[0]));
        let running = fixture.start();
        fixture.set("REDIS_URL", &url(&proxies[1]));
        let gateway = Gateway::start(&fixture).await;
        gateway.await_all().await;
        mariadb.general_log(true).await.unwrap();
        Self {
            fixture,
            mariadb,
            redis,
            proxies,
            gateway,
            running,
        }
    }

    pub(super) async fn set_proxies(&self, mode: Mode) {
        for proxy in &self.proxies {
            proxy.set(mode).await;
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

    /// Every snapshot as stored in Redis. Waits until all are.
    pub(super) async fn stored(&self) -> Vec<String> {
        let mut stored = Vec::new();
        for name in Snapshot::ALL.map(Snapshot::name) {
            let what = format!("{name} is stored");
            let value = eventually(&what, SOON, async || self.fixture.stored(&name).await);
            stored.push(value.await);
        }
        stored
    }

    pub(super) async fn redis_command(&self, command: &'static str, args: &[&str]) {
        execute(&self.fixture.redis, command, args).await;
    }
}

pub(super) async fn proxy_to(redis: &Redis, seed: u64) -> FaultProxy {
    FaultProxy::to(redis.port(), seed).await.unwrap()
}

pub(super) async fn execute(redis: &fred::clients::Client, command: &'static str, args: &[&str]) {
    let args: Vec<Value> = args.iter().map(|arg| Value::from(*arg)).collect();
    let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
    redis.custom::<Value, _>(command, args).await.unwrap();
}

impl Fault {
    /// Starts the fault.
    pub(super) async fn begin(self, setup: &Setup) {
        match self {
            Self::Restarted => setup.redis.kill().await.unwrap(),
            Self::Flushed => setup.redis_command("FLUSHALL", &[]).await,
            Self::Frozen => setup.redis.freeze().unwrap(),
            Self::BlackHole => setup.set_proxies(Mode::BlackHole).await,
            Self::HostGone => setup.set_proxies(Mode::HostGone).await,
            Self::Far => setup.set_proxies(far(300)).await,
            Self::FarAnew => {
                setup.set_proxies(Mode::Reset).await;
                setup.set_proxies(far(50)).await;
            }
            Self::Wedged => {
                for proxy in &setup.proxies {
                    proxy.break_connections(Mode::Drop(Direction::Down)).await;
                }
            }
            Self::Unsubscribed => {
                setup
                    .redis_command("CLIENT", &["KILL", "TYPE", "pubsub"])
                    .await;
            }
            Self::Full => {
                setup
                    .redis_command("CONFIG", &["SET", "maxmemory", "1"])
                    .await;
            }
            Self::NoRights => {
                setup
                    .redis_command("ACL", &["SETUSER", "worker", "-@write"])
                    .await;
            }
            Self::FailedOver => fail_over(setup).await,
        }
    }

    /// Ends the fault.
    pub(super) async fn end(self, setup: &Setup) {
        match self {
            Self::Restarted => setup.redis.start_again().await.unwrap(),
            Self::Frozen => setup.redis.thaw().unwrap(),
            Self::BlackHole | Self::HostGone | Self::Far | Self::FarAnew => {
                setup.set_proxies(Mode::Open).await;
            }
            Self::Full => {
                setup
                    .redis_command("CONFIG", &["SET", "maxmemory", "0"])
                    .await;
            }
            Self::NoRights => {
                setup
                    .redis_command("ACL", &["SETUSER", "worker", "+@all"])
                    .await;
            }
            Self::Flushed | Self::Wedged | Self::Unsubscribed | Self::FailedOver => {}
        }
    }

    /// Whether no count can reach the gateway until the fault ends.
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

/// A latency of 200 ms each way, and at random up to `jitter` more.
pub(super) fn far(jitter: u64) -> Mode {
    Mode::Delay {
        by: Duration::from_millis(200),
        jitter: Duration::from_millis(jitter),
    }
}

/// Makes another server the primary, and the first one its replica.
pub(super) async fn fail_over(setup: &Setup) {
    let flags = [&ACCOUNT[..], &["+@all"], &AT_ONCE].concat();
    let other = own(Redis::start_with(&flags).await.unwrap());
    let client = RedisConfig::from_url(&other.url()).unwrap();
    let client = Builder::from_config(client).build().unwrap();
    client.init().await.unwrap();
    let (host, port) = ("127.0.0.1", setup.redis.port().to_string());
    execute(&client, "REPLICAOF", &[host, &port]).await;
    eventually(
        "the other server has the data of the first",
        SOON,
        async || {
            let info: String = client.info(None).await.unwrap();
            let name = setup.fixture.key("visitors:today:count");
            let exists: i64 = client.exists(name).await.unwrap();
            (info.contains("master_link_status:up") && exists == 1).then_some(())
        },
    )
    .await;
    execute(&client, "REPLICAOF", &["NO", "ONE"]).await;
    for proxy in &setup.proxies {
        proxy.redirect_to(other.port());
    }
    let port = other.port().to_string();
    setup.redis_command("REPLICAOF", &[host, &port]).await;
}
