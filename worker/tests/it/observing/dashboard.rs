//! The Grafana dashboard is well formed, and each of its queries has a result.

use super::read;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use testkit::eventually::eventually;
use testkit::http::{Events, get, request};
use testkit::prometheus::Prometheus;

/// Metrics without a series before their first event.
const RARE: [&str; 4] = [
    "worker_mysql_errors_total",
    "gateway_connections_refused_total",
    "gateway_streams_refused_total",
    "gateway_streams_closed_total",
];

fn dashboard() -> Value {
    serde_json::from_str(&read("grafana/dashboard.json")).unwrap()
}

/// The Prometheus queries of the dashboard.
pub(super) fn queries() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    let queries = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    queries.collect()
}

/// Runs each query as Grafana does while clients read, and waits until it has a result.
pub(super) async fn assert_every_query_has_a_result(prometheus: &Prometheus, gateway: SocketAddr) {
    let weekly = "/api/visitors/weekly";
    let etag = get(gateway, weekly)
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    let mut stream = Events::open(gateway).await;
    for query in queries() {
        let concrete_query = query
            .replace("$library", ".*")
            .replace("$__rate_interval", "30s");
        let rare = RARE.iter().any(|name| query.contains(name)) || query.contains("code=\"202\"");
        eventually(
            &format!("a result of {concrete_query}"),
            super::scene::SOON,
            async || {
                stream.next().await?;
                request(gateway, "GET", weekly, &[&format!("If-None-Match: {etag}")]).await;
                let series = prometheus.query(&concrete_query).await.unwrap();
                (rare || !series.is_empty()).then_some(())
            },
        )
        .await;
    }
}

#[test]
fn the_dashboard_is_well_formed() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let (mut titles, mut ids) = (BTreeSet::new(), BTreeSet::new());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(titles.insert(title), "duplicate title {title}");
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "{title}: duplicate id"
        );
        let side = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24, "{title} is too wide");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{title} overlaps another panel");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(
            panel["description"]
                .as_str()
                .is_some_and(|text| text.ends_with('.')),
            "{title}"
        );
        assert!(panel["fieldConfig"]["defaults"].is_object(), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
    }
    assert!(titles.len() > 30, "{}", titles.len());
    for query in queries() {
        assert!(
            query.contains("{library=~\"$library\"") || query.contains(", library=~\"$library\""),
            "{query}"
        );
    }
}
