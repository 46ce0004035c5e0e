//! The metrics of the worker.

use crate::fixture::{Fixture, SOON};
use shared::catalog::Snapshot;
use std::net::SocketAddr;
use testkit::eventually::eventually;
use testkit::http;
use testkit::process::{Process, free_port};
use testkit::schema::Shape;
use testkit::scrape::figure;
use worker::publish::redis_errors::RedisTask;

async fn scrape(port: u16) -> String {
    let answer = http::get(SocketAddr::from(([127, 0, 0, 1], port)), "/metrics").await;
    let content_type = answer.header("content-type").unwrap();
    assert!(content_type.starts_with("application/openmetrics-text"));
    answer.text().to_owned()
}

/// A worker on a library without the tables `item` and `mst_member_type`.
async fn worker_without_items() -> (Fixture, Process, u16) {
    let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", Shape::default()).await;
    let port = free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    fixture.sql("RENAME TABLE item TO item_away").await;
    fixture.sql("DROP TABLE mst_member_type").await;
    let process = Process::spawn("worker", &fixture.environment()).unwrap();
    let ready = format!("127.0.0.1:{port}");
    eventually("the port is open", SOON, async || {
        std::net::TcpStream::connect(&ready).ok()
    })
    .await;
    (fixture, process, port)
}

#[tokio::test]
async fn refreshes_counts_and_errors_are_in_the_metrics() {
    let (fixture, process, port) = worker_without_items().await;
    let refreshes = |result: &str, snapshot: Snapshot| {
        format!("worker_snapshot_refreshes_total{{snapshot=\"{snapshot}\",result=\"{result}\"}}")
    };
    let text = eventually(
        "the visits are computed, the collection is not",
        SOON,
        async || {
            let text = scrape(port).await;
            let made = figure::<u64>(&text, &refreshes("made", Snapshot::YearlyTop)).is_some();
            let failed = figure::<u64>(&text, &refreshes("failed", Snapshot::Collection)).is_some();
            let counted = figure(&text, "worker_today_counts_total{result=\"published\"}");
            (made && failed && counted >= Some(2.0)).then_some(text)
        },
    )
    .await;
    let value =
        |series: &str| figure::<f64>(&text, series).unwrap_or_else(|| panic!("{series}: {text}"));

    assert_eq!(value(&refreshes("made", Snapshot::Weekly)), 1.0);
    assert_eq!(
        figure::<u64>(&text, &refreshes("failed", Snapshot::Weekly)),
        None
    );
    assert!(value("worker_mysql_errors_total{kind=\"no_table\"}") >= 1.0);
    assert!(value("worker_mysql_statements_total") > 10.0);
    // The scan of the visits alone reads more rows.
    assert!(value("worker_mysql_rows_total") > 100.0);
    for flag in ["mysql_connected", "redis_connected", "lease_held"] {
        assert_eq!(value(&format!("worker_{flag}")), 1.0, "{flag}");
    }
    assert!(value("worker_lease_epoch") >= 1.0);
    for part in RedisTask::ALL.map(RedisTask::name) {
        assert_eq!(
            value(&format!("worker_redis_failing{{part=\"{part}\"}}")),
            0.0,
            "{part}"
        );
    }
    assert_eq!(value("worker_mysql_clock_offset_seconds"), 0.0);
    for drift in ["drifts", "drifted_visits"] {
        assert_eq!(value(&format!("worker_today_{drift}_total")), 0.0);
    }

    let weekly = "snapshot=\"visitors:weekly\"";
    let made = value(&format!("worker_snapshot_timestamp_seconds{{{weekly}}}"));
    let expires = value(&format!(
        "worker_snapshot_expires_timestamp_seconds{{{weekly}}}"
    ));
    assert_eq!(expires - made, 90_000.0);
    let took = value(&format!(
        "worker_snapshot_refresh_duration_seconds{{{weekly}}}"
    ));
    assert!(took > 0.0);
    assert!(value("worker_today_timestamp_seconds") >= made);
    assert_eq!(value("worker_today_visits"), {
        let (_, total) = fixture.today().await.unwrap();
        f64::from(u32::try_from(total).unwrap())
    });
    assert!(value("worker_today_interval_seconds") > 0.0);
    assert!(value("worker_today_count_duration_seconds_count") >= 2.0);
    let next = value("worker_cron_next_run_timestamp_seconds{group=\"visitors\"}");
    assert!(next > made);
    // The last run was due before this worker started.
    let last = value("worker_cron_last_run_timestamp_seconds{group=\"visitors\"}");
    assert!(
        last < made && next - last == 86_400.0,
        "{last} {made} {next}"
    );
    assert!(text.contains("worker_build_info{version=\""), "{text}");
    drop(process);
}

#[tokio::test]
async fn a_standby_reports_its_role() {
    let (mut fixture, active, _) = worker_without_items().await;
    let port = free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    eventually("the first worker counts", SOON, async || {
        fixture.today().await
    })
    .await;
    let standby = Process::spawn("worker", &fixture.environment()).unwrap();
    let ready = format!("127.0.0.1:{port}");
    eventually("the port is open", SOON, async || {
        std::net::TcpStream::connect(&ready).ok()
    })
    .await;
    eventually("the standby knows the lease", SOON, async || {
        let text = scrape(port).await;
        (figure(&text, "worker_lease_epoch") >= Some(1.0)).then_some(())
    })
    .await;
    assert_eq!(figure(&scrape(port).await, "worker_lease_held"), Some(0.0));
    drop(active);
    let text = eventually("it takes over", SOON, async || {
        let text = scrape(port).await;
        (figure(&text, "worker_lease_held") == Some(1.0)).then_some(text)
    })
    .await;
    assert!(figure(&text, "worker_lease_epoch") >= Some(2.0));
    drop(standby);
}
