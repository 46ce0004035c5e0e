//! The circulation follows the desk between two daily passes, and its rounds read only the loans that they must.

use crate::fixture::{Fixture, SOON, own_servers};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::time::Duration;
use testkit::desk;
use testkit::eventually::eventually;
use testkit::generate::{Plan, Size, generate};
use testkit::library::Library;
use testkit::oracle::Oracle;
use testkit::schema::{Engine, Shape};

const PATH: &str = "books/circulation";
const NAME: &str = "books:circulation";
const NOW: &str = "2025-09-23T10:00:00";
/// Instead of a minute.
const INTERVAL: Duration = Duration::from_millis(200);

async fn library(shape: Shape) -> Fixture {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, shape).await;
    fixture.circulation_interval = Some(INTERVAL);
    fixture
}

/// Waits until the circulation is that of the library in memory.
async fn follows(fixture: &Fixture) {
    let oracle = Oracle::new(&fixture.library, fixture.clock.now().utc(), fixture.zone);
    let tail = format!(r#""data":{}}}"#, oracle.data(PATH));
    let stored = async || {
        fixture
            .stored(NAME)
            .await
            .filter(|data| data.ends_with(&tail))
    };
    eventually(&format!("the circulation is {tail}"), SOON, stored).await;
}

/// Makes a random change at the desk, in the database and in memory.
async fn change(fixture: &mut Fixture, conn: &mut Conn, rng: &mut StdRng) {
    let (mut library, today) = (Library::clone(&fixture.library), fixture.day());
    let statements = match rng.random_range(0..4) {
        0 => desk::lend(&mut library, today, rng),
        1 => desk::extend(&mut library, today, rng),
        2 => desk::take_back(&mut library, today, rng),
        _ => desk::delete_loan(&mut library, rng),
    };
    for statement in statements {
        conn.query_drop(statement).await.unwrap();
    }
    fixture.library = Arc::new(library);
}

#[tokio::test]
async fn rounds_follow_the_desk_and_read_only_ids_and_new_loans() {
    let (mariadb, redis) = own_servers().await;
    for engine in [Engine::MyIsam, Engine::InnoDb] {
        let shape = Shape {
            engine,
            ..Shape::default()
        };
        let zone = chrono_tz::Tz::Asia__Jakarta;
        let plan = Plan {
            size: Size::Tiny,
            years: 2,
            now: NOW.parse().unwrap(),
            seed: 11,
            dirty: true,
        };
        let now = "2025-09-23T03:00:00Z".parse().unwrap();
        let mut fixture =
            Fixture::on(mariadb, &redis.url(), generate(&plan), zone, now, shape).await;
        fixture.circulation_interval = Some(INTERVAL);
        let running = fixture.start();
        fixture.await_all().await;
        follows(&fixture).await;
        mariadb.general_log(true).await.unwrap();
        let (mut conn, mut rng) = (fixture.conn().await, StdRng::seed_from_u64(5));
        for _ in 0..8 {
            for _ in 0..6 {
                change(&mut fixture, &mut conn, &mut rng).await;
            }
            follows(&fixture).await;
        }
        let lines = mariadb.general_log_lines().await.unwrap();
        mariadb.general_log(false).await.unwrap();
        let reads = lines.iter().map(|line| line.text.as_str());
        let reads: Vec<&str> = reads
            .filter(|text| text.starts_with("SELECT") && text.contains(" FROM loan "))
            .collect();
        assert!(!reads.is_empty(), "{engine}");
        for read in reads {
            let by_id = read.contains("loan_id IN (") || read.contains("loan_id > ");
            assert!(
                by_id && read.contains("FORCE INDEX (`PRIMARY`)"),
                "{engine}: {read}"
            );
        }
        running.stop().await;
    }
}

/// InnoDB assigns an id at INSERT and shows it at COMMIT.
#[tokio::test]
async fn a_loan_that_is_committed_after_a_later_one_is_found() {
    let mut fixture = library(Shape {
        engine: Engine::InnoDb,
        ..Shape::default()
    })
    .await;
    let running = fixture.start();
    follows(&fixture).await;
    let (mut late, mut conn) = (fixture.conn().await, fixture.conn().await);
    late.query_drop("BEGIN").await.unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let mut library = Library::clone(&fixture.library);
    for statement in desk::lend(&mut library, fixture.day(), &mut rng) {
        late.query_drop(statement).await.unwrap();
    }
    let both = Arc::new(library.clone());
    let uncommitted = fixture.library.loans.len();
    for statement in desk::lend(&mut library, fixture.day(), &mut rng) {
        conn.query_drop(statement).await.unwrap();
    }
    library.loans.remove(uncommitted);
    fixture.library = Arc::new(library.clone());
    follows(&fixture).await;
    late.query_drop("COMMIT").await.unwrap();
    library
        .loans
        .insert(uncommitted, both.loans[uncommitted].clone());
    fixture.library = Arc::new(library);
    follows(&fixture).await;
    running.stop().await;
}

#[tokio::test]
async fn at_midnight_what_was_due_is_overdue() {
    let fixture = library(Shape::default()).await;
    let running = fixture.start();
    follows(&fixture).await;
    // Five minutes past midnight: before the cron of the books.
    let midnight = fixture.now + chrono::TimeDelta::minutes(14 * 60 + 5);
    fixture.clock.step_to(midnight);
    follows(&fixture).await;
    running.stop().await;
}

#[tokio::test]
async fn a_standby_that_takes_over_goes_on() {
    let mut fixture = library(Shape::default()).await;
    let first = fixture.start();
    fixture.await_all().await;
    follows(&fixture).await;
    let second = fixture.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.stop().await;
    let (mut conn, mut rng) = (fixture.conn().await, StdRng::seed_from_u64(9));
    for _ in 0..5 {
        change(&mut fixture, &mut conn, &mut rng).await;
    }
    follows(&fixture).await;
    second.stop().await;
}

#[tokio::test]
async fn rounds_go_on_after_their_connection_was_lost() {
    let mut fixture = library(Shape::default()).await;
    let running = fixture.start();
    follows(&fixture).await;
    let (mut conn, mut rng) = (fixture.conn().await, StdRng::seed_from_u64(3));
    let user = &fixture.config().mysql.user;
    for _ in 0..3 {
        let kill = format!("KILL USER '{user}'");
        conn.query_drop(kill).await.unwrap();
        change(&mut fixture, &mut conn, &mut rng).await;
        follows(&fixture).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn without_an_interval_only_the_daily_pass_makes_it() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    fixture.set("CIRCULATION_INTERVAL_SECONDS", "0");
    let running = fixture.start();
    follows(&fixture).await;
    let stored = fixture.stored(NAME).await.unwrap();
    assert!(stored.contains(r#""ttl_seconds":90000,"#), "{stored}");
    running.stop().await;
}
