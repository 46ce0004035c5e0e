//! Whatever happens to Redis: gateways serve their copy, and the right number comes as soon as it can.

mod fault;

use crate::fixture::SOON;
use crate::redis_faults::fault::{Fault, Place};
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

/// Longer than the worker and the gateway wait for an answer, and than the life of a lease.
const OUTAGE: Duration = Duration::from_secs(6);

/// Lets `faults` happen, one after the other.
async fn survive(faults: &[Fault]) {
    let place = Place::new().await;
    let served = place.served().await;
    for fault in faults {
        let viewers = Viewers::of(&place.gateway).await;
        let before = place.site.true_total().await;
        viewers.see("before", before).await;
        let mut since = Instant::now();
        fault.begin(&place).await;
        place.site.check_in().await;
        if fault.blocks() {
            sleep(OUTAGE).await;
            fault.end(&place).await;
            since = Instant::now();
        }
        viewers.see(&format!("{fault:?}"), before + 1).await;
        tell(&format!("{fault:?}: the right number after"), since);
        if *fault != Fault::FailedOver {
            assert_eq!(place.stored().await, served, "{fault:?}");
            tell(&format!("{fault:?}: all snapshots after"), since);
        }
        assert_eq!(place.served().await, served, "{fault:?}");
        if !fault.blocks() {
            fault.end(&place).await;
        }
        viewers.leave().await;
    }
    for sql in queries(&place.site, place.mariadb).await {
        let is_count = sql.starts_with("SELECT COUNT(*) FROM visitor_count WHERE ");
        assert!(is_count, "what was made was made again: {sql}");
    }
    place.running.stop().await;
}

/// For who measures: `cargo test … -- --nocapture`.
fn tell(what: &str, since: Instant) {
    let took = since.elapsed().as_millis();
    drop(writeln!(std::io::stderr(), "{what} {took} ms"));
}

#[tokio::test]
async fn an_emptied_redis_is_refilled() {
    survive(&[Fault::Restarted, Fault::Flushed, Fault::Restarted]).await;
}

#[tokio::test]
async fn an_unresponsive_redis_is_reconnected() {
    survive(&[Fault::Frozen, Fault::BlackHole, Fault::HostGone]).await;
}

#[tokio::test]
async fn a_distant_redis_delivers_counts() {
    survive(&[Fault::Far, Fault::FarAnew]).await;
}

#[tokio::test]
async fn a_wedged_connection_is_replaced() {
    survive(&[Fault::Wedged, Fault::Unsubscribed, Fault::FailedOver]).await;
}

#[tokio::test]
async fn writes_resume_when_redis_accepts_them_again() {
    survive(&[Fault::Full, Fault::NoRights]).await;
}

/// With a back-off that doubles up to half a minute it would be tried seven times.
#[tokio::test]
async fn a_refused_count_is_retried_without_long_pauses() {
    let place = Place::new().await;
    Fault::Full.begin(&place).await;
    place.mariadb.general_log(true).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let counts = queries(&place.site, place.mariadb).await.len();
    assert!((12..=30).contains(&counts), "{counts} counts in 10 s");
    place.running.stop().await;
}

/// Writes that were given up lie about in sockets, of every kind, while newer ones are made.
#[tokio::test]
async fn a_snapshot_never_gets_older() {
    let every_second = "* * * * * *";
    let crons = ["VISITOR_SLOW_CRON", "BOOKS_SLOW_CRON"].map(|name| (name, every_second));
    let place = Place::with(&crons).await;
    let viewers = Viewers::of(&place.gateway).await;
    for outage in [1_500, 2_500, 3_500] {
        let before = place.site.true_total().await;
        viewers.see("before", before).await;
        Fault::Frozen.begin(&place).await;
        place.site.check_in().await;
        sleep(Duration::from_millis(outage)).await;
        Fault::Frozen.end(&place).await;
        viewers.see("after", before + 1).await;
        let served = place.served().await;
        eventually("all is made anew", SOON, async || {
            let now = place.served().await;
            let mut both = now.iter().zip(&served);
            both.all(|(now, before)| now != before).then_some(())
        })
        .await;
    }
    viewers.leave().await;
    place.running.stop().await;
}

/// Two nights without a database, and without the keys, whose time was over.
#[tokio::test]
async fn snapshots_outlive_missed_crons_and_their_keys() {
    let port = free_port().unwrap();
    let variables = [
        ("SNAPSHOT_TTL_SECONDS", "60"),
        ("WORKER_PORT", &port.to_string()),
    ];
    let place = Place::with(&variables).await;
    let served = place.served().await;
    place.mariadb.kill().await.unwrap();
    let mut night = place.site.clock.now();
    for _ in 0..2 {
        let tomorrow = place.site.clock.now().utc() + chrono::Duration::days(1);
        place.site.clock.step_to(tomorrow);
        eventually("both crons have come, for nothing", SOON, async || {
            let health = get(([127, 0, 0, 1], port).into(), "/health").await.json();
            let failed = |name: String| !health["snapshots"][name]["last_error"].is_null();
            let come = ["visitors", "books"].map(|group| {
                let last = &health["crons"][group]["last_run"];
                last.as_str() > Some(&night.to_string())
            });
            let failed = Snapshot::ALL.map(Snapshot::name).into_iter().all(failed);
            (failed && come == [true; 2]).then_some(())
        })
        .await;
        night = place.site.clock.now();
        for snapshot in Snapshot::ALL {
            let key = place.site.key(&snapshot.name());
            let _: i64 = place.site.redis.pexpire(key, 1, None).await.unwrap();
        }
        assert_eq!(place.stored().await, served);
        assert_eq!(place.served().await, served);
        let health = place.gateway.get("/health").await.json();
        for snapshot in Snapshot::ALL {
            assert_eq!(health["snapshots"][snapshot.name()]["state"], "stale");
        }
    }
    place.mariadb.start_again().await.unwrap();
    eventually("they are made again", SOON, async || {
        let now = place.served().await;
        let mut both = now.iter().zip(&served);
        both.all(|(now, before)| now != before).then_some(())
    })
    .await;
    place.running.stop().await;
}
