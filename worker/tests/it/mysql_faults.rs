//! Faults of MySQL and of the network to it: today's count expires, the daily figures stay, and after the fault the
//! worker counts correctly again by itself.

use crate::fixture::{Fixture, Running, SOON, TINY_CHUNKS, fixture_on, own_servers};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use shared::catalog::Snapshot;
use std::time::{Duration, Instant};
use testkit::eventually::eventually;
use testkit::fault_proxy::random::RandomFaults;
use testkit::fault_proxy::{Direction, FaultProxy, Mode};
use testkit::mariadb::MariaDb;
use testkit::oracle::Names;
use testkit::schema::Shape;

/// How long a fault lasts after today's count has expired. The back-off that follows a much longer one may outlast [`SOON`].
const OUTAGE: Duration = Duration::from_secs(2);

/// A healthy worker, and the proxy between it and MySQL.
struct Setup {
    mariadb: &'static MariaDb,
    proxy: FaultProxy,
    fixture: Fixture,
    running: Running,
    /// The daily figures as stored.
    figures: Vec<Option<String>>,
}

impl Setup {
    async fn new() -> Self {
        let (mariadb, redis) = own_servers().await;
        let mut fixture = fixture_on(mariadb, redis).await;
        let proxy = FaultProxy::to(mariadb.port(), 1).await.unwrap();
        fixture.set("MYSQL_PORT", &proxy.port().to_string());
        // Its rounds would change a figure meanwhile.
        fixture.set("CIRCULATION_INTERVAL_SECONDS", "0");
        let running = fixture.start();
        fixture.await_all().await;
        fixture.await_total(fixture.true_total().await).await;
        let mut setup = Self {
            mariadb,
            proxy,
            fixture,
            running,
            figures: Vec::new(),
        };
        setup.figures = setup.stored().await;
        setup
    }

    async fn stored(&self) -> Vec<Option<String>> {
        let mut stored = Vec::new();
        for snapshot in Snapshot::ALL {
            stored.push(self.fixture.stored(&snapshot.name()).await);
        }
        stored
    }

    /// Waits until there is no count, rather than an old or a wrong one.
    async fn await_count_expires(&self) {
        eventually("today's count has expired", SOON, async || {
            self.fixture.today().await.is_none().then_some(())
        })
        .await;
    }

    /// Inserts a visit, waits until the count is right again, and prints how long that took.
    async fn assert_heals(&self, what: &str) {
        let began = Instant::now();
        let visit = "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '2025-09-23 10:00:01')";
        self.fixture.sql(visit).await;
        self.fixture
            .await_total(self.fixture.true_total().await)
            .await;
        #[expect(clippy::print_stdout, reason = "a measured time")]
        {
            println!("{what}: counted again after {:.2?}", began.elapsed());
        }
        assert_eq!(self.stored().await, self.figures, "{what}");
    }

    /// Kills all connections of the worker.
    async fn kill_connections(&self) {
        let killed = self.mariadb.kill_connections(&self.fixture.user()).await;
        killed.unwrap();
    }

    async fn alter_user(&self, change: &str) {
        let sql = format!("ALTER USER {} {change}", self.fixture.user());
        self.fixture.sql(&sql).await;
    }
}

#[tokio::test]
async fn the_worker_recovers_from_every_network_fault() {
    let setup = Setup::new().await;
    for mode in [
        Mode::Refuse,
        Mode::Reset,
        Mode::BlackHole,
        Mode::HostGone,
        Mode::Freeze,
        Mode::Drop(Direction::Up),
        Mode::Drop(Direction::Down),
        Mode::HalfClose(Direction::Up),
        Mode::HalfClose(Direction::Down),
        Mode::CutAfter(100),
    ] {
        setup.proxy.set(mode).await;
        setup.await_count_expires().await;
        tokio::time::sleep(OUTAGE).await;
        setup.proxy.set(Mode::Open).await;
        setup.assert_heals(&format!("{mode:?}")).await;
    }
    setup.running.stop().await;
}

#[tokio::test]
async fn a_slow_server_still_delivers_counts() {
    let setup = Setup::new().await;
    setup
        .proxy
        .set(Mode::Delay {
            by: Duration::from_millis(150),
            jitter: Duration::from_millis(50),
        })
        .await;
    setup.assert_heals("slow").await;
    setup.proxy.set(Mode::Open).await;
    setup.assert_heals("quick").await;
    setup.running.stop().await;
}

#[tokio::test]
async fn the_worker_recovers_from_every_server_fault() {
    let setup = Setup::new().await;
    setup.mariadb.kill().await.unwrap();
    setup.await_count_expires().await;
    setup.mariadb.start_again().await.unwrap();
    setup.assert_heals("killed").await;

    setup.mariadb.freeze().unwrap();
    setup.await_count_expires().await;
    tokio::time::sleep(OUTAGE).await;
    setup.mariadb.thaw().unwrap();
    setup.assert_heals("frozen").await;

    for _ in 0..3 {
        setup.kill_connections().await;
        setup.assert_heals("connections killed").await;
    }

    let mut owner = setup.fixture.conn().await;
    owner
        .query_drop("LOCK TABLES visitor_count WRITE")
        .await
        .unwrap();
    setup.await_count_expires().await;
    tokio::time::sleep(OUTAGE).await;
    owner.query_drop("UNLOCK TABLES").await.unwrap();
    setup.assert_heals("tables locked").await;

    setup
        .fixture
        .sql("RENAME TABLE visitor_count TO away")
        .await;
    setup.await_count_expires().await;
    setup
        .fixture
        .sql("RENAME TABLE away TO visitor_count")
        .await;
    setup.assert_heals("a table away").await;
    setup.running.stop().await;
}

#[tokio::test]
async fn the_worker_recovers_from_a_wrong_password() {
    let setup = Setup::new().await;
    setup.alter_user("IDENTIFIED BY 'changed'").await;
    setup.kill_connections().await;
    setup.await_count_expires().await;
    setup.alter_user("IDENTIFIED BY 'reads-only'").await;
    setup.assert_heals("wrong password").await;

    setup.alter_user("WITH MAX_USER_CONNECTIONS 1").await;
    setup.kill_connections().await;
    let account = setup.fixture.user();
    let other = eventually("another client has the only connection", SOON, async || {
        let opts = setup.mariadb.account(&account, "reads-only", None);
        match Conn::new(opts).await {
            Ok(conn) => Some(conn),
            Err(_) => {
                setup.kill_connections().await;
                None
            }
        }
    })
    .await;
    setup.await_count_expires().await;
    drop(other);
    setup.assert_heals("connections exhausted").await;
    setup.running.stop().await;
}

/// The worker waits for a hanging statement until its limit, since the server still runs it.
#[tokio::test]
async fn a_hanging_count_is_not_started_twice() {
    let setup = Setup::new().await;
    setup
        .fixture
        .sql("RENAME TABLE visitor_count TO away")
        .await;
    setup.fixture.sql("CREATE VIEW visitor_count AS SELECT * FROM away WHERE BENCHMARK(100000000000, SHA2(member_name, 512)) = 0").await;
    setup.await_count_expires().await;
    let sql = format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{}' AND INFO LIKE '%visitor_count%'",
        setup.fixture.user()
    );
    let running = async || -> Vec<u64> { setup.fixture.conn().await.query(&sql).await.unwrap() };
    let first = eventually("a count hangs", SOON, async || {
        let first = running().await;
        (!first.is_empty()).then_some(first)
    })
    .await;
    assert_eq!(first.len(), 1, "{first:?}");
    tokio::time::sleep(OUTAGE).await;
    assert_eq!(running().await, first, "the same statement");
    setup.kill_connections().await;
    setup.fixture.sql("DROP VIEW visitor_count").await;
    setup
        .fixture
        .sql("RENAME TABLE away TO visitor_count")
        .await;
    setup.assert_heals("a count that never ends").await;
    setup.running.stop().await;
}

/// Faults interrupt the scans, and in the end every figure is right, to the byte. A figure that was stored meanwhile is
/// not computed again, so a wrong one would stay.
#[tokio::test]
async fn an_interrupted_refresh_stores_no_wrong_figure() {
    for seed in 1..=3 {
        let mut fixture =
            Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", Shape::default()).await;
        fixture.scan = Some(TINY_CHUNKS);
        let port = fixture.mysql_port();
        let proxy = FaultProxy::to(port, seed).await.unwrap();
        fixture.set("MYSQL_PORT", &proxy.port().to_string());
        let running = fixture.start();
        for fault in RandomFaults::new(seed).take(5) {
            tokio::time::sleep(fault.rest / 10).await;
            proxy.set(fault.mode).await;
            tokio::time::sleep(fault.lasts / 8).await;
            proxy.set(Mode::Open).await;
        }
        fixture.await_all().await;
        fixture.assert_all(Names::Full).await;
        fixture.await_total(fixture.true_total().await).await;
        running.stop().await;
    }
}
