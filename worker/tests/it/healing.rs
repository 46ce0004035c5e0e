//! A fault affects only the figures that need the broken part, and they recover by themselves.

use crate::fixture::{SOON, Site, own_servers, site_on};
use fred::interfaces::KeysInterface;
use shared::catalog::Snapshot;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::schema::Shape;

const NOW: &str = "2025-09-23T10:00:00";

#[tokio::test]
async fn a_broken_table_affects_only_its_figures_and_heals() {
    let site = Site::new("Asia/Jakarta", NOW, Shape::default()).await;
    site.sql("RENAME TABLE item TO item_away").await;
    let running = site.start();
    let broken = [
        Snapshot::Collection,
        Snapshot::TopBorrowed,
        Snapshot::TopBorrowedMonth,
        Snapshot::TopBorrowedYear,
    ];
    for snapshot in Snapshot::ALL
        .into_iter()
        .filter(|snapshot| !broken.contains(snapshot))
    {
        let name = snapshot.name();
        eventually(
            &format!("{name} is stored without items"),
            SOON,
            async || site.stored(&name).await,
        )
        .await;
    }
    for snapshot in broken {
        assert_eq!(site.stored(&snapshot.name()).await, None, "{snapshot}");
    }
    let before = site.stored("books:top-borrowers:year").await;
    site.sql("RENAME TABLE item_away TO item").await;
    site.await_all().await;
    running.stop().await;
    assert_eq!(
        site.stored("books:top-borrowers:year").await,
        before,
        "stored snapshots are not computed again"
    );
    site.assert_all(testkit::oracle::Names::Full).await;
}

/// Runs the statement `drop`, and asserts that a refresh fails for exactly the `broken` snapshots.
async fn check_missing(drop: &str, broken: &[Snapshot]) {
    let site = Site::new("Asia/Jakarta", NOW, Shape::default()).await;
    site.sql(drop).await;
    let error = site.refresh().await.unwrap_err().to_string();
    for snapshot in Snapshot::ALL {
        let name = snapshot.name();
        assert_eq!(
            site.stored(&name).await.is_none(),
            broken.contains(&snapshot),
            "{drop}: {name}"
        );
    }
    assert!(
        error.starts_with(&format!("{} of 11", broken.len())),
        "{drop}: {error}"
    );
}

const SERIES: [Snapshot; 3] = [Snapshot::Weekly, Snapshot::Monthly, Snapshot::Yearly];
const VISITORS: [Snapshot; 2] = [Snapshot::MonthlyTop, Snapshot::YearlyTop];
const BORROWERS: [Snapshot; 2] = [Snapshot::TopBorrowersMonth, Snapshot::TopBorrowersYear];
const TITLES: [Snapshot; 3] = [
    Snapshot::TopBorrowed,
    Snapshot::TopBorrowedMonth,
    Snapshot::TopBorrowedYear,
];

/// One scan feeds several figures, but each depends only on its own columns.
#[tokio::test]
async fn a_missing_column_affects_only_its_figures() {
    for (column, broken) in [
        ("member DROP COLUMN inst_name", &VISITORS[..]),
        ("biblio DROP COLUMN opac_hide", &TITLES),
        ("item DROP COLUMN item_code", &TITLES),
        ("item DROP COLUMN biblio_id", &TITLES),
        ("loan DROP COLUMN item_code", &TITLES),
        ("loan DROP COLUMN member_id", &BORROWERS),
        (
            "loan DROP COLUMN loan_date",
            &[&TITLES[..], &BORROWERS].concat(),
        ),
        // The names of deleted borrowers come from their visits.
        (
            "visitor_count DROP COLUMN member_id",
            &[VISITORS, BORROWERS].concat(),
        ),
        (
            "visitor_count DROP COLUMN checkin_date",
            &[&SERIES[..], &VISITORS, &BORROWERS].concat(),
        ),
    ] {
        check_missing(&format!("ALTER TABLE {column}"), broken).await;
    }
}

#[tokio::test]
async fn a_missing_table_affects_only_its_figures() {
    let collection = [Snapshot::Collection];
    for (table, broken) in [
        ("member", &[VISITORS, BORROWERS].concat()[..]),
        ("biblio", &[&collection[..], &TITLES].concat()),
        ("item", &[&collection[..], &TITLES].concat()),
        ("loan", &[&TITLES[..], &BORROWERS].concat()),
        (
            "visitor_count",
            &[&SERIES[..], &VISITORS, &BORROWERS].concat(),
        ),
    ] {
        check_missing(&format!("DROP TABLE {table}"), broken).await;
    }
}

#[tokio::test]
async fn a_missing_key_is_restored_without_the_database() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    let running = site.start();
    site.await_all().await;
    mariadb.general_log(true).await.unwrap();
    let before = site.stored("visitors:weekly").await;
    let _: i64 = site.redis.del(site.key("visitors:weekly")).await.unwrap();
    let _: i64 = site.redis.del(site.key("books:collection")).await.unwrap();
    site.await_all().await;
    assert_eq!(
        site.stored("visitors:weekly").await,
        before,
        "the same bytes"
    );
    let ttl: i64 = site.redis.ttl(site.key("visitors:weekly")).await.unwrap();
    assert!((89_000..=90_000).contains(&ttl), "{ttl}");
    for line in mariadb.general_log_lines().await.unwrap() {
        assert!(
            !line.text.contains("DATE(checkin_date)") && !line.text.contains("biblio"),
            "{}",
            line.text
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn an_empty_redis_is_refilled() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    let running = site.start();
    site.await_all().await;
    site.await_total(site.true_total().await).await;
    redis.kill().await.unwrap();
    redis.start_again().await.unwrap();
    site.await_all().await;
    site.await_total(site.true_total().await).await;
    running.stop().await;
}

#[tokio::test]
async fn the_worker_waits_for_a_database_that_goes_away() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    let running = site.start();
    site.await_all().await;
    let before = site.true_total().await;
    site.await_total(before).await;
    mariadb.kill().await.unwrap();
    eventually("today's count has expired", SOON, async || {
        site.today().await.is_none().then_some(())
    })
    .await;
    site.await_all().await;
    mariadb.start_again().await.unwrap();
    site.await_total(before).await;
    running.stop().await;
}

#[tokio::test]
async fn the_worker_waits_for_servers_that_start_later() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    mariadb.stop().await.unwrap();
    redis.stop().await.unwrap();
    let running = site.start();
    tokio::time::sleep(Duration::from_millis(500)).await;
    redis.start_again().await.unwrap();
    mariadb.start_again().await.unwrap();
    site.await_all().await;
    site.await_total(site.true_total().await).await;
    running.stop().await;
}

#[tokio::test]
async fn a_cron_refreshes_its_group() {
    let mut site = Site::new("Asia/Jakarta", NOW, Shape::default()).await;
    site.set("VISITOR_SLOW_CRON", "*/2 * * * * *");
    let running = site.start();
    site.await_all().await;
    let (visitors, books) = (
        site.stored("visitors:weekly").await,
        site.stored("books:collection").await,
    );
    eventually("the cron has run", SOON, async || {
        let now = site.stored("visitors:weekly").await;
        (now != visitors).then_some(())
    })
    .await;
    assert_eq!(
        site.stored("books:collection").await,
        books,
        "books have their own cron"
    );
    running.stop().await;
}
