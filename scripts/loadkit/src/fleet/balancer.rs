//! What a load balancer does: it asks every gateway whether it is ready, sends new streams and requests only to those
//! that are, and tries another one if it cannot connect.

use super::crowd::Crowd;
use super::deployment::Gateway;
use super::protocol::Command;
use crate::samples::Samples;
use anyhow::Result;
use shared::catalog::Snapshot;
use shared::time::every;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::http::fetch;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// As in `deploy/balancers/haproxy.cfg`.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// A gateway that has not answered by then is not ready.
const CHECK_LIMIT: Duration = Duration::from_secs(2);
/// Between two reads: rarely enough not to be a load.
const READ_INTERVAL: Duration = Duration::from_millis(20);

/// Checks the gateways until it is dropped.
pub(super) struct Balancer {
    addresses: Vec<SocketAddr>,
    ready: watch::Receiver<Vec<bool>>,
    _task: JoinSet<Result<()>>,
}

/// Reads one path after the other, as from behind the balancer, until it is stopped.
pub(super) struct Reader {
    stop: watch::Sender<bool>,
    task: JoinSet<Reads>,
}

/// The result of a [`Reader`].
#[derive(Default)]
pub(super) struct Reads {
    /// In milliseconds.
    pub(super) latencies: Samples,
    /// Connections that a gateway refused, so that the next one was tried.
    pub(super) retried: usize,
    /// Reads without a response of 200.
    pub(super) failures: Vec<String>,
}

impl Balancer {
    /// Begins to check, and tells the crowd of each change.
    pub(super) fn start(addresses: Vec<SocketAddr>, crowd: Arc<Crowd>) -> Self {
        let (sender, ready) = watch::channel(vec![true; addresses.len()]);
        let mut task = JoinSet::new();
        let gateways = addresses.clone();
        task.spawn(async move {
            let mut due = every(CHECK_INTERVAL);
            let mut last = Vec::new();
            loop {
                due.tick().await;
                let now = check(&gateways).await;
                if now != last {
                    crowd.order(&Command::Ready(now.clone())).await?;
                    sender.send_replace(now.clone());
                    last = now;
                }
            }
        });
        Self {
            addresses,
            ready,
            _task: task,
        }
    }

    /// Waits until it uses a gateway.
    pub(super) async fn wait_until_ready(&self, gateway: usize) -> Result<()> {
        let mut ready = self.ready.clone();
        ready.wait_for(|ready| ready[gateway]).await?;
        Ok(())
    }

    /// Begins to read.
    pub(super) fn start_reader(&self) -> Reader {
        let (stop, stopped) = watch::channel(false);
        let mut task = JoinSet::new();
        task.spawn(read_until(
            self.addresses.clone(),
            self.ready.clone(),
            stopped,
        ));
        Reader { stop, task }
    }
}

impl Reader {
    /// Stops reading.
    pub(super) async fn stop(mut self) -> Reads {
        self.stop.send_replace(true);
        let reads = self.task.join_next().await;
        reads.and_then(Result::ok).unwrap_or_default()
    }
}

async fn check(gateways: &[SocketAddr]) -> Vec<bool> {
    let mut checks = JoinSet::new();
    for (index, address) in gateways.iter().copied().enumerate() {
        checks.spawn(async move {
            let is_ready = timeout(CHECK_LIMIT, Gateway::is_ready(address)).await;
            (index, is_ready.unwrap_or(false))
        });
    }
    let mut ready = checks.join_all().await;
    ready.sort_unstable();
    ready.into_iter().map(|(_, is_ready)| is_ready).collect()
}

async fn read_until(
    addresses: Vec<SocketAddr>,
    ready: watch::Receiver<Vec<bool>>,
    stopped: watch::Receiver<bool>,
) -> Reads {
    let today = ["/api/visitors/today", "/api/visitors/summary"].into_iter();
    let paths = today.chain(Snapshot::ALL.map(Snapshot::path)).cycle();
    let (mut reads, mut turn, mut due) = (Reads::default(), 0, every(READ_INTERVAL));
    for path in paths {
        due.tick().await;
        if *stopped.borrow() {
            break;
        }
        let began = Instant::now();
        let mut answer = Err("no gateway is ready".to_owned());
        for _ in 0..addresses.len() {
            turn = (turn + 1) % addresses.len();
            if !ready.borrow()[turn] {
                continue;
            }
            match fetch(addresses[turn].port(), path).await {
                Ok((200, _)) => answer = Ok(()),
                Ok((status, _)) => answer = Err(format!("{path}: {status}")),
                Err(error) => {
                    answer = Err(format!("{path}: {error:#}"));
                    let cause = error.downcast_ref::<std::io::Error>();
                    if cause.is_some_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused) {
                        reads.retried += 1;
                        continue;
                    }
                }
            }
            break;
        }
        match answer {
            Ok(()) => reads.latencies.add_ms(began.elapsed()),
            Err(failure) => reads.failures.push(failure),
        }
    }
    reads
}
