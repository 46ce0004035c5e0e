//! Starts real processes at the real time, and a real Prometheus with the files of `deploy/prometheus`.

use super::read;
use crate::fixture::Fixture;
use chrono::Timelike;
use shared::time::Clock;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::generate::{Plan, Size, generate};
use testkit::http::get;
use testkit::mariadb::MariaDb;
use testkit::process::{Process, free_port};
use testkit::prometheus::Prometheus;
use testkit::schema::Shape;
use testkit::server::Redis;

/// Long enough for a Prometheus on a machine that also runs other tests. Only a failing test waits this long.
pub(super) const SOON: Duration = Duration::from_secs(60);

/// A fixture at the real time, since a real process has no other clock. Its time zone is not near midnight, so that no day
/// ends within a test.
pub(super) async fn fixture(mariadb: &'static MariaDb, redis: &'static Redis) -> Fixture {
    let now = Clock::system().now().utc();
    let zone = match now.hour() {
        16 | 17 => chrono_tz::UTC,
        _ => chrono_tz::Asia::Jakarta,
    };
    let plan = Plan {
        size: Size::Tiny,
        years: 1,
        now: now.with_timezone(&zone).naive_local(),
        seed: 5,
        dirty: true,
    };
    let shape = Shape {
        date_index: true,
        ..Shape::default()
    };
    let mut fixture = Fixture::on(mariadb, &redis.url(), generate(&plan), zone, now, shape).await;
    fixture.clock = Clock::system();
    fixture
}

/// Starts a real worker of the fixture, and returns its port too.
pub(super) fn worker(fixture: &mut Fixture) -> (Process, u16) {
    let port = free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    let process = Process::spawn("worker", &fixture.environment()).unwrap();
    (process, port)
}

/// Starts a real gateway of the fixture on a free port, with additional variables.
pub(super) fn gateway(fixture: &Fixture, port: u16, more: &[(&str, &str)]) -> Process {
    let mut environment = fixture.environment();
    environment.retain(|(name, _)| name.starts_with("REDIS"));
    environment.push(("PORT", port.to_string()));
    environment.push(("HOST", "127.0.0.1".to_owned()));
    environment.extend(
        more.iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    Process::spawn("gateway", &environment).unwrap()
}

pub(super) fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Waits until `/health` at a port says `ok`.
pub(super) async fn await_ok(port: u16) {
    eventually(&format!("{port} is ok"), SOON, async || {
        tokio::net::TcpStream::connect(local(port)).await.ok()?;
        let health = get(local(port), "/health").await.json();
        (health["status"] == "ok").then_some(())
    })
    .await;
}

/// Starts a Prometheus with the files of `deploy/prometheus` that scrapes these ports. It scrapes every half second,
/// and alerts wait one second instead of minutes; promtool tests their real waits. The expressions of the alerts stay
/// as they are.
pub(super) async fn start_prometheus(workers: &[u16], gateways: &[u16]) -> Prometheus {
    let mut configuration = read("prometheus/prometheus.yml");
    for (original, replacement) in [
        ("_interval: 15s", "_interval: 500ms".to_owned()),
        ("[\"127.0.0.1:3001\"]", targets(workers)),
        ("[\"127.0.0.1:3000\"]", targets(gateways)),
    ] {
        assert!(configuration.contains(original), "{original}");
        configuration = configuration.replace(original, &replacement);
    }
    let rules = read("prometheus/alerts.yml");
    let rules: Vec<&str> = rules
        .lines()
        .map(|line| match line.trim_start().starts_with("for: ") {
            true => "        for: 1s",
            false => line,
        })
        .collect();
    let files = [
        ("prometheus.yml", configuration),
        ("alerts.yml", rules.join("\n")),
    ];
    Prometheus::start(&files).await.unwrap()
}

fn targets(ports: &[u16]) -> String {
    let targets = ports.iter().map(|port| format!("\"127.0.0.1:{port}\""));
    format!("[{}]", targets.collect::<Vec<_>>().join(", "))
}

/// The names of the alerts that fire.
pub(super) async fn firing(prometheus: &Prometheus) -> BTreeSet<String> {
    let alerts = prometheus.firing().await.unwrap();
    let names = alerts
        .iter()
        .map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned());
    names.collect()
}

/// Waits until an alert with this label fires, and checks its texts.
pub(super) async fn await_alert(prometheus: &Prometheus, name: &str, (label, value): (&str, &str)) {
    let alert = eventually(&format!("{name} of {label} {value}"), SOON, async || {
        let mut alerts = prometheus.firing().await.unwrap().into_iter();
        alerts.find(|alert| {
            let labels = &alert["labels"];
            labels["alertname"] == name && labels[label] == value && labels["library"] == "main"
        })
    })
    .await;
    for annotation in ["summary", "description"] {
        let text = alert["annotations"][annotation]
            .as_str()
            .unwrap_or_default();
        let flaws = ["error expanding", "<no value>", "  "];
        assert!(!text.is_empty(), "{alert}");
        assert!(!flaws.iter().any(|flaw| text.contains(flaw)), "{text}");
    }
}

/// Waits until no alert fires.
pub(super) async fn await_no_alert(prometheus: &Prometheus) {
    eventually("no alert fires", SOON, async || {
        firing(prometheus).await.is_empty().then_some(())
    })
    .await;
}
