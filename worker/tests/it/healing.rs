//! A fault affects only the figures that need the broken part, and they recover by themselves.

use crate::fixture::{Fixture, SOON, fixture_on, own_servers};
use fred::interfaces::KeysInterface;
use shared::catalog::{Group, Snapshot};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::schema::Shape;

const NOW: &str = "2025-09-23T10:00:00";

#[tokio::test]
async fn a_broken_table_affects_only_its_figures_and_heals() {
    let fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    fixture.sql("RENAME TABLE item TO item_away").await;
    let running = fixture.start();
    let broken = [
        Snapshot::Collection,
        Snapshot::TopBorrowed,
        Snapshot::TopBorrowedMonth,
        Snapshot::TopBorrowedYear,
        Snapshot::Classes,
        Snapshot::GrowthMonthly,
        Snapshot::GrowthYearly,
        Snapshot::NewTitles,
        Snapshot::Usage,
    ];
    for snapshot in Snapshot::ALL
        .into_iter()
        .filter(|snapshot| !broken.contains(snapshot))
    {
        let name = snapshot.name();
        eventually(
            &format!("{name} is stored without items"),
            SOON,
            async || fixture.stored(&name).await,
        )
        .await;
    }
    for snapshot in broken {
        assert_eq!(fixture.stored(&snapshot.name()).await, None, "{snapshot}");
    }
    let before = fixture.stored("books:top-borrowers:year").await;
    fixture.sql("RENAME TABLE item_away TO item").await;
    fixture.await_all().await;
    running.stop().await;
    assert_eq!(
        fixture.stored("books:top-borrowers:year").await,
        before,
        "stored snapshots are not computed again"
    );
    fixture.assert_all(testkit::oracle::Names::Full).await;
}

/// Runs the statement `drop`, and asserts that a refresh fails for exactly the `broken` snapshots.
async fn check_missing(drop: &str, broken: &[Snapshot]) {
    let fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    fixture.sql(drop).await;
    let refreshed = fixture.refresh().await;
    for snapshot in Snapshot::ALL {
        let name = snapshot.name();
        assert_eq!(
            fixture.stored(&name).await.is_none(),
            broken.contains(&snapshot),
            "{drop}: {name}"
        );
    }
    let error = refreshed.err().map(|error| error.to_string());
    match (broken.len(), error) {
        (0, None) => {}
        (count, Some(error)) if error.starts_with(&format!("{count} of 31")) => {}
        (_, unexpected) => panic!("{drop}: {unexpected:?}"),
    }
}

/// One pass feeds many figures, but each depends only on its own columns. (That the list of `worker check` is right for
/// every column, `check::tables` tests.)
#[tokio::test]
async fn a_missing_column_affects_only_its_figures() {
    use Snapshot as S;
    for (column, broken) in [
        (
            "member DROP COLUMN inst_name",
            &[S::InstitutionsMonth, S::InstitutionsYear][..],
        ),
        // Without these no title is hidden and nobody is pending.
        ("biblio DROP COLUMN opac_hide", &[]),
        ("member DROP COLUMN is_pending", &[]),
        ("member DROP COLUMN member_since_date", &[]),
        ("loan DROP COLUMN due_date", &[S::Circulation]),
        (
            "loan DROP COLUMN member_id",
            &[S::TopBorrowersMonth, S::TopBorrowersYear, S::LoansMonthly],
        ),
        (
            "member DROP COLUMN member_type_id",
            &[S::MonthlyTypes, S::MemberTypes],
        ),
        (
            "member DROP COLUMN expire_date",
            &[S::MemberCounts, S::MemberTypes],
        ),
        ("biblio DROP COLUMN classification", &[S::Classes]),
        (
            "item DROP COLUMN input_date",
            &[S::GrowthMonthly, S::GrowthYearly],
        ),
        (
            "visitor_count DROP COLUMN room_code",
            &[S::RoomsMonth, S::RoomsYear],
        ),
        // Some databases have renamed it.
        ("visitor_count CHANGE visitor_id id INT AUTO_INCREMENT", &[]),
        ("visitor_count DROP COLUMN visitor_id", &[]),
        // Ids that are no text.
        ("visitor_count MODIFY member_id INT", &[]),
        ("loan MODIFY member_id VARBINARY(20)", &[]),
        ("member MODIFY member_id VARBINARY(20)", &[]),
    ] {
        check_missing(&format!("ALTER TABLE {column}"), broken).await;
    }
}

#[tokio::test]
async fn a_missing_table_affects_only_its_figures() {
    let of = |groups: &[Group]| {
        let all = Snapshot::ALL.into_iter();
        all.filter(|snapshot| groups.contains(&snapshot.group()))
            .collect::<Vec<_>>()
    };
    for (table, broken) in [
        ("mst_member_type", vec![]),
        ("mst_visitor_room", vec![]),
        ("loan_history", vec![]),
        ("visitor_count", of(&[Group::Visitors])),
    ] {
        check_missing(&format!("DROP TABLE {table}"), &broken).await;
    }
}

#[tokio::test]
async fn a_missing_key_is_restored_without_the_database() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let running = fixture.start();
    fixture.await_all().await;
    mariadb.general_log(true).await.unwrap();
    let before = fixture.stored("visitors:weekly").await;
    let _: i64 = fixture
        .redis
        .del(fixture.key("visitors:weekly"))
        .await
        .unwrap();
    let _: i64 = fixture
        .redis
        .del(fixture.key("books:collection"))
        .await
        .unwrap();
    fixture.await_all().await;
    assert_eq!(
        fixture.stored("visitors:weekly").await,
        before,
        "the same bytes"
    );
    let ttl: i64 = fixture
        .redis
        .ttl(fixture.key("visitors:weekly"))
        .await
        .unwrap();
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
    let fixture = fixture_on(mariadb, redis).await;
    let running = fixture.start();
    fixture.await_all().await;
    fixture.await_total(fixture.true_total().await).await;
    redis.kill().await.unwrap();
    redis.start_again().await.unwrap();
    fixture.await_all().await;
    fixture.await_total(fixture.true_total().await).await;
    running.stop().await;
}

#[tokio::test]
async fn the_worker_waits_for_a_database_that_goes_away() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let running = fixture.start();
    fixture.await_all().await;
    let before = fixture.true_total().await;
    fixture.await_total(before).await;
    mariadb.kill().await.unwrap();
    eventually("today's count has expired", SOON, async || {
        fixture.today().await.is_none().then_some(())
    })
    .await;
    fixture.await_all().await;
    mariadb.start_again().await.unwrap();
    fixture.await_total(before).await;
    running.stop().await;
}

#[tokio::test]
async fn the_worker_waits_for_servers_that_start_later() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    mariadb.stop().await.unwrap();
    redis.stop().await.unwrap();
    let running = fixture.start();
    tokio::time::sleep(Duration::from_millis(500)).await;
    redis.start_again().await.unwrap();
    mariadb.start_again().await.unwrap();
    fixture.await_all().await;
    fixture.await_total(fixture.true_total().await).await;
    running.stop().await;
}

#[tokio::test]
async fn a_cron_refreshes_its_group() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    fixture.set("VISITOR_SLOW_CRON", "*/2 * * * * *");
    let running = fixture.start();
    fixture.await_all().await;
    let (visitors, books) = (
        fixture.stored("visitors:weekly").await,
        fixture.stored("books:collection").await,
    );
    eventually("the cron has run", SOON, async || {
        let now = fixture.stored("visitors:weekly").await;
        (now != visitors).then_some(())
    })
    .await;
    assert_eq!(
        fixture.stored("books:collection").await,
        books,
        "books have their own cron"
    );
    running.stop().await;
}
