//! `/health` of a new standby reports no errors of the work that another worker does now.

use crate::fixture::{SOON, fixture_on, own_servers};
use fred::interfaces::KeysInterface;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::get;
use testkit::process::free_port;
use tokio::time::timeout;

/// A fault that breaks the work of the active worker.
#[derive(Clone, Copy, Debug)]
enum Broken {
    /// Snapshots cannot be computed.
    Books,
    /// Today's visits cannot be counted.
    Visits,
    /// MySQL is down, and up again before another worker is active.
    MySql,
}

async fn assert_errors_end_with_the_role(broken: Broken) {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture_on(mariadb, redis).await;
    fixture.align_server_clock().await;
    let port = free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    fixture.set("BOOKS_SLOW_CRON", "* * * * * *");
    let running = fixture.start();
    fixture.await_all().await;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let await_health = async |status: &str, active: bool, limit: Duration| {
        let what = format!("{broken:?}: {status}, active {active}");
        eventually(&what, limit, async || {
            let health = get(address, "/health").await.json();
            (health["status"] == status && health["active"] == active).then_some(health)
        })
        .await
    };
    await_health("ok", true, SOON).await;
    match broken {
        Broken::Books => fixture.sql("RENAME TABLE item TO item_away").await,
        Broken::Visits => {
            fixture
                .sql("RENAME TABLE visitor_count TO visitor_count_away")
                .await;
        }
        Broken::MySql => mariadb.kill().await.unwrap(),
    }
    await_health("degraded", true, SOON).await;

    // Another worker takes over.
    let client = fixture.config().redis.client(SOON).unwrap();
    let connection = shared::redis::Connection::start(&client);
    let other = fixture.store("other");
    let lease = fixture.key("worker:lease");
    let takeover = async {
        loop {
            let _: i64 = fixture.redis.del(&lease).await.unwrap();
            if timeout(Duration::from_secs(1), other.lease().wait_until_active())
                .await
                .is_ok()
            {
                break;
            }
        }
        if let Broken::MySql = broken {
            mariadb.start_again().await.unwrap();
        }
        // The standby checks its connection to MySQL every 10 s.
        let health = await_health("ok", false, Duration::from_secs(40)).await;
        assert_eq!(health["today_error"], serde_json::Value::Null, "{health}");
    };
    tokio::select! {
        () = other.lease().keep(&connection, &other) => unreachable!("it keeps the lease for ever"),
        () = takeover => {}
    }

    // When it is active again, it does not report the old error.
    match broken {
        Broken::Books => fixture.sql("RENAME TABLE item_away TO item").await,
        Broken::Visits => {
            fixture
                .sql("RENAME TABLE visitor_count_away TO visitor_count")
                .await;
        }
        Broken::MySql => {}
    }
    other.lease().release().await;
    await_health("ok", true, SOON).await;
    running.stop().await;
}

#[tokio::test]
async fn a_new_standby_is_not_degraded_by_failed_snapshots() {
    Box::pin(assert_errors_end_with_the_role(Broken::Books)).await;
}

#[tokio::test]
async fn a_new_standby_is_not_degraded_by_a_failed_count() {
    Box::pin(assert_errors_end_with_the_role(Broken::Visits)).await;
}

#[tokio::test]
async fn a_new_standby_is_not_degraded_by_a_past_mysql_outage() {
    Box::pin(assert_errors_end_with_the_role(Broken::MySql)).await;
}
