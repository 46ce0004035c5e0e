//! Snapshots that were made under other settings are replaced, and no refresh is repeated at once.

use crate::fixture::{Fixture, SOON, fixture_on, own_servers};
use crate::together::Gateway;
use chrono::TimeDelta;
use fred::interfaces::HashesInterface;
use shared::catalog::Snapshot;
use shared::time::Clock;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::generate::{Plan, Size, generate};
use testkit::http::get;
use testkit::process::{Process, free_port};
use testkit::schema::Shape;
use testkit::scrape::figure;
use tokio::time::{Instant, sleep};

/// How far ahead the wrong clock is. The worker accepts times up to 5 minutes ahead.
const AHEAD: TimeDelta = TimeDelta::seconds(280);

/// A fixture at the real time, since a real process has no other clock.
async fn present_fixture() -> Fixture {
    let (mariadb, redis) = own_servers().await;
    let zone = chrono_tz::Asia::Jakarta;
    let now = Clock::system().now().utc();
    let plan = Plan {
        size: Size::Tiny,
        years: 1,
        now: now.with_timezone(&zone).naive_local(),
        seed: 3,
        dirty: true,
    };
    let mut fixture = Fixture::on(
        mariadb,
        &redis.url(),
        generate(&plan),
        zone,
        now,
        Shape::default(),
    )
    .await;
    fixture.clock = Clock::system();
    fixture
}

fn member_lists() -> impl Iterator<Item = Snapshot> {
    Snapshot::ALL
        .into_iter()
        .filter(|snapshot| snapshot.lists_people())
}

/// Whether a name is in Redis or served by the gateway.
async fn names_are_shown(fixture: &Fixture, gateway: &Gateway) -> bool {
    for snapshot in member_lists() {
        let stored = fixture.stored(&snapshot.name()).await.unwrap_or_default();
        let served = gateway.get(snapshot.path()).await;
        if stored.contains("member_name") || served.text().contains("member_name") {
            return true;
        }
    }
    false
}

async fn metric(port: u16, series: &str) -> u64 {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    figure(get(address, "/metrics").await.text(), series).unwrap_or(0)
}

async fn replace_full_names(by_standby: bool) {
    let mut fixture = present_fixture().await;
    // Full names, made by a worker whose clock is ahead.
    fixture.clock.step_to(Clock::system().now().utc() + AHEAD);
    let full = fixture.start();
    fixture.await_all().await;
    let gateway = Gateway::start(&fixture).await;
    gateway.await_all().await;
    assert!(
        names_are_shown(&fixture, &gateway).await,
        "names are shown at first"
    );

    let port = free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    fixture.set("MEMBER_NAMES", "hidden");
    let hidden = if by_standby {
        let hidden = Process::spawn("worker", &fixture.environment()).unwrap();
        // Until it counts as a standby.
        sleep(Duration::from_secs(11)).await;
        assert!(
            names_are_shown(&fixture, &gateway).await,
            "the other one is active"
        );
        full.stop().await;
        hidden
    } else {
        full.kill();
        Process::spawn("worker", &fixture.environment()).unwrap()
    };
    eventually("no name is shown", SOON, async || {
        (!names_are_shown(&fixture, &gateway).await).then_some(())
    })
    .await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(8) {
        assert!(
            !names_are_shown(&fixture, &gateway).await,
            "a name is shown again"
        );
        sleep(Duration::from_millis(100)).await;
    }
    for snapshot in member_lists() {
        let made =
            format!("worker_snapshot_refreshes_total{{snapshot=\"{snapshot}\",result=\"made\"}}");
        assert_eq!(metric(port, &made).await, 1, "{snapshot} is made once");
    }
    drop(hidden);
}

#[tokio::test]
async fn hidden_names_replace_full_names_of_a_clock_that_is_ahead() {
    replace_full_names(false).await;
}

#[tokio::test]
async fn hidden_names_replace_full_names_when_a_standby_takes_over() {
    replace_full_names(true).await;
}

/// The note of the settings is lost again and again, but the snapshots are still valid.
#[tokio::test]
async fn snapshots_whose_settings_note_is_lost_are_not_recomputed() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    fixture.align_server_clock().await;
    let port = free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    let running = fixture.start();
    fixture.await_all().await;
    let (made, weekly) = (fixture.key("worker:made"), Snapshot::Weekly.name());
    for _ in 0..3 {
        let _: i64 = fixture.redis.hdel(&made, &weekly).await.unwrap();
        eventually("the settings are noted again", SOON, async || {
            let noted: Option<String> = fixture.redis.hget(&made, &weekly).await.unwrap();
            noted
        })
        .await;
    }
    let series =
        format!("worker_snapshot_refreshes_total{{snapshot=\"{weekly}\",result=\"made\"}}");
    assert_eq!(metric(port, &series).await, 1);
    running.stop().await;
}

/// The clock is set back all the time, so each stored snapshot seems to come from a clock that is ahead.
#[tokio::test]
async fn a_refresh_with_a_discarded_result_backs_off_and_is_reported() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    fixture.align_server_clock().await;
    let port = free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    let running = fixture.start();
    fixture.await_all().await;
    let clock = fixture.clock.clone();
    let stepping = tokio::spawn(async move {
        loop {
            clock.step_to(clock.now().utc() - TimeDelta::minutes(6));
            sleep(Duration::from_millis(10)).await;
        }
    });
    let weekly = Snapshot::Weekly.name();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("health and metrics report it", SOON, async || {
        let health = get(address, "/health").await.json();
        let error = health["snapshots"][&weekly]["last_error"].as_str()?;
        let series = format!(
            "worker_snapshot_refreshes_total{{snapshot=\"{weekly}\",result=\"discarded\"}}"
        );
        let is_reported = error.contains("computed again") && health["status"] == "degraded";
        (is_reported && metric(port, &series).await >= 1).then_some(())
    })
    .await;
    let series =
        format!("worker_snapshot_refreshes_total{{snapshot=\"{weekly}\",result=\"made\"}}");
    let before = metric(port, &series).await;
    sleep(Duration::from_secs(10)).await;
    let passes = metric(port, &series).await - before;
    assert!(passes <= 10, "{passes} passes in 10 s");
    stepping.abort();
    assert!(stepping.await.unwrap_err().is_cancelled());
    fixture.clock.step_to(fixture.now + TimeDelta::minutes(1));
    eventually(
        "the worker is ok again",
        Duration::from_secs(60),
        async || {
            let health = get(address, "/health").await.json();
            (health["status"] == "ok").then_some(())
        },
    )
    .await;
    running.stop().await;
}
