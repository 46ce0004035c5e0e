//! Two libraries on two database numbers of one Redis.

use crate::fixture::{Fixture, SOON};
use std::net::SocketAddr;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use testkit::process::{Process, free_port};
use testkit::server::Redis;

/// How many counts are checked. If the libraries shared a channel, both streams would show both counts in turn.
const COUNTS: usize = 20;

/// One library: its worker, its gateway, and the number of its visits today.
struct Library {
    worker: Process,
    _gateway: Process,
    address: SocketAddr,
    database: u8,
    visits: u64,
}

impl Library {
    async fn start(redis: &Redis, database: u8, visits: u64) -> Self {
        let url = format!("{}/{database}", redis.url());
        let mut fixture = Fixture::on_redis(&url).await;
        fixture.set("REDIS_KEY_PREFIX", "");
        for _ in 0..visits {
            fixture.check_in().await;
        }
        let worker = Process::spawn("worker", &fixture.environment()).unwrap();
        let port = free_port().unwrap();
        let environment = [
            ("PORT", port.to_string()),
            ("HOST", "127.0.0.1".to_owned()),
            ("REDIS_URL", url),
        ];
        let gateway = Process::spawn("gateway", &environment).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("the gateway shows the count", SOON, async || {
            tokio::net::TcpStream::connect(address).await.ok()?;
            let answer = get(address, "/api/visitors/today").await;
            (answer.status == 200).then_some(())
        })
        .await;
        Self {
            worker,
            _gateway: gateway,
            address,
            database,
            visits,
        }
    }

    /// Asserts that its stream shows only its own counts, and that the worker logs its channel at start.
    async fn assert_shows_only_its_own(&self) {
        let mut stream = Events::open(self.address).await;
        let mut counts = 0;
        while counts < COUNTS {
            let block = stream.next().await.expect("the stream goes on");
            if !matches!(block.event.as_str(), "init" | "update") {
                continue;
            }
            counts += 1;
            let count: serde_json::Value = serde_json::from_str(&block.data).unwrap();
            // At midnight both counts restart.
            let total = count["total"].as_u64().unwrap();
            assert!(
                total == self.visits || total == 0,
                "{} of {}",
                block.data,
                self.visits
            );
        }
        let channel = format!("such as db{}:visitors:today", self.database);
        assert_eq!(self.worker.log().contains(&channel), self.database != 0);
    }
}

#[tokio::test]
async fn libraries_on_two_database_numbers_never_show_each_others_count() {
    let redis = Redis::start().await.unwrap();
    let (first, second) = tokio::join!(Library::start(&redis, 0, 2), Library::start(&redis, 1, 5),);
    tokio::join!(
        first.assert_shows_only_its_own(),
        second.assert_shows_only_its_own()
    );
}
