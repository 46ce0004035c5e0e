//! Whatever happens to Redis: gateways serve their copy, and the right number comes as soon as it can.

use crate::fixture::{Running, SOON, Site, site_on};
use crate::together::{Gateway, paths, queries};
use fred::interfaces::{ClientLike, KeysInterface};
use fred::prelude::{Builder, Config as RedisConfig};
use fred::types::{ClusterHash, CustomCommand, Value};
use shared::catalog::Snapshot;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::process::free_port;
use testkit::road::{Direction, Mode, Road};
use testkit::server::Redis;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// An answer out of memory; even a busy machine is far below.
const QUICK: Duration = Duration::from_secs(1);
/// Twice the longest that the right number may take to come.
const BACK: Duration = Duration::from_secs(10);
/// Longer than the worker and the gateway wait for an answer, and than the life of a lease.
const OUTAGE: Duration = Duration::from_secs(6);
/// A demoted server takes over the promoted one's data at once.
const AT_ONCE: [&str; 2] = ["--repl-diskless-sync-delay", "0"];
/// The worker's account, from whom rights can be taken.
const ACCOUNT: [&str; 6] = ["--user", "worker", "on", "nopass", "~*", "&*"];

/// What happens to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
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
struct Place {
    site: Site,
    mariadb: &'static MariaDb,
    redis: &'static Redis,
    roads: [Road; 2],
    gateway: Gateway,
    running: Running,
}

impl Place {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(variables: &[(&str, &str)]) -> Self {
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

    async fn roads_are(&self, mode: Mode) {
        for road in &self.roads {
            road.set(mode).await;
        }
    }

    async fn check_in(&self) {
        let minute = self.site.clock.now().utc().with_timezone(&self.site.zone);
        let minute = minute.format("%Y-%m-%d %H:%M:%S");
        let sql = format!(
            "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '{minute}')"
        );
        self.site.sql(&sql).await;
    }

    /// Every snapshot as the gateway serves it.
    async fn served(&self) -> Vec<String> {
        let mut served = Vec::new();
        for snapshot in Snapshot::ALL {
            served.push(self.gateway.get(snapshot.path()).await.text().to_owned());
        }
        served
    }

    /// Every snapshot as it stands in Redis, once all do.
    async fn stored(&self) -> Vec<String> {
        let mut stored = Vec::new();
        for name in Snapshot::ALL.map(Snapshot::name) {
            let what = format!("{name} stands");
            let stands = eventually(&what, SOON, async || self.site.stored(&name).await);
            stored.push(stands.await);
        }
        stored
    }

    async fn does(&self, command: &'static str, args: &[&str]) {
        order(&self.site.redis, command, args).await;
    }
}

async fn road_to(redis: &Redis, seed: u64) -> Road {
    Road::to(redis.port(), seed).await.unwrap()
}

async fn order(redis: &fred::clients::Client, command: &'static str, args: &[&str]) {
    let args: Vec<Value> = args.iter().map(|arg| Value::from(*arg)).collect();
    let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
    redis.custom::<Value, _>(command, args).await.unwrap();
}

impl Fault {
    /// It happens, and goes on.
    async fn begin(self, place: &Place) {
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
    async fn end(self, place: &Place) {
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
    fn blocks(self) -> bool {
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
fn far(jitter: u64) -> Mode {
    Mode::Delay {
        by: Duration::from_millis(200),
        jitter: Duration::from_millis(jitter),
    }
}

/// Another server takes the part of the first, which becomes its replica.
async fn fail_over(place: &Place) {
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

/// Who looks at a gateway all the time, and at one stream.
struct Viewers {
    stop: CancellationToken,
    tasks: [JoinHandle<()>; 2],
    shown: Arc<Mutex<Shown>>,
}

/// What the stream has shown last.
#[derive(Clone, Debug, Default)]
struct Shown {
    total: u64,
    at: String,
}

impl Viewers {
    async fn of(gateway: &Gateway) -> Self {
        let (stop, shown, address) = (CancellationToken::new(), Arc::default(), gateway.address);
        let mut stream = Events::open(address).await;
        let (noted, stopped) = (Arc::clone(&shown), stop.clone());
        let watching = async move {
            while let Some(block) = stopped.run_until_cancelled(stream.next()).await {
                note(&noted, &block.expect("the stream stays open").data);
            }
        };
        let stopped = stop.clone();
        let reading = async move {
            let mut newest: BTreeMap<String, String> = BTreeMap::new();
            while !stopped.is_cancelled() {
                for path in paths() {
                    let answer = get(address, &path).await;
                    let is_count = path.ends_with("/today");
                    let good = answer.status == 200 || is_count && answer.status == 202;
                    assert!(good, "{path}: {}", answer.status);
                    // For a count, a request may wait for a second.
                    assert!(is_count || answer.took < QUICK, "{path}: {:?}", answer.took);
                    let json = answer.json();
                    let at = json["generated_at"].as_str().unwrap_or_default().to_owned();
                    let before = newest.entry(path.clone()).or_default();
                    assert!(is_count || at >= *before, "{path}: {at} after {before}");
                    *before = at;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        Self {
            tasks: [tokio::spawn(watching), tokio::spawn(reading)],
            stop,
            shown,
        }
    }

    /// Waits until the stream shows `total`.
    async fn see(&self, what: &str, total: u64) {
        eventually(
            &format!("{what}: {total} in the stream"),
            BACK,
            async || {
                let failed = self.tasks.iter().any(JoinHandle::is_finished);
                assert!(!failed, "{what}: a viewer has seen what must not be");
                (self.shown.lock().unwrap().total == total).then_some(())
            },
        )
        .await;
    }

    async fn leave(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// The numbers that a stream shows never get older.
fn note(shown: &Mutex<Shown>, data: &str) {
    let Ok(told) = serde_json::from_str::<serde_json::Value>(data) else {
        return;
    };
    let at = told["generated_at"].as_str().or(told["at"].as_str());
    let (at, total) = (at.unwrap().to_owned(), told["total"].as_u64().unwrap());
    let mut shown = shown.lock().unwrap();
    assert!(at >= shown.at, "{at} after {shown:?}");
    *shown = Shown { total, at };
}

/// Lets `faults` happen, one after the other.
async fn survive(faults: &[Fault]) {
    let place = Place::new().await;
    let served = place.served().await;
    for fault in faults {
        let viewers = Viewers::of(&place.gateway).await;
        let before = place.site.true_total().await;
        viewers.see("before", before).await;
        let mut since = Instant::now();
        fault.begin(&place).await;
        place.check_in().await;
        if fault.blocks() {
            sleep(OUTAGE).await;
            fault.end(&place).await;
            since = Instant::now();
        }
        viewers.see(&format!("{fault:?}"), before + 1).await;
        tell(&format!("{fault:?}: the right number after"), since);
        if *fault != Fault::FailedOver {
            assert_eq!(place.stored().await, served, "{fault:?}");
            tell(&format!("{fault:?}: all snapshots after"), since);
        }
        assert_eq!(place.served().await, served, "{fault:?}");
        if !fault.blocks() {
            fault.end(&place).await;
        }
        viewers.leave().await;
    }
    for sql in queries(&place.site, place.mariadb).await {
        let is_count = sql.starts_with("SELECT COUNT(*) FROM visitor_count WHERE ");
        assert!(is_count, "what was made was made again: {sql}");
    }
    place.running.stop().await;
}

/// For who measures: `cargo test … -- --nocapture`.
fn tell(what: &str, since: Instant) {
    let took = since.elapsed().as_millis();
    drop(writeln!(std::io::stderr(), "{what} {took} ms"));
}

#[tokio::test]
async fn a_redis_that_loses_everything_has_it_back() {
    survive(&[Fault::Restarted, Fault::Flushed, Fault::Restarted]).await;
}

#[tokio::test]
async fn a_redis_that_does_not_answer_is_left_and_found_again() {
    survive(&[Fault::Frozen, Fault::BlackHole, Fault::HostGone]).await;
}

#[tokio::test]
async fn a_redis_that_is_far_away_is_heard() {
    survive(&[Fault::Far, Fault::FarAnew]).await;
}

#[tokio::test]
async fn a_connection_that_is_of_no_use_is_left() {
    survive(&[Fault::Wedged, Fault::Unsubscribed, Fault::FailedOver]).await;
}

#[tokio::test]
async fn a_redis_that_refuses_writes_is_written_as_soon_as_it_allows_it() {
    survive(&[Fault::Full, Fault::NoRights]).await;
}

/// With a back-off that doubles up to half a minute it would be tried seven times.
#[tokio::test]
async fn a_count_that_is_refused_is_tried_again_all_the_time() {
    let place = Place::new().await;
    Fault::Full.begin(&place).await;
    place.mariadb.general_log(true).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let counts = queries(&place.site, place.mariadb).await.len();
    assert!((12..=30).contains(&counts), "{counts} counts in 10 s");
    place.running.stop().await;
}

/// Writes that were given up lie about in sockets, of every kind, while newer ones are made.
#[tokio::test]
async fn what_is_made_all_the_time_never_gets_older() {
    let every_second = "* * * * * *";
    let crons = ["VISITOR_SLOW_CRON", "BOOKS_SLOW_CRON"].map(|name| (name, every_second));
    let place = Place::with(&crons).await;
    let viewers = Viewers::of(&place.gateway).await;
    for outage in [1_500, 2_500, 3_500] {
        let before = place.site.true_total().await;
        viewers.see("before", before).await;
        Fault::Frozen.begin(&place).await;
        place.check_in().await;
        sleep(Duration::from_millis(outage)).await;
        Fault::Frozen.end(&place).await;
        viewers.see("after", before + 1).await;
        let served = place.served().await;
        eventually("all is made anew", SOON, async || {
            let now = place.served().await;
            let mut both = now.iter().zip(&served);
            both.all(|(now, before)| now != before).then_some(())
        })
        .await;
    }
    viewers.leave().await;
    place.running.stop().await;
}

/// Two nights without a database, and without the keys, whose time was over.
#[tokio::test]
async fn snapshots_outlive_missed_crons_and_their_keys() {
    let port = free_port().unwrap();
    let variables = [
        ("SNAPSHOT_TTL_SECONDS", "60"),
        ("WORKER_PORT", &port.to_string()),
    ];
    let place = Place::with(&variables).await;
    let served = place.served().await;
    place.mariadb.kill().await.unwrap();
    let mut night = place.site.clock.now();
    for _ in 0..2 {
        let tomorrow = place.site.clock.now().utc() + chrono::Duration::days(1);
        place.site.clock.step_to(tomorrow);
        eventually("both crons have come, for nothing", SOON, async || {
            let health = get(([127, 0, 0, 1], port).into(), "/health").await.json();
            let failed = |name: String| !health["snapshots"][name]["last_error"].is_null();
            let come = ["visitors", "books"].map(|group| {
                let last = &health["crons"][group]["last_run"];
                last.as_str() > Some(&night.to_string())
            });
            let failed = Snapshot::ALL.map(Snapshot::name).into_iter().all(failed);
            (failed && come == [true; 2]).then_some(())
        })
        .await;
        night = place.site.clock.now();
        for snapshot in Snapshot::ALL {
            let key = place.site.key(&snapshot.name());
            let _: i64 = place.site.redis.pexpire(key, 1, None).await.unwrap();
        }
        assert_eq!(place.stored().await, served);
        assert_eq!(place.served().await, served);
        let health = place.gateway.get("/health").await.json();
        for snapshot in Snapshot::ALL {
            assert_eq!(health["snapshots"][snapshot.name()]["state"], "stale");
        }
    }
    place.mariadb.start_again().await.unwrap();
    eventually("they are made again", SOON, async || {
        let now = place.served().await;
        let mut both = now.iter().zip(&served);
        both.all(|(now, before)| now != before).then_some(())
    })
    .await;
    place.running.stop().await;
}
