//! The real binary: its help, exit codes, signals, and dependencies.

use crate::fixture::{LONG, SOON, Worker, message};
use gateway::config::Config;
use shared::environment::EXIT_BAD_CONFIGURATION;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use testkit::process::{Process, free_port};
use testkit::server::{Redis, shared_redis, unique};

const BINARY: &str = env!("CARGO_BIN_EXE_gateway");

pub(crate) async fn start(variables: &[(&str, &str)]) -> (Process, SocketAddr) {
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    start_at(free_port().unwrap(), &variables).await
}

/// The same on a given port.
pub(crate) async fn start_at(port: u16, variables: &[(&str, String)]) -> (Process, SocketAddr) {
    let mut environment = vec![
        ("PORT", port.to_string()),
        ("HOST", "127.0.0.1".to_owned()),
        ("REDIS_URL", shared_redis().await.url()),
        ("REDIS_KEY_PREFIX", unique("gw")),
    ];
    environment.extend_from_slice(variables);
    let process = Process::spawn_at(Path::new(BINARY), &[], &environment).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("the gateway is ready", SOON, async || {
        tokio::net::TcpStream::connect(address).await.ok()?;
        (get(address, "/readyz").await.status == 200).then_some(())
    })
    .await;
    (process, address)
}

pub(crate) fn signal(process: &Process, name: &str) {
    let pid = process.pid().to_string();
    let kill = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(kill.unwrap().success());
}

#[tokio::test]
async fn gateway_starts_without_redis_and_becomes_ready_later() {
    let redis = Redis::start().await.unwrap();
    redis.kill().await.unwrap();
    let port = free_port().unwrap();
    let environment = [
        ("PORT", port.to_string()),
        ("HOST", "127.0.0.1".to_owned()),
        ("REDIS_URL", redis.url()),
    ];
    let _process = Process::spawn_at(Path::new(BINARY), &[], &environment).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("it accepts connections", SOON, async || {
        tokio::net::TcpStream::connect(address).await.ok()
    })
    .await;
    assert_eq!(get(address, "/livez").await.status, 200);
    assert_eq!(get(address, "/readyz").await.status, 503);
    let mut stream = Events::open(address).await;
    assert_eq!(stream.status, 200);

    redis.start_again().await.unwrap();
    eventually("it is ready", SOON, async || {
        (get(address, "/readyz").await.status == 200).then_some(())
    })
    .await;
    let worker = Worker::on(&redis.url(), "").await;
    worker.publish_count(&message(1, LONG), LONG).await;
    assert_eq!(stream.next().await.unwrap().event, "init");
}

#[tokio::test]
async fn sigterm_without_streams_exits_0_at_once() {
    let (mut process, _) = start(&[("SHUTDOWN_DRAIN_SECONDS", "60")]).await;
    signal(&process, "TERM");
    let status = process.wait_exit(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", process.log());
}

#[tokio::test]
async fn sigint_drains_streams_and_exits_0() {
    let (mut process, address) = start(&[("SHUTDOWN_DRAIN_SECONDS", "1")]).await;
    let mut stream = Events::open(address).await;
    signal(&process, "INT");
    let mut last = None;
    while let Some(block) = stream.next().await {
        last = Some(block);
    }
    assert!(stream.clean_end && last.unwrap().retry.is_some());
    let status = process.wait_exit(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", process.log());
}

#[tokio::test]
async fn second_signal_ends_the_process_at_once() {
    let (mut process, address) = start(&[("SHUTDOWN_DRAIN_SECONDS", "60")]).await;
    let _one = Events::open(address).await;
    let _two = Events::open(address).await;
    signal(&process, "TERM");
    eventually("it is stopping", SOON, async || {
        (get(address, "/readyz").await.status == 503).then_some(())
    })
    .await;
    assert!(process.try_exit().unwrap().is_none());
    signal(&process, "TERM");
    let status = process.wait_exit(SOON).await.unwrap();
    assert_ne!(status.code(), Some(0));
}

#[test]
fn every_bad_variable_is_reported_at_once() {
    let output = Command::new(BINARY)
        .env_clear()
        .envs([
            ("PORT", "x"),
            ("SSE_EMIT", "x"),
            ("REDIS_URL", "ftp://:hunter2@x"),
            ("REDIS_URL_FILE", "/nowhere/url"),
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(EXIT_BAD_CONFIGURATION.into()));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let both = "REDIS_URL and REDIS_URL_FILE are both set";
    for name in ["PORT", "SSE_EMIT", both] {
        assert!(stderr.contains(name), "{stderr}");
    }
    assert!(stderr.starts_with("gateway: "), "{stderr}");
    assert!(!stderr.contains("hunter2"));
    assert!(output.stdout.is_empty());
}

#[test]
fn each_kind_of_bad_variable_exits_64_with_its_name() {
    for (name, value, expected) in [
        ("ADMIN_PORT", "3000", "ADMIN_PORT=3000 is the same as PORT"),
        (
            "RUST_LOG",
            "warning",
            "\"warning\" is not a level (error, warn,",
        ),
        ("RUST_LOG", "worker=debug", "such as info,worker=debug"),
        (
            "SSE_EMIT",
            "change\r",
            "SSE_EMIT=change\\r ends with a carriage return",
        ),
        ("REDIS_URL", "redis://u:hunter2?@h", "%3F for ?"),
        ("REDIS_KEY_PREFIX", "\"lib:\"", "is in quotes: remove them"),
        ("CORS_ORIGINS", "*\u{a0}", "begins or ends with white space"),
    ] {
        let output = Command::new(BINARY).env_clear().env(name, value).output();
        let output = output.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        let status = output.status.code();
        assert_eq!(
            status,
            Some(EXIT_BAD_CONFIGURATION.into()),
            "{name}: {error}"
        );
        assert!(
            error.starts_with("gateway: ") && error.contains(expected),
            "{error}"
        );
        assert!(
            !error.contains("hunter2") && !error.contains('\r'),
            "{error}"
        );
    }
}

#[tokio::test]
async fn sighup_drains_streams_and_exits_0() {
    let (mut process, address) = start(&[("SHUTDOWN_DRAIN_SECONDS", "1")]).await;
    let mut stream = Events::open(address).await;
    signal(&process, "HUP");
    while stream.next().await.is_some() {}
    assert!(stream.clean_end);
    let status = process.wait_exit(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", process.log());
}

#[test]
fn port_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Command::new(BINARY)
        .env_clear()
        .envs([("PORT", port.as_str()), ("HOST", "127.0.0.1")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let advice = format!("another process listens on 127.0.0.1:{port}: stop it, or set PORT");
    assert!(stdout.contains(&advice), "{stdout}");
}

#[test]
fn help_explains_every_variable_and_shows_no_value() {
    for flag in ["--help", "-h"] {
        let output = Command::new(BINARY)
            .arg(flag)
            .env("REDIS_URL", "redis://:hunter2@x")
            .env("REDIS_URL_FILE", "/hunter2")
            .output()
            .unwrap();
        assert!(output.status.success());
        let stdout = String::from_utf8(output.stdout).unwrap();
        for variable in Config::variables() {
            assert!(stdout.contains(variable.name), "{stdout}");
            let file = variable.file.unwrap_or_default();
            assert!(stdout.contains(file), "{stdout}");
        }
        assert!(!stdout.contains("hunter2"));
    }
    let version = Command::new(BINARY).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    assert_eq!(
        version.trim(),
        format!("gateway {}", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn manual_and_completions_match_help() {
    let stdout = |arguments: &[&str]| {
        let output = Command::new(BINARY).env_clear().args(arguments).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let manual = stdout(&["manual"]);
    for variable in Config::variables() {
        assert!(manual.contains(variable.name), "{}", variable.name);
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&["completions", shell]).contains("probe"), "{shell}");
    }
}

#[tokio::test]
async fn probe_exits_0_if_the_gateway_is_live() {
    let (process, address) = start(&[]).await;
    let probe = |port: u16| {
        let probe = Command::new(BINARY)
            .env_clear()
            .env("PORT", port.to_string())
            .arg("probe")
            .output();
        let probe = probe.unwrap();
        assert!(probe.stdout.is_empty());
        (
            probe.status.code(),
            String::from_utf8(probe.stderr).unwrap(),
        )
    };
    assert_eq!(probe(address.port()), (Some(0), String::new()));
    // A stopped process: the port is open, but there is no response.
    signal(&process, "STOP");
    let (status, error) = probe(address.port());
    assert_eq!(status, Some(1));
    assert!(error.contains(&address.to_string()), "{error}");
    drop(process);
    assert_eq!(probe(address.port()).0, Some(1));
}

#[test]
fn dependency_tree_contains_no_mysql() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix=none", "-p", "gateway"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("hyper") && !tree.contains("mysql"), "{tree}");
}
