//! Every metric that `deploy/` names exists, and the dashboard shows every metric.

use super::scene::{await_ok, fixture, gateway, local, worker};
use super::{dashboard, read};
use crate::fixture::own_servers;
use std::collections::{BTreeMap, BTreeSet};
use testkit::http::get;
use testkit::process::free_port;

/// Metrics that the dashboard does not show, with the reason.
const NOT_SHOWN: [(&str, &str); 3] = [
    ("worker_today_timestamp_seconds", AS_VIEWERS),
    ("worker_snapshot_timestamp_seconds", AS_VIEWERS),
    ("worker_snapshot_expires_timestamp_seconds", AS_VIEWERS),
];
const AS_VIEWERS: &str = "the gateway's is what viewers see, and outlives the worker";

/// The series in a text of `/metrics`, each with the name of its metric.
fn series(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut series = BTreeMap::new();
    for line in types {
        let (name, kind) = line.split_once(' ').unwrap();
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => &[""],
        };
        for ending in endings {
            series.insert(format!("{name}{ending}"), name.to_owned());
        }
    }
    series
}

/// The words of a text that begin like the name of a metric.
fn metric_names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("worker_") || word.starts_with("gateway_"));
    names.map(str::to_owned).collect()
}

/// All series of a worker and a gateway.
async fn all_series() -> BTreeMap<String, String> {
    let (mariadb, redis) = own_servers().await;
    let mut fixture = fixture(mariadb, redis).await;
    let (_worker, worker_port) = worker(&mut fixture);
    let gateway_port = free_port().unwrap();
    let _gateway = gateway(&fixture, gateway_port, &[]);
    await_ok(worker_port).await;
    await_ok(gateway_port).await;
    let mut all = series(get(local(worker_port), "/metrics").await.text());
    all.extend(series(get(local(gateway_port), "/metrics").await.text()));
    all
}

#[tokio::test]
async fn every_named_metric_exists_and_every_metric_is_shown() {
    let exported = all_series().await;
    let shown: BTreeSet<String> = dashboard::queries()
        .iter()
        .flat_map(|query| metric_names(query))
        .collect();
    assert!(shown.len() > 30, "{shown:?}");
    for file in [
        "alerts.yml",
        "alerts.test.yml",
        "prometheus.yml",
        "README.md",
    ] {
        for name in metric_names(&read(&format!("prometheus/{file}"))) {
            assert!(exported.contains_key(&name), "{file}: there is no {name}");
        }
    }
    for name in &shown {
        assert!(
            exported.contains_key(name),
            "the dashboard: there is no {name}"
        );
    }
    let shown: BTreeSet<&String> = shown.iter().map(|name| &exported[name]).collect();
    for metric in exported.values() {
        let is_excused = NOT_SHOWN.iter().any(|(name, _)| name == metric);
        assert_ne!(shown.contains(metric), is_excused, "{metric}");
    }
}
