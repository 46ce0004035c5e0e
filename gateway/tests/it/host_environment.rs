//! Unusual hosts, for both processes: a full disk, another time zone, no writable folder.

use crate::fixture::SOON;
use crate::process::signal;
use shared::environment::EXIT_BAD_CONFIGURATION;
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use testkit::process::{Process, binary_path, free_port};
use testkit::server::{shared_redis, unique};
use tokio::net::TcpStream;

/// Starts a process with a line of `sh`, in which `$0` is its program. The worker finds no database and logs that now
/// and then.
async fn start(name: &str, line: &str, variables: &[(&str, &str)]) -> (Process, SocketAddr) {
    let port = free_port().unwrap();
    let nowhere = free_port().unwrap();
    let mut environment = vec![
        ("HOST", "127.0.0.1".to_owned()),
        ("PORT", port.to_string()),
        ("WORKER_PORT", port.to_string()),
        ("REDIS_URL", shared_redis().await.url()),
        ("REDIS_KEY_PREFIX", unique("gw")),
        ("MYSQL_PORT", nowhere.to_string()),
        ("MYSQL_USER", "nobody".to_owned()),
        ("MYSQL_DATABASE", "none".to_owned()),
        ("RUST_LOG", "debug".to_owned()),
    ];
    let variables = variables.iter();
    environment.extend(variables.map(|(name, value)| (*name, (*value).to_owned())));
    let program = binary_path(name).unwrap().display().to_string();
    let process = Process::spawn_at(Path::new("/bin/sh"), &["-c", line, &program], &environment);
    let (process, address) = (process.unwrap(), SocketAddr::from(([127, 0, 0, 1], port)));
    eventually("it accepts connections", SOON, async || {
        TcpStream::connect(address).await.ok()
    })
    .await;
    (process, address)
}

#[tokio::test]
async fn process_runs_on_if_its_logs_cannot_be_written() {
    for name in ["gateway", "worker"] {
        let (mut process, address) = start(name, "exec $0 >/dev/full 2>&1", &[]).await;
        if name == "gateway" {
            eventually("it is ready", SOON, async || {
                (get(address, "/readyz").await.status == 200).then_some(())
            })
            .await;
            assert_eq!(Events::open(address).await.status, 200);
        }
        // Each request writes a log line at this level, and so does the missing database.
        for _ in 0..200 {
            assert_eq!(get(address, "/livez").await.status, 200);
            drop(TcpStream::connect(address).await.unwrap());
        }
        assert!(process.try_exit().unwrap().is_none());
        signal(&process, "TERM");
        let status = process.wait_exit(SOON * 2).await.unwrap();
        assert_eq!(status.code(), Some(0), "{name}");
    }
}

#[test]
fn failed_output_is_reported_by_the_exit_status() {
    for name in ["gateway", "worker"] {
        let program = binary_path(name).unwrap();
        for (line, expected) in [
            ("exec $0 --help >/dev/full", 1),
            ("exec $0 --version >/dev/full", 1),
            ("exec $0 --nonsense 2>/dev/full", 1),
            ("exec $0 --nonsense", 2),
            ("exec $0 --help >/dev/null", 0),
            (
                "REDIS_URL=x exec $0 2>/dev/full",
                EXIT_BAD_CONFIGURATION.into(),
            ),
        ] {
            let output = Command::new("sh")
                .args(["-c", line])
                .arg(&program)
                .output()
                .unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(expected),
                "{name}: {line}: {stderr}"
            );
            assert!(!stderr.contains("panicked"), "{stderr}");
        }
    }
}

fn open_files(pid: &str) -> BTreeSet<PathBuf> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.is_absolute()).collect()
}

/// The files that a process has opened itself: not its log, and none that it inherited.
fn files(process: &Process) -> Vec<PathBuf> {
    let ours = open_files("self");
    let theirs = open_files(&process.pid().to_string()).into_iter();
    theirs
        .filter(|file| {
            !file.starts_with("/dev") && *file != process.log_path() && !ours.contains(file)
        })
        .collect()
}

#[tokio::test]
async fn no_zone_database_and_no_writable_folder_is_needed() {
    // An unknown zone without a zone database and a temporary folder; another zone; the default.
    let bare = [
        ("TZ", "Nowhere/Nothing"),
        ("TZDIR", "/nonexistent"),
        ("TMPDIR", "/nonexistent"),
    ];
    let other = [("TZ", "America/New_York")];
    // A zone file that shows who opens it.
    let folder = tempfile::tempdir().unwrap();
    let zone_file = folder.path().join("zone");
    let made = Command::new("mkfifo").arg(&zone_file).status().unwrap();
    assert!(made.success());
    let watched = [("TZ", zone_file.to_str().unwrap())];
    let mut runs = Vec::new();
    for variables in [&bare[..], &other[..], &watched[..], &[]] {
        let (gateway, address) = start("gateway", "cd /proc; exec $0", variables).await;
        eventually("it is ready", SOON, async || {
            (get(address, "/readyz").await.status == 200).then_some(())
        })
        .await;
        assert_eq!(files(&gateway), Vec::<PathBuf>::new());

        let (worker, address) = start("worker", "cd /proc; exec $0", variables).await;
        let next_run = eventually("/health shows the next run", SOON, async || {
            let health = get(address, "/health").await.json();
            let next = &health["crons"]["visitors"]["next_run"];
            next.as_str().map(str::to_owned)
        })
        .await;
        assert_eq!(files(&worker), Vec::<PathBuf>::new());
        runs.push(next_run);
        // Without a reader, a pipe cannot be opened for writing.
        let mut writing = OpenOptions::new();
        let opened = writing
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(&zone_file);
        assert!(opened.is_err(), "the zone file was opened");
    }
    // 00:05 in Jakarta, whatever the zone of the host.
    assert!(
        runs.iter().all(|run| run.ends_with("T17:05:00.000Z")),
        "{runs:?}"
    );
}
