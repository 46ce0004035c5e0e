//! A name or a secret in a log is found, and fails the test.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use testkit::discretion::{leak, protect, secrets};
use testkit::generate::{Plan, Size, generate};
use testkit::process::Process;

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn whoever_logs_a_secret_fails_its_test() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("url");
    std::fs::write(&file, "redis://worker:from-a-file@host:6379\n").expect("a file");
    let file = file.to_str().expect("a path").to_owned();
    for (name, value, script) in [
        ("MYSQL_PASSWORD", "hunter2", "echo $MYSQL_PASSWORD"),
        ("REDIS_URL", "redis://:hunter2@host", "echo $REDIS_URL >&2"),
        ("REDIS_URL_FILE", &file, "cat $REDIS_URL_FILE"),
        ("MYSQL_USER", "hunter2", "echo nothing"),
    ] {
        let arguments = ["-c", script];
        let env = [(name, value.to_owned())];
        let mut shell = Process::spawn_at(Path::new("/bin/sh"), &arguments, &env).expect("a shell");
        shell.wait_exit(LIMIT).await.expect("it ends");
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(shell)));
        assert_eq!(dropped.is_err(), name != "MYSQL_USER", "{name}");
    }
}

#[test]
fn every_name_of_a_library_is_found() {
    let plan = Plan {
        size: Size::Tiny,
        years: 1,
        now: "2025-09-23T10:00:00".parse().expect("a time"),
        seed: 99,
        dirty: true,
    };
    let library = Arc::new(generate(&plan));
    protect(&library);
    let long = |name: &&str| name.len() >= 6;
    let names = library
        .members
        .iter()
        .map(|member| member.member_name.trim());
    let mut found = 0;
    for name in names.filter(long) {
        let log = format!("a line\n{{\"row\":\"{name}\"}}\nanother\n");
        assert!(
            leak(&log, &[]).is_some_and(|line| line.contains(name)),
            "{name}"
        );
        found += 1;
    }
    assert!(found > 10, "{found} names");
    assert_eq!(
        leak("connecting to MySQL at 127.0.0.1:3306/slims", &[]),
        None
    );
    assert_eq!(secrets(&[("MYSQL_PASSWORD", String::new())]), [""; 0]);
}
