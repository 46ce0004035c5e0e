//! The real binary: arguments, exit status, signals, logs, `/health`.

use crate::fixture::{Fixture, SOON};
use nix::sys::signal::Signal;
use shared::catalog::Snapshot;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::process::{Process, free_port};
use testkit::redaction::{find, secrets};
use testkit::schema::Shape;
use worker::config::Config;

const NOW: &str = "2025-09-23T10:00:00";

fn worker(arguments: &[&str], environment: &[(&str, String)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(arguments).env_clear();
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let output = command.output().unwrap();
    for stream in [&output.stdout, &output.stderr] {
        assert_eq!(find(&text(stream), &secrets(environment)), None);
    }
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_bad_configuration_is_one_message_and_status_64() {
    let bad = [
        ("MYSQL_PORT", "x".to_owned()),
        ("MEMBER_NAMES", "x".to_owned()),
        ("MYSQL_PASSWORD", "hunter2".to_owned()),
        ("MYSQL_PASSWORD_FILE", "/dev/null".to_owned()),
        ("REDIS_URL_FILE", "/nowhere/url".to_owned()),
    ];
    let output = worker(&[], &bad);
    assert_eq!(output.status.code(), Some(64));
    let error = text(&output.stderr);
    for name in [
        "MYSQL_PORT=x",
        "MEMBER_NAMES=x",
        "MYSQL_USER is not set",
        "MYSQL_DATABASE is not set",
        "MYSQL_PASSWORD and MYSQL_PASSWORD_FILE are both set",
        "REDIS_URL_FILE=/nowhere/url cannot be read",
    ] {
        assert!(error.contains(name), "{error}");
    }
    assert!(
        !error.contains("hunter2") && output.stdout.is_empty(),
        "{error}"
    );
}

/// One bad variable in each case, and the text that must name it. The rest of the environment is valid.
#[test]
fn every_kind_of_bad_variable_is_named_with_status_64() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = |content: &[u8]| {
        let path = folder.path().join(content.len().to_string());
        std::fs::write(&path, content).unwrap();
        path.into_os_string()
    };
    let cases: [(&str, OsString, &str); 18] = [
        (
            "MYSQL_PASSWORD",
            OsString::from_vec(b"hunter2\xe9".into()),
            "MYSQL_PASSWORD is not UTF-8",
        ),
        ("MYSQL_PASSWORD_FILE", file(b"hunter2\xe9"), "is not UTF-8"),
        (
            "MYSQL_PASSWORD",
            "hunter2\r".into(),
            "MYSQL_PASSWORD ends with a carriage return",
        ),
        (
            "MYSQL_PASSWORD",
            " hunter2".into(),
            "MYSQL_PASSWORD begins or ends with white space",
        ),
        (
            "MYSQL_PASSWORD_FILE",
            file(b" hunter2\n"),
            "begins or ends with white space",
        ),
        (
            "REDIS_URL_FILE",
            file(b"\xef\xbb\xbfredis://:hunter2@h\r\n"),
            "contains a byte order mark",
        ),
        (
            "REDIS_URL",
            "redis://:hunter2\u{1b}@h".into(),
            "REDIS_URL contains a control character (\\u{1b})",
        ),
        ("REDIS_URL", "redis://hunter2:1/x@h".into(), "%2F for /"),
        (
            "MYSQL_HOST",
            "db\r".into(),
            "MYSQL_HOST=db\\r ends with a carriage return",
        ),
        (
            "MYSQL_HOST",
            "db:3307".into(),
            "contains a port: set MYSQL_HOST to the host only, and MYSQL_PORT=3307",
        ),
        (
            "VISITOR_SLOW_CRON",
            "\"5 0 * * *\"".into(),
            "is in quotes: remove them",
        ),
        (
            "MYSQL_TLS_CA",
            "'/ca.pem'".into(),
            "MYSQL_TLS_CA='/ca.pem' is in quotes",
        ),
        (
            "RUST_LOG",
            "warning".into(),
            "RUST_LOG=warning is not a log filter: \"warning\" is not a level (error, warn, info",
        ),
        (
            "RUST_LOG",
            "gateway=debug".into(),
            "such as info,gateway=debug",
        ),
        (
            "HOST",
            "localhost".into(),
            "HOST=localhost is not an IP address",
        ),
        (
            "MEMBER_NAMES",
            "SOME".into(),
            "is not one of full, masked, hidden",
        ),
        (
            "LIBRARY_TIMEZONE",
            "WITA".into(),
            "LIBRARY_TIMEZONE=WITA is Asia/Makassar: write that",
        ),
        (
            "LIBRARY_TIMEZONE",
            "Asia/Jakarta ".into(),
            "LIBRARY_TIMEZONE=Asia/Jakarta  begins or ends",
        ),
    ];
    for (name, value, expected) in cases {
        let output = Command::new(env!("CARGO_BIN_EXE_worker"))
            .env_clear()
            .envs([
                ("MYSQL_USER", "u"),
                ("MYSQL_DATABASE", "d"),
                ("MEMBER_NAMES", "MASKED"),
            ])
            .env(name, &value)
            .output()
            .unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{name}={value:?}: {error}");
        assert!(
            error.starts_with("worker: ") && error.contains(expected),
            "{name}: {error}"
        );
        assert_eq!(error.matches("\n  ").count(), 1, "one line: {error}");
        assert!(
            !error.contains("hunter2") && !error.contains('\r'),
            "{error}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_explains_every_variable_and_shows_no_value() {
    let output = worker(&["--help"], &[("MYSQL_PASSWORD", "hunter2".to_owned())]);
    let help = text(&output.stdout);
    assert!(output.status.success());
    for variable in Config::variables() {
        assert!(
            help.contains(variable.name) && help.contains(variable.help),
            "{}",
            variable.name
        );
    }
    assert!(!help.contains("hunter2"));
}

#[tokio::test]
async fn refresh_reports_failure_by_its_exit_status() {
    let fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    let environment = fixture.environment();
    let output = worker(&["refresh", "visitors:weekly"], &environment);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(fixture.stored("visitors:weekly").await.is_some());
    assert!(fixture.stored("books:collection").await.is_none());
    let output = worker(&["refresh"], &environment);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    fixture.await_all().await;

    fixture.sql("DROP TABLE item").await;
    let output = worker(&["refresh"], &environment);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(
        text(&output.stdout).contains("books:collection"),
        "{}",
        text(&output.stdout)
    );
    let output = worker(&["refresh", "visitors:hourly"], &environment);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("visitors:weekly"),
        "the message lists the names"
    );
}

#[test]
fn manual_and_completions_match_help() {
    let manual = worker(&["manual"], &[]);
    assert!(manual.status.success());
    for variable in Config::variables() {
        assert!(text(&manual.stdout).contains(variable.name));
    }
    let completions = worker(&["completions", "bash"], &[]);
    assert!(text(&completions.stdout).contains("refresh"));
}

#[tokio::test]
async fn the_probe_exits_with_0_only_while_the_worker_lives() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    let probe = |fixture: &Fixture| worker(&["probe"], &fixture.environment()).status.code();
    for port in [0, free_port().unwrap()] {
        fixture.set("WORKER_PORT", &port.to_string());
        assert_eq!(probe(&fixture), Some(1), "{port}");
    }
    let process = Process::spawn("worker", &fixture.environment()).unwrap();
    eventually("the worker runs", SOON, async || {
        (probe(&fixture) == Some(0)).then_some(())
    })
    .await;
    drop(process);
    assert_eq!(probe(&fixture), Some(1));
}

#[tokio::test]
async fn sigterm_ends_it_cleanly_with_and_without_servers() {
    let fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    let mut process = Process::spawn("worker", &fixture.environment()).unwrap();
    fixture.await_all().await;
    process.signal(Signal::SIGTERM).unwrap();
    assert_eq!(
        process.wait_exit(SOON).await.unwrap().code(),
        Some(0),
        "{}",
        process.log()
    );

    let closed_port = free_port().unwrap().to_string();
    let mut environment = fixture.environment();
    environment.retain(|(name, _)| !["MYSQL_PORT", "REDIS_URL"].contains(name));
    environment.push(("MYSQL_PORT", closed_port.clone()));
    environment.push((
        "REDIS_URL",
        format!("redis://:hunter2@127.0.0.1:{closed_port}"),
    ));
    let mut process = Process::spawn("worker", &environment).unwrap();
    eventually("the log names both servers", SOON, async || {
        let log = process.log();
        (log.contains("MySQL is away") && log.contains("Redis is away")).then_some(())
    })
    .await;
    process.signal(Signal::SIGTERM).unwrap();
    assert_eq!(
        process.wait_exit(SOON).await.unwrap().code(),
        Some(0),
        "{}",
        process.log()
    );
}

#[tokio::test]
async fn no_member_name_and_no_secret_is_logged() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    fixture.set("RUST_LOG", "trace");
    fixture.sql("RENAME TABLE biblio TO biblio_away").await;
    let process = Process::spawn("worker", &fixture.environment()).unwrap();
    eventually("some snapshots", SOON, async || {
        fixture.stored("visitors:yearly:top").await
    })
    .await;
    eventually("a failure", SOON, async || {
        process.log().contains("cannot compute ").then_some(())
    })
    .await;
    // Dropping the process searches its log: see testkit::redaction.
    drop(process);
}

#[tokio::test]
async fn health_names_what_is_wrong() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    let port = free_port().unwrap();
    fixture.set("WORKER_PORT", &port.to_string());
    fixture.sql("RENAME TABLE item TO item_away").await;
    let process = Process::spawn("worker", &fixture.environment()).unwrap();
    let health = eventually(
        "health shows the other figures and an error",
        SOON,
        async || {
            let health: serde_json::Value =
                serde_json::from_str(&get(port, "/health").await?).ok()?;
            let fresh = health["snapshots"]
                .as_object()?
                .values()
                .filter(|s| s["state"] == "fresh")
                .count();
            (fresh == Snapshot::ALL.len() - 9
                && health["today"]["total"].is_u64()
                && !health["snapshots"]["books:collection"]["last_error"].is_null())
            .then_some(health)
        },
    )
    .await;
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["mysql"], "connected");
    assert_eq!(health["redis"], "connected");
    assert_eq!(health["snapshots"]["books:collection"]["state"], "missing");
    let error = health["snapshots"]["books:collection"]["last_error"]
        .as_str()
        .unwrap();
    assert!(error.contains("item"), "{error}");
    assert!(health["snapshots"]["visitors:weekly"]["next_run"].is_string());
    assert!(health["crons"]["books"]["next_run"].is_string());
    assert_eq!(health["today_mode"], "direct");
    assert_eq!(health["today_counted"], "direct");
    assert!(get(port, "/livez").await.is_some() && get(port, "/readyz").await.is_some());
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    for (method, path, status) in [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("HEAD", "/health", 200),
        ("GET", "/metrics", 200),
        ("GET", "/nothing", 404),
        ("POST", "/health", 405),
    ] {
        let answer = testkit::http::request(address, method, path, &[]).await;
        assert_eq!(answer.status, status, "{method} {path}");
        let guard = answer.header("x-content-type-options");
        assert_eq!(guard, Some("nosniff"), "{method} {path}");
    }
    drop(process);
}

/// Returns the body of a response with status 200.
async fn get(port: u16, path: &str) -> Option<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let request = async {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        stream
            .write_all(
                format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
            )
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(5), request)
        .await
        .ok()?
        .ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}
