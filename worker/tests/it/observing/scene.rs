//! Real processes in the present, and a real Prometheus that watches them by the files of `deploy/prometheus`.

use super::read;
use crate::fixture::Site;
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

/// Long enough for a Prometheus on a busy machine that also has other tests; nothing waits for it but a failure.
pub(super) const SOON: Duration = Duration::from_secs(60);

/// A library in the present, since a real process knows no other time; where it is not near midnight, so that no day ends
/// within a test.
pub(super) async fn site(mariadb: &'static MariaDb, redis: &'static Redis) -> Site {
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
    let mut site = Site::on(mariadb, &redis.url(), generate(&plan), zone, now, shape).await;
    site.clock = Clock::system();
    site
}

/// A real worker of the site; gives its port too.
pub(super) fn worker(site: &mut Site) -> (Process, u16) {
    let port = free_port().unwrap();
    site.set("WORKER_PORT", &port.to_string());
    let process = Process::spawn("worker", &site.environment()).unwrap();
    (process, port)
}

/// A real gateway of the site, on a port that is free, with more variables.
pub(super) fn gateway(site: &Site, port: u16, more: &[(&str, &str)]) -> Process {
    let mut environment = site.environment();
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

/// Waits until the process at a port says that all is well.
pub(super) async fn well(port: u16) {
    eventually(&format!("{port} is well"), SOON, async || {
        tokio::net::TcpStream::connect(local(port)).await.ok()?;
        let health = get(local(port), "/health").await.json();
        (health["status"] == "ok").then_some(())
    })
    .await;
}

/// Watches these by the very files, but that it looks each half second, and that an alert waits for one second rather than
/// minutes: their own waits are tested by promtool. What an alert is about stays as it is.
pub(super) async fn watch(workers: &[u16], gateways: &[u16]) -> Prometheus {
    let mut configuration = read("prometheus/prometheus.yml");
    for (given, ours) in [
        ("_interval: 15s", "_interval: 500ms".to_owned()),
        ("[\"127.0.0.1:3001\"]", targets(workers)),
        ("[\"127.0.0.1:3000\"]", targets(gateways)),
    ] {
        assert!(configuration.contains(given), "{given}");
        configuration = configuration.replace(given, &ours);
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

/// Waits until an alert fires that has this label, and looks at what it tells people.
pub(super) async fn fires(prometheus: &Prometheus, name: &str, (label, value): (&str, &str)) {
    let alert = eventually(&format!("{name} of {label} {value}"), SOON, async || {
        let mut alerts = prometheus.firing().await.unwrap().into_iter();
        alerts.find(|alert| {
            let labels = &alert["labels"];
            labels["alertname"] == name && labels[label] == value && labels["library"] == "main"
        })
    })
    .await;
    for told in ["summary", "description"] {
        let told = alert["annotations"][told].as_str().unwrap_or_default();
        let flaws = ["error expanding", "<no value>", "  "];
        assert!(!told.is_empty(), "{alert}");
        assert!(!flaws.iter().any(|flaw| told.contains(flaw)), "{told}");
    }
}

/// Waits until no alert fires.
pub(super) async fn is_quiet(prometheus: &Prometheus) {
    eventually("no alert fires", SOON, async || {
        firing(prometheus).await.is_empty().then_some(())
    })
    .await;
}
