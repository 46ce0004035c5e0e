//! Faults of Redis: gateways serve their copies, and the right number is shown as soon as possible.

mod fault;

use crate::fixture::SOON;
use crate::redis_faults::fault::{Fault, Setup};
use crate::together::queries;
use crate::viewers::Viewers;
use fred::interfaces::KeysInterface;
use shared::catalog::Snapshot;
use std::io::Write as _;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::get;
use testkit::process::free_port;
use tokio::time::{Instant, sleep};

/// Longer than worker and gateway wait for a reply, and longer than a lease lives.
const OUTAGE: Duration = Duration::from_secs(6);

/// Injects `faults`, one after the other.
async fn assert_survives(faults: &[Fault]) {
    let setup = Setup::new().await;
    let served = setup.served().await;
    for fault in faults {
        let viewers = Viewers::start(&setup.gateway).await;
        let before = setup.fixture.true_total().await;
        viewers.await_total("before", before).await;
        let mut since = Instant::now();
        fault.begin(&setup).await;
        setup.fixture.check_in().await;
        if fault.blocks() {
            sleep(OUTAGE).await;
            fault.end(&setup).await;
            since = Instant::now();
        }
        viewers.await_total(&format!("{fault:?}"), before + 1).await;
        print_time(&format!("{fault:?}: the right number after"), since);
        if *fault != Fault::FailedOver {
            assert_eq!(setup.stored().await, served, "{fault:?}");
            print_time(&format!("{fault:?}: all snapshots after"), since);
        }
        assert_eq!(setup.served().await, served, "{fault:?}");
        if !fault.blocks() {
            fault.end(&setup).await;
        }
        viewers.stop().await;
    }
    for sql in queries(&setup.fixture, setup.mariadb).await {
        let is_count = sql.starts_with("SELECT COUNT(*) FROM visitor_count WHERE ");
        assert!(is_count, "a figure was computed again: {sql}");
    }
    setup.running.stop().await;
}

/// Prints a measured time, for `cargo test … -- --nocapture`.
fn print_time(what: &str, since: Instant) {
    let took = since.elapsed().as_millis();
    drop(writeln!(std::io::stderr(), "{what} {took} ms"));
}

#[tokio::test]
async fn an_emptied_redis_is_refilled() {
    assert_survives(&[Fault::Restarted, Fault::Flushed, Fault::Restarted]).await;
}

#[tokio::test]
async fn an_unresponsive_redis_is_reconnected() {
    assert_survives(&[Fault::Frozen, Fault::BlackHole, Fault::HostGone]).await;
}

#[tokio::test]
async fn a_distant_redis_delivers_counts() {
    assert_survives(&[Fault::Far, Fault::FarAnew]).await;
}

#[tokio::test]
async fn a_wedged_connection_is_replaced() {
    assert_survives(&[Fault::Wedged, Fault::Unsubscribed, Fault::FailedOver]).await;
}

#[tokio::test]
async fn writes_resume_when_redis_accepts_them_again() {
    assert_survives(&[Fault::Full, Fault::NoRights]).await;
}

/// With a back-off that doubles up to half a minute there would be only seven attempts.
#[tokio::test]
async fn a_refused_count_is_retried_without_long_pauses() {
    let setup = Setup::new().await;
    Fault::Full.begin(&setup).await;
    setup.mariadb.general_log(true).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let counts = queries(&setup.fixture, setup.mariadb).await.len();
    assert!((12..=30).contains(&counts), "{counts} counts in 10 s");
    setup.running.stop().await;
}

/// Abandoned writes of every kind are still in sockets while the worker makes newer ones.
#[tokio::test]
async fn a_snapshot_never_gets_older() {
    let every_second = "* * * * * *";
    let crons = ["VISITOR_SLOW_CRON", "BOOKS_SLOW_CRON"].map(|name| (name, every_second));
    let setup = Setup::with(&crons).await;
    let viewers = Viewers::start(&setup.gateway).await;
    for outage in [1_500, 2_500, 3_500] {
        let before = setup.fixture.true_total().await;
        viewers.await_total("before", before).await;
        Fault::Frozen.begin(&setup).await;
        setup.fixture.check_in().await;
        sleep(Duration::from_millis(outage)).await;
        Fault::Frozen.end(&setup).await;
        viewers.await_total("after", before + 1).await;
        let served = setup.served().await;
        eventually("every figure is refreshed", SOON, async || {
            let now = setup.served().await;
            let mut both = now.iter().zip(&served);
            both.all(|(now, before)| now != before).then_some(())
        })
        .await;
    }
    viewers.stop().await;
    setup.running.stop().await;
}

/// The database is down for two nights, and the keys expire.
#[tokio::test]
async fn snapshots_outlive_missed_crons_and_their_keys() {
    let port = free_port().unwrap();
    let variables = [
        ("SNAPSHOT_TTL_SECONDS", "60"),
        ("WORKER_PORT", &port.to_string()),
    ];
    let setup = Setup::with(&variables).await;
    let served = setup.served().await;
    setup.mariadb.kill().await.unwrap();
    let mut night = setup.fixture.clock.now();
    for _ in 0..2 {
        let tomorrow = setup.fixture.clock.now().utc() + chrono::Duration::days(1);
        setup.fixture.clock.step_to(tomorrow);
        eventually("both crons have run in vain", SOON, async || {
            let health = get(([127, 0, 0, 1], port).into(), "/health").await.json();
            let failed = |name: String| !health["snapshots"][name]["last_error"].is_null();
            let have_run = ["visitors", "books"].map(|group| {
                let last = &health["crons"][group]["last_run"];
                last.as_str() > Some(&night.to_string())
            });
            let failed = Snapshot::ALL.map(Snapshot::name).into_iter().all(failed);
            (failed && have_run == [true; 2]).then_some(())
        })
        .await;
        night = setup.fixture.clock.now();
        for snapshot in Snapshot::ALL {
            let key = setup.fixture.key(&snapshot.name());
            let _: i64 = setup.fixture.redis.pexpire(key, 1, None).await.unwrap();
        }
        assert_eq!(setup.stored().await, served);
        assert_eq!(setup.served().await, served);
        let health = setup.gateway.get("/health").await.json();
        for snapshot in Snapshot::ALL {
            assert_eq!(health["snapshots"][snapshot.name()]["state"], "stale");
        }
    }
    setup.mariadb.start_again().await.unwrap();
    eventually("every figure is refreshed", SOON, async || {
        let now = setup.served().await;
        let mut both = now.iter().zip(&served);
        both.all(|(now, before)| now != before).then_some(())
    })
    .await;
    setup.running.stop().await;
}
