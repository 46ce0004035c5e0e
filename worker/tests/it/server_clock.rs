//! A database server whose clock is wrong: the worker notices it and reports it.

use crate::fixture::{Fixture, SOON, fixture_on, own_servers};
use serde_json::Value;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::mariadb::MariaDb;
use testkit::process::free_port;
use worker::ops::clock_skew::ClockSkewMonitor;

/// Sets the server's clock to the worker's plus `seconds`, for new sessions of accounts without privileges.
async fn step(mariadb: &MariaDb, fixture: &Fixture, seconds: i64) {
    let now = fixture.clock.now().utc().timestamp() + seconds;
    let set = format!("SET GLOBAL init_connect = 'SET timestamp = {now}'");
    mariadb.execute(None, &set).await.unwrap();
}

#[tokio::test]
async fn a_server_clock_five_minutes_off_is_reported_until_it_is_corrected() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    let parts = fixture.parts().await;
    let monitor = ClockSkewMonitor {
        database: parts.database,
        status: parts.status.clone(),
        clock: fixture.clock.clone(),
        period: Duration::from_millis(20),
    };
    step(mariadb, &fixture, -300).await;
    let monitor = tokio::spawn(monitor.run());
    for (seconds, expected) in [
        (-300, Some(-300)),
        (300, Some(300)),
        (90, None),
        (0, None),
        (86_400, Some(86_400)),
    ] {
        step(mariadb, &fixture, seconds).await;
        eventually(&format!("{seconds} s off"), SOON, async || {
            // The server's clock does not advance in this test.
            match (parts.status.now().database_clock_off, expected) {
                (None, None) => Some(()),
                (Some(off), Some(expected)) => ((off - expected).abs() < 60).then_some(()),
                _ => None,
            }
        })
        .await;
    }
    monitor.abort();
}

#[tokio::test]
async fn health_reports_the_clock_difference() {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    let port = free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    for (seconds, status) in [(-300, "degraded"), (0, "ok")] {
        step(mariadb, &fixture, seconds).await;
        let running = fixture.start();
        fixture.await_total(fixture.true_total().await).await;
        let is_reported = |health: &Value| match health["database_clock_off_seconds"].as_i64() {
            Some(off) => seconds != 0 && (off - seconds).abs() < 60,
            None => seconds == 0,
        };
        eventually(&format!("health is {status}"), SOON, async || {
            let health = testkit::http::get(address, "/health").await.json();
            (health["status"] == status
                && health["today"]["total"].is_u64()
                && is_reported(&health))
            .then_some(())
        })
        .await;
        running.stop().await;
    }
}
