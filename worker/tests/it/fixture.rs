//! A library in its own database with its own key prefix, and the worker that serves it.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::prelude::{Builder, Client, Config as RedisConfig};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use shared::catalog::Snapshot;
use shared::environment::Environment;
use shared::time::Clock;
use std::future::pending;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::generate::{Plan, Size, generate};
use testkit::library::Library;
use testkit::load::load;
use testkit::mariadb::{MariaDb, MariaDbOptions, shared_mariadb};
use testkit::oracle::{Names, Oracle};
use testkit::schema::{Engine, Shape};
use testkit::server::{Redis, Server, shared_redis, unique};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::config::Config;
use worker::mysql::scan_settings::{ChunkSizes, ScanSettings};

/// Long enough for a busy machine. Only a failing test waits this long.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The password of every read-only account.
pub(crate) const PASSWORD: &str = "reads-only";

/// Chunks so small that their borders are everywhere.
pub(crate) const TINY_CHUNKS: ScanSettings = ScanSettings {
    chunk: Duration::from_micros(1),
    ids: ChunkSizes {
        first: 7,
        least: 3,
        most: 11,
    },
    counted: ChunkSizes {
        first: 150_000,
        least: 86_399,
        most: 200_000,
    },
    streamed: ChunkSizes {
        first: 50_000,
        least: 33_333,
        most: 70_000,
    },
    max_pending: 4,
    ..ScanSettings::with_duty(100)
};

/// One installation for a test: a library in MySQL, a key prefix in Redis, a time zone and a clock.
pub(crate) struct Fixture {
    pub(crate) library: Arc<Library>,
    pub(crate) database: String,
    pub(crate) zone: Tz,
    shape: Shape,
    pub(crate) clock: Clock,
    pub(crate) now: DateTime<Utc>,
    pub(crate) redis: Client,
    pub(crate) mariadb: &'static MariaDb,
    prefix: String,
    environment: Vec<(String, String)>,
    /// The settings of scans, if not those of the configuration.
    pub(crate) scan: Option<ScanSettings>,
    /// The interval of the rounds of the circulation, if not that of the configuration.
    pub(crate) circulation_interval: Option<Duration>,
}

impl Fixture {
    /// A small library with dirty rows. Its clock starts at `now`, a wall time in `zone`.
    pub(crate) async fn new(zone: &str, now: &str, shape: Shape) -> Self {
        let zone: Tz = zone.parse().unwrap();
        let wall: NaiveDateTime = now.parse().unwrap();
        let plan = Plan {
            size: Size::Tiny,
            years: 6,
            now: wall,
            seed: 7,
            dirty: true,
        };
        let now = zone
            .from_local_datetime(&wall)
            .earliest()
            .expect("a time that exists");
        Self::with_library(generate(&plan), zone, now.to_utc(), shape).await
    }

    /// A library without a row.
    pub(crate) async fn empty() -> Self {
        let now = "2025-09-23T03:00:00Z".parse().unwrap();
        Self::with_library(Library::empty(), Tz::Asia__Jakarta, now, Shape::default()).await
    }

    pub(crate) async fn with_library(
        library: Library,
        zone: Tz,
        now: DateTime<Utc>,
        shape: Shape,
    ) -> Self {
        let (mariadb, redis) = (shared_mariadb().await, shared_redis().await);
        Self::on(mariadb, &redis.url(), library, zone, now, shape).await
    }

    /// A library on given servers. `redis` is the `REDIS_URL` of the worker.
    pub(crate) async fn on(
        mariadb: &'static MariaDb,
        redis: &str,
        mut library: Library,
        zone: Tz,
        now: DateTime<Utc>,
        shape: Shape,
    ) -> Self {
        shape.strip(&mut library);
        // MySQL has no Aria, which is MariaDB's successor of MyISAM.
        let shape = match shape.engine {
            Engine::Aria if mariadb.is_mysql() => Shape {
                engine: Engine::MyIsam,
                ..shape
            },
            _ => shape,
        };
        // In braces, so that a cluster keeps all keys in one slot.
        let (database, prefix) = (unique("slims"), format!("{{{}}}:", unique("lib")));
        let library = Arc::new(library);
        load(
            mariadb.opts(None),
            &database,
            &library,
            &shape,
            |_, _, _| (),
        )
        .await
        .unwrap();
        let user = unique("r");
        mariadb
            .grant_select(&user, PASSWORD, &database)
            .await
            .unwrap();
        let environment = [
            ("WORKER_PORT", "0".to_owned()),
            ("MYSQL_PORT", mariadb.port().to_string()),
            ("MYSQL_USER", user),
            ("MYSQL_PASSWORD", PASSWORD.to_owned()),
            ("MYSQL_DATABASE", database.clone()),
            ("REDIS_URL", redis.to_owned()),
            ("REDIS_KEY_PREFIX", prefix.clone()),
            ("LIBRARY_TIMEZONE", zone.name().to_owned()),
            ("VISITOR_SYNC_MIN_INTERVAL_MS", "100".to_owned()),
            ("VISITOR_SYNC_BUFFER_MS", "0".to_owned()),
        ];
        let mut client = RedisConfig::from_url(redis).unwrap();
        client.version = fred::types::RespVersion::RESP3;
        let client = Builder::from_config(client)
            .set_policy(fred::types::config::ReconnectPolicy::new_constant(0, 50))
            .with_performance_config(|config| {
                config.default_command_timeout = Duration::from_secs(2);
            })
            .build()
            .unwrap();
        client.init().await.unwrap();
        Self {
            library,
            database,
            zone,
            shape,
            clock: Clock::starting_at(now),
            now,
            redis: client,
            mariadb,
            prefix,
            environment: environment
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            scan: None,
            circulation_interval: None,
        }
    }

    /// Sets a variable of the worker's environment.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The port of its MariaDB.
    pub(crate) fn mysql_port(&self) -> u16 {
        self.mariadb.port()
    }

    /// Sets the clock of the fixture's own database server to the fixture's, so that `/health` can be `ok`.
    pub(crate) async fn align_server_clock(&self) {
        let now = self.clock.now().utc().timestamp();
        let set = format!("SET GLOBAL init_connect = 'SET timestamp = {now}'");
        self.mariadb.execute(None, &set).await.unwrap();
    }

    /// The environment of a real process.
    pub(crate) fn environment(&self) -> Vec<(&str, String)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect()
    }

    /// The worker's account in MySQL.
    pub(crate) fn user(&self) -> String {
        let mut environment = self.environment().into_iter();
        environment
            .find(|(name, _)| *name == "MYSQL_USER")
            .unwrap()
            .1
    }

    pub(crate) fn config(&self) -> Config {
        let lookup = |name: &str| {
            let found = self.environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let mut config = Config::read(Environment::from_lookup(lookup)).unwrap();
        config.scan = self.scan.unwrap_or(config.scan);
        config.circulation_interval = self.circulation_interval.or(config.circulation_interval);
        config
    }

    /// Refreshes every snapshot once.
    pub(crate) async fn refresh(&self) -> anyhow::Result<()> {
        worker::refresh_once(self.config(), self.clock.clone(), &Snapshot::ALL).await
    }

    /// Starts the worker in this process.
    pub(crate) fn start(&self) -> Running {
        let stop = CancellationToken::new();
        let task = tokio::spawn(worker::run(self.config(), self.clock.clone(), stop.clone()));
        Running { stop, task }
    }

    /// The value of a key, without the prefix.
    pub(crate) async fn stored(&self, name: &str) -> Option<String> {
        self.redis
            .get(format!("{}{name}", self.prefix))
            .await
            .ok()?
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Today's count in Redis: its day and total.
    pub(crate) async fn today(&self) -> Option<(String, u64)> {
        let stored: serde_json::Value =
            serde_json::from_str(&self.stored("visitors:today:count").await?).ok()?;
        Some((
            stored["date"].as_str()?.to_owned(),
            stored["total"].as_u64()?,
        ))
    }

    /// Waits until today's count is `total`.
    pub(crate) async fn await_total(&self, total: u64) {
        let what = format!("today's count {total} of {}", self.database);
        let shown = async || self.today().await.filter(|(_, shown)| *shown == total);
        eventually(&what, SOON, shown).await;
    }

    /// Waits until every snapshot is stored for which its SLiMS has the columns.
    pub(crate) async fn await_all(&self) {
        let subpath = |snapshot: &Snapshot| snapshot.path().trim_start_matches("/api/");
        let all = Snapshot::ALL.into_iter();
        for snapshot in all.filter(|snapshot| self.shape.has(subpath(snapshot))) {
            let name = snapshot.name();
            eventually(&format!("{name} is stored"), SOON, async || {
                self.stored(&name).await
            })
            .await;
        }
    }

    /// Deletes every snapshot from Redis, as if Redis had lost them.
    pub(crate) async fn delete_snapshots(&self) {
        for snapshot in Snapshot::ALL {
            let _: i64 = self.redis.del(self.key(&snapshot.name())).await.unwrap();
        }
    }

    /// Deletes the lease, as its expiry does.
    pub(crate) async fn expire_lease(&self) {
        let _: i64 = self.redis.del(self.key("worker:lease")).await.unwrap();
    }

    pub(crate) fn oracle(&self) -> Oracle<'_> {
        Oracle::new(&self.library, self.now, self.zone)
    }

    /// Compares every stored snapshot with the brute-force answer, to the byte.
    pub(crate) async fn assert_all(&self, names: Names) {
        let mut oracle = self.oracle();
        oracle.member_names = names;
        for (path, data) in oracle.all() {
            if !self.shape.has(path) {
                let name = path.replace('/', ":");
                assert_eq!(self.stored(&name).await, None, "{path} cannot be computed");
                continue;
            }
            let period = oracle.period(path);
            let stored = self
                .stored(&path.replace('/', ":"))
                .await
                .unwrap_or_else(|| panic!("{path} is missing"));
            let period = period
                .map(|period| format!(r#""period":"{period}","#))
                .unwrap_or_default();
            let (head, tail) = stored.split_once(r#","ttl_seconds":"#).expect("a TTL");
            let (ttl, tail) = tail.split_once(',').expect("more than a TTL");
            // The circulation lasts until its second next round; without a key on the ids there are no rounds.
            let is_of_rounds = path == "books/circulation" && ttl == "120";
            assert!(ttl == "90000" || is_of_rounds, "{path}: {ttl}");
            assert!(head.starts_with(r#"{"generated_at":""#), "{path}: {head}");
            assert_eq!(
                tail,
                format!(r#"{period}"data":{data}}}"#),
                "{path} at {} in {}",
                self.now,
                self.zone
            );
        }
    }

    /// Executes a statement as the owner of the database.
    pub(crate) async fn sql(&self, sql: &str) {
        let mut conn = self.conn().await;
        conn.query_drop(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        conn.disconnect().await.unwrap();
    }

    /// Inserts a visit at the current time.
    pub(crate) async fn check_in(&self) {
        let now = self.clock.now().utc().with_timezone(&self.zone);
        let now = now.format("%Y-%m-%d %H:%M:%S");
        let sql = format!(
            "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '{now}')"
        );
        self.sql(&sql).await;
    }

    pub(crate) async fn conn(&self) -> Conn {
        let mut conn = Conn::new(self.mariadb.opts(Some(&self.database)))
            .await
            .unwrap();
        conn.query_drop("SET SESSION sql_mode = '', sql_big_selects = 1")
            .await
            .unwrap();
        conn
    }

    /// Today's visits by the simplest SQL, to compare the modes with.
    pub(crate) async fn true_total(&self) -> u64 {
        let day = self.day();
        let sql =
            format!("SELECT COUNT(*) FROM visitor_count WHERE LEFT(checkin_date, 10) = '{day}'");
        let mut conn = self.conn().await;
        let total = conn.query_first(sql).await.unwrap();
        conn.disconnect().await.unwrap();
        total.unwrap_or(0)
    }
}

/// Starts servers that a test may break. They end with the test.
pub(crate) async fn own_servers() -> (&'static MariaDb, &'static Redis) {
    let mariadb = MariaDb::start(&MariaDbOptions::default()).await.unwrap();
    (own(mariadb), own(Redis::start().await.unwrap()))
}

/// Makes a server the test's own: it ends with the runtime of the test, so that everything in the test may refer to it.
pub(crate) fn own<S>(server: S) -> &'static S
where
    S: Deref<Target = Server> + Send + Sync,
{
    struct RemoveOnDrop(&'static Server);
    impl Drop for RemoveOnDrop {
        fn drop(&mut self) {
            self.0.remove();
        }
    }
    let server: &'static S = Box::leak(Box::new(server));
    let guard = RemoveOnDrop(server);
    tokio::spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    server
}

/// A small library on these servers, at 10:00 on 23 September 2025 in Jakarta.
pub(crate) async fn fixture_on(mariadb: &'static MariaDb, redis: &'static Redis) -> Fixture {
    fixture_at(mariadb, &redis.url()).await
}

/// The same on the Redis at `url`.
pub(crate) async fn fixture_at(mariadb: &'static MariaDb, url: &str) -> Fixture {
    let plan = Plan {
        size: Size::Tiny,
        years: 1,
        now: "2025-09-23T10:00:00".parse().unwrap(),
        seed: 1,
        dirty: true,
    };
    let (library, zone) = (generate(&plan), Tz::Asia__Jakarta);
    let now = zone.from_local_datetime(&plan.now).unwrap().to_utc();
    Fixture::on(mariadb, url, library, zone, now, Shape::default()).await
}

impl Fixture {
    /// The library's current day.
    pub(crate) fn day(&self) -> chrono::NaiveDate {
        self.clock
            .now()
            .utc()
            .with_timezone(&self.zone)
            .date_naive()
    }
}

/// A worker in this process. It ends with the test.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Stops it as SIGTERM does.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap().unwrap();
    }

    /// Ends it as `kill -9` does, without cleanup.
    pub(crate) fn kill(self) {
        self.task.abort();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
