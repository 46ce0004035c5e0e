//! What can happen to MySQL, and to the way there: today's count suffers, the daily figures stay as they were, and once it
//! is well the count is there again by itself, and right.

use crate::fixture::{Running, SOON, Site, own_servers, site_on};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use shared::catalog::Snapshot;
use std::time::{Duration, Instant};
use testkit::eventually::eventually;
use testkit::mariadb::MariaDb;
use testkit::road::{Direction, Mode, Road};

/// Longer than a count lives: it is two intervals, and counts that take longer stretch these.
const OUTAGE: Duration = Duration::from_secs(4);

/// A worker that is well, and the road between it and MySQL.
struct Faults {
    mariadb: &'static MariaDb,
    road: Road,
    site: Site,
    running: Running,
    /// The daily figures as they stand.
    figures: Vec<Option<String>>,
}

impl Faults {
    async fn begin() -> Self {
        let (mariadb, redis) = own_servers().await;
        let mut site = site_on(mariadb, redis).await;
        let road = Road::to(mariadb.port(), 1).await.unwrap();
        site.set("MYSQL_PORT", &road.port().to_string());
        let running = site.start();
        site.await_all().await;
        site.await_total(site.true_total().await).await;
        let mut faults = Self {
            mariadb,
            road,
            site,
            running,
            figures: Vec::new(),
        };
        faults.figures = faults.stored().await;
        faults
    }

    async fn stored(&self) -> Vec<Option<String>> {
        let mut stored = Vec::new();
        for snapshot in Snapshot::ALL {
            stored.push(self.site.stored(&snapshot.name()).await);
        }
        stored
    }

    /// There is no number, rather than an old or a wrong one.
    async fn count_expires(&self) {
        eventually("today's count has expired", SOON, async || {
            self.site.today().await.is_none().then_some(())
        })
        .await;
    }

    /// All is well again, with a visit more. Prints how long that took.
    async fn heals(&self, what: &str) {
        let began = Instant::now();
        let visit = "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '2025-09-23 10:00:01')";
        self.site.sql(visit).await;
        self.site.await_total(self.site.true_total().await).await;
        #[expect(clippy::print_stdout, reason = "a figure for whoever measures")]
        {
            println!("{what}: counted again after {:.2?}", began.elapsed());
        }
        assert_eq!(self.stored().await, self.figures, "{what}");
    }

    fn account(&self) -> String {
        let environment = self.site.environment();
        let user = environment.iter().find(|(name, _)| *name == "MYSQL_USER");
        user.unwrap().1.clone()
    }

    /// Ends all connections of the worker.
    async fn kill_connections(&self) {
        let account = self.account();
        self.site.sql(&format!("KILL USER {account}")).await;
    }

    async fn alter(&self, how: &str) {
        let sql = format!("ALTER USER {} {how}", self.account());
        self.site.sql(&sql).await;
    }
}

#[tokio::test]
async fn the_way_to_mysql_fails_in_every_way() {
    let faults = Faults::begin().await;
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
        faults.road.set(mode).await;
        faults.count_expires().await;
        tokio::time::sleep(OUTAGE).await;
        faults.road.set(Mode::Open).await;
        faults.heals(&format!("{mode:?}")).await;
    }
    faults.running.stop().await;
}

#[tokio::test]
async fn a_server_that_is_slow_is_still_counted_on() {
    let faults = Faults::begin().await;
    faults
        .road
        .set(Mode::Delay {
            by: Duration::from_millis(150),
            jitter: Duration::from_millis(50),
        })
        .await;
    faults.heals("slow").await;
    faults.road.set(Mode::Open).await;
    faults.heals("quick").await;
    faults.running.stop().await;
}

#[tokio::test]
async fn the_server_fails_in_every_way() {
    let faults = Faults::begin().await;
    faults.mariadb.kill().await.unwrap();
    faults.count_expires().await;
    faults.mariadb.start_again().await.unwrap();
    faults.heals("killed").await;

    faults.mariadb.freeze().unwrap();
    faults.count_expires().await;
    tokio::time::sleep(OUTAGE).await;
    faults.mariadb.thaw().unwrap();
    faults.heals("frozen").await;

    for _ in 0..3 {
        faults.kill_connections().await;
        faults.heals("connections killed").await;
    }

    let mut owner = faults.site.conn().await;
    owner
        .query_drop("LOCK TABLES visitor_count WRITE")
        .await
        .unwrap();
    faults.count_expires().await;
    tokio::time::sleep(OUTAGE).await;
    owner.query_drop("UNLOCK TABLES").await.unwrap();
    faults.heals("tables locked").await;

    faults.site.sql("RENAME TABLE visitor_count TO away").await;
    faults.count_expires().await;
    faults.site.sql("RENAME TABLE away TO visitor_count").await;
    faults.heals("a table away").await;
    faults.running.stop().await;
}

#[tokio::test]
async fn the_account_is_refused_for_a_while() {
    let faults = Faults::begin().await;
    faults.alter("IDENTIFIED BY 'changed'").await;
    faults.kill_connections().await;
    faults.count_expires().await;
    faults.alter("IDENTIFIED BY 'reads-only'").await;
    faults.heals("wrong password").await;

    faults.alter("WITH MAX_USER_CONNECTIONS 1").await;
    faults.kill_connections().await;
    let account = faults.account();
    let other = eventually("another one has the only connection", SOON, async || {
        let opts = faults.mariadb.account(&account, "reads-only", None);
        match Conn::new(opts).await {
            Ok(conn) => Some(conn),
            Err(_) => {
                faults.kill_connections().await;
                None
            }
        }
    })
    .await;
    faults.count_expires().await;
    drop(other);
    faults.heals("connections exhausted").await;
    faults.running.stop().await;
}

/// Statements that never end do not pile up: as many as the worker has connections, and none when it is well again.
#[tokio::test]
async fn a_count_that_never_ends_is_one() {
    let faults = Faults::begin().await;
    faults.site.sql("RENAME TABLE visitor_count TO away").await;
    faults.site.sql("CREATE VIEW visitor_count AS SELECT * FROM away WHERE BENCHMARK(100000000000, SHA2(member_name, 512)) = 0").await;
    faults.count_expires().await;
    let account = faults.account();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sql = format!(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{account}' AND INFO LIKE '%visitor_count%'"
        );
        let running: Option<u64> = faults.site.conn().await.query_first(sql).await.unwrap();
        assert_eq!(running, Some(1));
    }
    faults.kill_connections().await;
    faults.site.sql("DROP VIEW visitor_count").await;
    faults.site.sql("RENAME TABLE away TO visitor_count").await;
    faults.heals("a count that never ends").await;
    faults.running.stop().await;
}
