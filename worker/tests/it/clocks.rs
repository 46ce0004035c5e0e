//! Clocks that are set: the numbers are right for the clock's day, and each refresh happens exactly once.

use crate::fixture::{SOON, Site};
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
async fn await_right(site: &Site) {
    let day = site.day().to_string();
    let total = site.true_total().await;
    let what = format!("{total} visits on {day}");
    eventually(&what, SOON, async || {
        (site.today().await? == (day.clone(), total)).then_some(())
    })
    .await;
    eventually(&format!("the week ends on {day}"), SOON, async || {
        let weekly = site.stored("visitors:weekly").await?;
        weekly
            .contains(&format!(r#"{{"date":"{day}","total""#))
            .then_some(())?;
        weekly.ends_with(r#""partial":true}]}"#).then_some(())
    })
    .await;
}

/// The beginning of the weekly snapshot, with its `generated_at`.
async fn generated_at(site: &Site) -> String {
    let stored = site.stored("visitors:weekly").await.unwrap();
    stored[..r#"{"generated_at":"2025-09-23T00:05:12.345Z"#.len()].to_owned()
}

async fn assert_follows(step: TimeDelta) {
    let mut site = Site::new("Asia/Jakarta", "2025-09-30T10:00:00", INNODB).await;
    let running = site.start();
    site.await_all().await;
    await_right(&site).await;
    site.now += step;
    site.clock.step_to(site.now);
    await_right(&site).await;
    eventually(
        &format!("every figure is of the new day, {step}"),
        SOON,
        async || {
            let first = r#"{"generated_at":""#.len();
            for snapshot in Snapshot::ALL {
                let stored = site.stored(&snapshot.name()).await?;
                let at: DateTime<Utc> = stored[first..first + 24].parse().ok()?;
                (at >= site.now && at <= site.clock.now().utc()).then_some(())?;
            }
            Some(())
        },
    )
    .await;
    site.assert_all(Names::Full).await;
    let first_refresh = generated_at(&site).await;
    sleep(REFRESH_WAIT).await;
    assert_eq!(
        generated_at(&site).await,
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
        let site = Site::new("Asia/Jakarta", "2025-09-30T10:00:00", INNODB).await;
        let running = site.start();
        site.await_all().await;
        let first_refresh = generated_at(&site).await;
        site.clock.step_to(site.now + step);
        sleep(REFRESH_WAIT).await;
        assert_eq!(generated_at(&site).await, first_refresh, "{step}");
        await_right(&site).await;
        running.stop().await;
    }
}

/// No worker ran at the time of the cron.
#[tokio::test]
async fn a_missed_refresh_is_made_after_a_restart() {
    let mut site = Site::new("Asia/Jakarta", "2025-09-30T23:50:00", INNODB).await;
    let running = site.start();
    site.await_all().await;
    running.stop().await;
    site.now += TimeDelta::minutes(20);
    site.clock.step_to(site.now);
    let running = site.start();
    await_right(&site).await;
    running.stop().await;
}
