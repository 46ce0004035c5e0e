//! Two real gateways behind a real nginx, HAProxy or Caddy, each with its configuration from deploy/balancers.

mod browser;
mod edge;
mod rolling;

use crate::fixture::{LONG, SOON, Worker, envelope, message};
use crate::process::{signal, start_at};
use shared::catalog::Snapshot;
use std::net::SocketAddr;
use testkit::eventually::eventually;
use testkit::http::get;
use testkit::process::{Process, free_port};
use testkit::scrape;
use testkit::server::{shared_redis, unique};

/// Two gateways and their worker. They have a snapshot and the count 1.
struct Pair {
    processes: [Process; 2],
    addresses: [SocketAddr; 2],
    worker: Worker,
    variables: Vec<(&'static str, String)>,
}

impl Pair {
    async fn start(variables: &[(&'static str, &str)]) -> Self {
        let prefix = unique("gw");
        let mut all: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        all.push(("REDIS_KEY_PREFIX", prefix.clone()));
        let worker = Worker::on(&shared_redis().await.url(), &prefix).await;
        let weekly = envelope(Snapshot::Weekly, 1);
        worker.store(Snapshot::Weekly, &weekly).await;
        worker.publish_count(&message(1, LONG), LONG).await;
        let (one, at_one) = start_at(free_port().unwrap(), &all).await;
        let (two, at_two) = start_at(free_port().unwrap(), &all).await;
        let pair = Self {
            processes: [one, two],
            addresses: [at_one, at_two],
            worker,
            variables: all,
        };
        for address in pair.addresses {
            warm(address).await;
        }
        pair
    }

    /// Stops a gateway with SIGTERM, waits for its exit, and starts it again on the same port.
    async fn restart(&mut self, index: usize) {
        let process = &mut self.processes[index];
        signal(process, "TERM");
        let status = process.wait_exit(SOON * 2).await.unwrap();
        assert_eq!(status.code(), Some(0), "{}", process.log());
        let address = self.addresses[index];
        (self.processes[index], _) = start_at(address.port(), &self.variables).await;
        warm(address).await;
    }

    /// The number of streams of each gateway.
    async fn streams(&self) -> [usize; 2] {
        let [one, two] = self.addresses;
        [
            figure(one, "gateway_streams").await,
            figure(two, "gateway_streams").await,
        ]
    }
}

async fn warm(address: SocketAddr) {
    eventually("it has the snapshot and the count", SOON, async || {
        let weekly = get(address, Snapshot::Weekly.path()).await.status;
        let today = get(address, "/api/visitors/today").await.status;
        ((weekly, today) == (200, 200)).then_some(())
    })
    .await;
}

/// The value of a metric of one gateway; 0 if there is none yet.
async fn figure(address: SocketAddr, series: &str) -> usize {
    let metrics = get(address, "/metrics").await;
    scrape::figure(metrics.text(), series).unwrap_or(0)
}
