//! Clocks that are set: the numbers are right for the clock's day, and each refresh happens exactly once.

use crate::fixture::{Fixture, SOON};
use chrono::{DateTime, TimeDelta, Utc};
use shared::catalog::Snapshot;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::oracle::Names;
use testkit::schema::{Engine, Shape};
use tokio::time::sleep;

const INNODB: Shape = Shape {
    engine: Engine::InnoDb,
    room_code: true,
    loan_history: true,
    date_index: false,
};

/// Longer than the worker takes to find an overdue refresh.
const REFRESH_WAIT: Duration = Duration::from_secs(6);

/// Waits until today's count and the weekly figure are those of the clock's day.
async fn await_right(fixture: &Fixture) {
    let day = fixture.day().to_string();
    let total = fixture.true_total().await;
    let what = format!("{total} visits on {day}");
    eventually(&what, SOON, async || {
        (fixture.today().await? == (day.clone(), total)).then_some(())
    })
    .await;
    eventually(&format!("the week ends on {day}"), SOON, async || {
        let weekly = fixture.stored("visitors:weekly").await?;
        weekly
            .contains(&format!(r#"{{"date":"{day}","total""#))
            .then_some(())?;
        weekly.ends_with(r#""partial":true}]}"#).then_some(())
    })
    .await;
}

/// The beginning of the weekly snapshot, with its `generated_at`.
async fn generated_at(fixture: &Fixture) -> String {
    let stored = fixture.stored("visitors:weekly").await.unwrap();
    stored[..r#"{"generated_at":"2025-09-23T00:05:12.345Z"#.len()].to_owned()
}

async fn assert_follows(step: TimeDelta) {
    let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-30T10:00:00", INNODB).await;
    let running = fixture.start();
    fixture.await_all().await;
    await_right(&fixture).await;
    fixture.now += step;
    fixture.clock.step_to(fixture.now);
    await_right(&fixture).await;
    eventually(
        &format!("every figure is of the new day, {step}"),
        SOON,
        async || {
            let first = r#"{"generated_at":""#.len();
            for snapshot in Snapshot::ALL {
                let stored = fixture.stored(&snapshot.name()).await?;
                let at: DateTime<Utc> = stored[first..first + 24].parse().ok()?;
                (at >= fixture.now && at <= fixture.clock.now().utc()).then_some(())?;
            }
            Some(())
        },
    )
    .await;
    fixture.assert_all(Names::Full).await;
    let first_refresh = generated_at(&fixture).await;
    sleep(REFRESH_WAIT).await;
    assert_eq!(
        generated_at(&fixture).await,
        first_refresh,
        "{step}: made twice"
    );
    running.stop().await;
}

#[tokio::test]
async fn the_worker_follows_a_clock_stepped_by_hours_or_days() {
    tokio::join!(
        assert_follows(TimeDelta::days(2)),
        assert_follows(TimeDelta::days(-2)),
        // Past midnight.
        assert_follows(TimeDelta::hours(15)),
        assert_follows(TimeDelta::hours(-11)),
    );
}

#[tokio::test]
async fn a_step_past_no_cron_time_causes_no_refresh() {
    for step in [TimeDelta::hours(2), TimeDelta::minutes(-4)] {
        let fixture = Fixture::new("Asia/Jakarta", "2025-09-30T10:00:00", INNODB).await;
        let running = fixture.start();
        fixture.await_all().await;
        let first_refresh = generated_at(&fixture).await;
        fixture.clock.step_to(fixture.now + step);
        sleep(REFRESH_WAIT).await;
        assert_eq!(generated_at(&fixture).await, first_refresh, "{step}");
        await_right(&fixture).await;
        running.stop().await;
    }
}

/// No worker ran at the time of the cron.
#[tokio::test]
async fn a_missed_refresh_is_made_after_a_restart() {
    let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-30T23:50:00", INNODB).await;
    let running = fixture.start();
    fixture.await_all().await;
    running.stop().await;
    fixture.now += TimeDelta::minutes(20);
    fixture.clock.step_to(fixture.now);
    let running = fixture.start();
    await_right(&fixture).await;
    running.stop().await;
}
