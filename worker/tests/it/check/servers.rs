//! `worker check` with servers that cannot be reached and with clocks that differ.

use crate::check::{INDEXED, about, assert_complaints, healthy};
use shared::time::Clock;
use testkit::process::free_port;
use worker::check::findings::Verdict;

#[tokio::test]
async fn a_wrong_clock_gets_advice() {
    let mut fixture = healthy(INDEXED).await;
    let now = fixture.clock.now().utc();
    fixture.clock = Clock::starting_at(now + chrono::TimeDelta::minutes(5));
    let report = fixture.check().await;
    assert_complaints(&report, &["clock"]);
    assert!(about(&report, "clock").what.contains("behind the worker's"));
}

#[tokio::test]
async fn an_unreachable_server_is_a_finding_and_the_other_is_still_checked() {
    let mut fixture = healthy(INDEXED).await;
    fixture.set("MYSQL_TLS", "off");
    let valid = fixture
        .environment()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let valid: Vec<(String, String)> = valid.collect();
    let closed_port = free_port().unwrap();
    let user = fixture.user();
    for (name, value, expected) in [
        ("MYSQL_PASSWORD", "hunter2", "Access denied"),
        ("MYSQL_USER", "nobody", "as nobody"),
        ("MYSQL_DATABASE", "elsewhere", "elsewhere"),
        ("MYSQL_PORT", &closed_port.to_string(), "refused"),
        ("MYSQL_TLS", "verify", "TLS"),
    ] {
        fixture.set(name, value);
        let report = fixture.check().await;
        let server = &report.findings[0];
        assert_eq!(
            (server.about.as_str(), server.verdict),
            ("server", Verdict::Broken),
            "{server:?}"
        );
        assert!(format!("{server:?}").contains(expected), "{server:?}");
        assert!(
            server.what.contains("127.0.0.1:")
                && server
                    .what
                    .contains(if name == "MYSQL_USER" { value } else { &user }),
            "{server:?}"
        );
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.about == "rights"),
            "Redis is checked"
        );
        for (name, value) in &valid {
            fixture.set(name, value);
        }
    }
    fixture.set(
        "REDIS_URL",
        &format!("redis://:hunter2@127.0.0.1:{closed_port}"),
    );
    let report = fixture.check().await;
    assert_complaints(&report, &["server"]);
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.about == "visits"),
        "MySQL is checked"
    );
    let output = fixture.worker_check(&[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains(&format!(
            "✗ server            no connection to 127.0.0.1:{closed_port}"
        )),
        "{text}"
    );
}
