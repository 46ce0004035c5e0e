//! The health port: its address, and what could block it.

use crate::fixture::SOON;
use nix::sys::signal::Signal;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use testkit::eventually::eventually;
use testkit::http::get;
use testkit::process::{Process, binary_path, free_port};
use testkit::server::{shared_redis, unique};
use tokio::net::TcpStream;

/// More idle connections than the health port keeps open.
const IDLE: usize = 100;

/// The environment of a worker whose database does not exist.
async fn environment(host: &str, port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("HOST", host.to_owned()),
        ("WORKER_PORT", port.to_string()),
        ("REDIS_URL", shared_redis().await.url()),
        ("REDIS_KEY_PREFIX", unique("lib")),
        ("MYSQL_PORT", free_port().unwrap().to_string()),
        ("MYSQL_USER", "nobody".to_owned()),
        ("MYSQL_DATABASE", "none".to_owned()),
    ]
}

async fn await_listening(address: SocketAddr) {
    eventually("it listens", SOON, async || {
        TcpStream::connect(address).await.ok()
    })
    .await;
}

fn probe(environment: &[(&str, String)]) -> Option<i32> {
    let environment = environment.iter().map(|(name, value)| (name, value));
    let mut probe = Command::new(binary_path("worker").unwrap());
    let probe = probe.arg("probe").env_clear().envs(environment).output();
    probe.unwrap().status.code()
}

#[tokio::test]
async fn the_health_port_listens_on_host_and_a_probe_finds_it() {
    for (host, reachable) in [
        ("::1", "::1"),
        ("::", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"),
    ] {
        let port = free_port().unwrap();
        let environment = environment(host, port).await;
        let _process = Process::spawn("worker", &environment).unwrap();
        let address = SocketAddr::new(reachable.parse().unwrap(), port);
        await_listening(address).await;
        assert_eq!(get(address, "/livez").await.status, 200, "{host}");
        assert_eq!(probe(&environment), Some(0), "{host}");
        let is_everywhere = host == "::";
        let elsewhere = TcpStream::connect(("127.0.0.1", port)).await;
        assert_eq!(elsewhere.is_ok(), is_everywhere, "{host}");
    }
}

#[tokio::test]
async fn idle_connections_do_not_lock_out_a_probe() {
    let port = free_port().unwrap();
    let environment = environment("127.0.0.1", port).await;
    let _process = Process::spawn("worker", &environment).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    await_listening(address).await;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(address).await.unwrap());
        if idle.len() % 10 == 0 {
            assert_eq!(
                probe(&environment),
                Some(0),
                "with {} idle connections",
                idle.len()
            );
        }
    }
}

#[tokio::test]
async fn the_worker_waits_for_a_port_in_use_and_then_fails() {
    for is_freed in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let environment = environment("127.0.0.1", address.port()).await;
        let mut process = Process::spawn("worker", &environment).unwrap();
        eventually("the log says that it retries", SOON, async || {
            let log = process.log();
            log.contains("cannot listen on 127.0.0.1").then_some(())
        })
        .await;
        if is_freed {
            drop(listener);
            eventually("it serves", SOON, async || {
                TcpStream::connect(address).await.ok()?;
                (get(address, "/livez").await.status == 200).then_some(())
            })
            .await;
            continue;
        }
        let status = process.wait_exit(SOON).await.unwrap();
        let log = process.log();
        assert_eq!(status.code(), Some(1), "{log}");
        let expected = format!("another process listens on {address}: stop it, or set WORKER_PORT");
        assert!(log.contains(&expected), "{log}");
        assert!(
            log.contains("two workers on one host need different ports"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn sighup_stops_the_worker_like_sigterm_unless_ignored() {
    for (script, ends) in [("exec $0", true), ("trap '' HUP; exec $0", false)] {
        let port = free_port().unwrap();
        let environment = environment("127.0.0.1", port).await;
        let program = binary_path("worker").unwrap().display().to_string();
        let arguments = ["-c", script, &program];
        let mut process =
            Process::spawn_at(Path::new("/bin/sh"), &arguments, &environment).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        await_listening(address).await;
        process.signal(Signal::SIGHUP).unwrap();
        if !ends {
            // The worker still answers, and a later SIGTERM is the first signal that it gets.
            assert_eq!(get(address, "/livez").await.status, 200);
            process.signal(Signal::SIGTERM).unwrap();
        }
        let status = process.wait_exit(SOON).await.unwrap();
        let log = process.log();
        assert_eq!(status.code(), Some(0), "{log}");
        assert_eq!(log.contains("SIGHUP"), ends, "{log}");
    }
}
