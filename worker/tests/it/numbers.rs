//! Every snapshot equals the brute-force answer, to the byte, for many time zones, moments, engines and schemas.

use crate::fixture::Fixture;
use chrono::{Datelike, TimeZone};
use testkit::generate::{Plan, Size, generate};
use testkit::oracle::Names;
use testkit::schema::{Engine, Shape};

const MYISAM: Shape = Shape {
    engine: Engine::MyIsam,
    room_code: true,
    loan_history: true,
    date_index: false,
};
const INNODB: Shape = Shape {
    engine: Engine::InnoDb,
    ..MYISAM
};

async fn check(zone: &str, now: &str, shape: Shape) {
    let fixture = Fixture::new(zone, now, shape).await;
    let refreshed = fixture.refresh().await;
    assert_eq!(refreshed.is_ok(), shape.room_code, "{refreshed:?}");
    fixture.assert_all(Names::Full).await;
    let running = fixture.start();
    fixture.await_total(fixture.oracle().today_total()).await;
    assert_eq!(
        fixture.today().await.unwrap().0,
        fixture.oracle().today_date()
    );
    running.stop().await;
}

/// One test for each case, so that they run in parallel and a failure names its case.
macro_rules! cases {
    ($($name:ident: $zone:literal $now:literal $shape:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            check($zone, $now, $shape).await;
        })*
    };
}

cases! {
    an_ordinary_day: "Asia/Jakarta" "2025-09-23T10:00:00" MYISAM;
    an_ordinary_day_on_innodb: "Asia/Jakarta" "2025-09-23T10:00:00" INNODB;
    an_ordinary_day_on_aria: "Asia/Jakarta" "2025-09-23T10:00:00" Shape { engine: Engine::Aria, ..MYISAM };
    an_ordinary_day_with_date_indexes: "Asia/Jakarta" "2025-09-23T10:00:00" Shape { date_index: true, ..INNODB };
    without_room_code: "Asia/Jakarta" "2025-09-23T10:00:00" Shape { room_code: false, ..MYISAM };
    the_last_second_of_a_month: "Asia/Jakarta" "2025-10-31T23:59:30" INNODB;
    the_first_second_of_a_month: "Asia/Jakarta" "2025-11-01T00:00:01" INNODB;
    the_last_second_of_a_year: "Asia/Jayapura" "2025-12-31T23:59:30" MYISAM;
    the_first_second_of_a_year: "Asia/Jayapura" "2026-01-01T00:00:01" MYISAM;
    a_29_february: "Asia/Jakarta" "2024-02-29T12:00:00" Shape { date_index: true, ..MYISAM };
    the_day_after_a_29_february: "Asia/Jakarta" "2024-03-01T00:00:01" MYISAM;
    a_day_of_23_hours_before_the_gap: "Europe/Zurich" "2026-03-29T00:30:00" INNODB;
    a_day_of_23_hours_after_the_gap: "Europe/Zurich" "2026-03-29T23:30:00" INNODB;
    a_day_of_25_hours_before_the_fold: "Europe/Zurich" "2026-10-25T02:30:00" INNODB;
    a_day_of_25_hours_at_its_end: "Europe/Zurich" "2026-10-25T23:59:30" INNODB;
    a_day_without_a_midnight: "Africa/Cairo" "2026-04-24T01:00:00" MYISAM;
    the_evening_before_a_day_without_a_midnight: "Africa/Cairo" "2026-04-23T23:59:30" MYISAM;
    a_midnight_gap_in_the_south: "America/Santiago" "2026-09-06T01:00:00" INNODB;
    a_january_whose_windows_began_last_year: "Asia/Jakarta" "2026-01-20T10:00:00" INNODB;
    a_january_with_date_indexes: "Asia/Jakarta" "2026-01-20T10:00:00" Shape { date_index: true, ..MYISAM };
    a_day_of_23_hours_within_the_last_weeks: "Europe/Zurich" "2026-04-10T10:00:00" MYISAM;
    a_day_of_25_hours_within_the_last_weeks: "Europe/Zurich" "2026-11-05T10:00:00" INNODB;
    an_hour_before_midnight_that_comes_twice: "America/Santiago" "2026-04-04T23:30:00" INNODB;
}

#[tokio::test]
async fn an_hour_before_midnight_the_second_time() {
    let mut fixture = Fixture::new("America/Santiago", "2026-04-04T23:30:00", INNODB).await;
    let local = fixture
        .zone
        .from_local_datetime(&"2026-04-04T23:30:00".parse().unwrap());
    fixture.now = local.latest().unwrap().to_utc();
    fixture.clock.step_to(fixture.now);
    fixture.refresh().await.unwrap();
    fixture.assert_all(Names::Full).await;
}

#[tokio::test]
async fn without_loan_history_only_its_figures_change() {
    let shape = Shape {
        loan_history: false,
        ..MYISAM
    };
    let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", shape).await;
    fixture.refresh().await.unwrap();
    let mut library = (*fixture.library).clone();
    library.histories.clear();
    fixture.library = library.into();
    fixture.assert_all(Names::Full).await;
}

#[tokio::test]
async fn an_empty_database_is_computed_and_empty() {
    let fixture = Fixture::empty().await;
    fixture.refresh().await.unwrap();
    fixture.assert_all(Names::Full).await;
    let top = fixture.stored("visitors:monthly:top").await.unwrap();
    assert!(top.ends_with(r#""period":"2025-09","data":[]}"#), "{top}");
    let running = fixture.start();
    fixture.await_total(0).await;
    running.stop().await;
}

#[tokio::test]
async fn an_empty_current_month_is_an_empty_list() {
    let zone = chrono_tz::Tz::Asia__Jakarta;
    let wall: chrono::NaiveDateTime = "2025-09-23T10:00:00".parse().unwrap();
    let plan = Plan {
        size: Size::Tiny,
        years: 2,
        now: wall,
        seed: 3,
        dirty: true,
    };
    let mut library = generate(&plan);
    library.clear_month(u16::try_from(wall.year()).unwrap(), 9);
    let now = zone.from_local_datetime(&wall).unwrap().to_utc();
    let fixture = Fixture::with_library(library, zone, now, INNODB).await;
    fixture.refresh().await.unwrap();
    fixture.assert_all(Names::Full).await;
    for name in [
        "visitors:monthly:top",
        "books:top-borrowed:month",
        "books:top-borrowers:month",
    ] {
        assert!(
            fixture
                .stored(name)
                .await
                .unwrap()
                .ends_with(r#""data":[]}"#),
            "{name}"
        );
    }
}

#[tokio::test]
async fn names_are_masked_or_hidden_before_they_reach_redis() {
    for (value, names) in [("masked", Names::Masked), ("hidden", Names::Hidden)] {
        let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", MYISAM).await;
        fixture.set("MEMBER_NAMES", value);
        fixture.refresh().await.unwrap();
        fixture.assert_all(names).await;
    }
}

#[tokio::test]
async fn a_school_of_another_seed() {
    let zone = chrono_tz::Tz::Asia__Jakarta;
    let wall = "2025-08-12T14:00:00".parse().unwrap();
    let plan = Plan {
        size: Size::School,
        years: 2,
        now: wall,
        seed: 20_250_812,
        dirty: true,
    };
    let now = zone.from_local_datetime(&wall).unwrap().to_utc();
    let fixture = Fixture::with_library(generate(&plan), zone, now, INNODB).await;
    fixture.refresh().await.unwrap();
    fixture.assert_all(Names::Full).await;
}
