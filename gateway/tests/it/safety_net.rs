//! The comparison of every key with the cache: it finds what no message announced, and reads little while nothing
//! changes.

use crate::fixture::{Fixture, SOON, Worker};
use fred::interfaces::ClientLike;
use fred::types::InfoKind;
use gateway::config::Config;
use shared::catalog::Snapshot;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::server::Redis;

/// Far longer than a round takes, and far shorter than the pause after it.
const QUIET: Duration = Duration::from_millis(200);

/// A snapshot of 100 KB.
fn large(second: usize) -> String {
    let title = "x".repeat(100_000);
    format!(
        r#"{{"generated_at":"2025-09-23T00:05:{second:02}.000Z","ttl_seconds":90000,"data":["{title}"]}}"#
    )
}

/// How often Redis has executed the commands of a read.
#[derive(Debug, PartialEq)]
struct Calls {
    get: usize,
    getrange: usize,
    pttl: usize,
}

impl Calls {
    async fn read(worker: &Worker) -> Self {
        let statistics = Some(InfoKind::CommandStats);
        let info: String = worker.redis.info(statistics).await.unwrap();
        let of = |command: &str| {
            let start = format!("cmdstat_{command}:calls=");
            let line = info.lines().find_map(|line| line.strip_prefix(&start));
            line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
        };
        Self {
            get: of("get"),
            getrange: of("getrange"),
            pttl: of("pttl"),
        }
    }

    /// Each round reads today's count once, and its lifetime.
    fn rounds(&self) -> usize {
        self.pttl
    }

    /// Each round also reads in full today's count and what cannot be computed.
    fn full_reads_of_snapshots(&self) -> usize {
        self.get - 2 * self.rounds()
    }

    /// Waits until `rounds` are over, and no other has begun.
    async fn after(rounds: usize, worker: &Worker) -> Self {
        eventually("rounds pass", SOON, async || {
            let calls = Self::read(worker).await;
            tokio::time::sleep(QUIET).await;
            let is_quiet = calls == Self::read(worker).await;
            (is_quiet && calls.rounds() >= rounds).then_some(calls)
        })
        .await
    }
}

#[tokio::test]
async fn only_what_has_changed_is_read_in_full() {
    let redis = Redis::start().await.unwrap();
    let worker = Worker::on(&redis.url(), "").await;
    for snapshot in Snapshot::ALL {
        worker.store(snapshot, &large(10)).await;
    }
    let often = |config: &mut Config| config.limits.reread = Duration::from_secs(1);
    let fixture = Fixture::with_worker(worker.into(), &redis.url(), &[], often).await;
    let worker = &fixture.worker;
    for snapshot in Snapshot::ALL {
        fixture.shows(snapshot.path(), &large(10)).await;
    }
    let start = Calls::after(0, worker).await;
    let idle = Calls::after(start.rounds() + 3, worker).await;
    let full_reads = |calls: &Calls| {
        let before = start.full_reads_of_snapshots();
        calls.full_reads_of_snapshots() - before
    };
    assert_eq!(full_reads(&idle), 0, "{idle:?}");
    let rounds = idle.rounds() - start.rounds();
    assert_eq!(idle.getrange - start.getrange, rounds * Snapshot::ALL.len());

    // No message announces it.
    let changed = Snapshot::Yearly;
    worker.set(&worker.keys.snapshot(changed), &large(11)).await;
    fixture.shows(changed.path(), &large(11)).await;
    let found = Calls::read(worker).await;
    assert!(found.rounds() <= idle.rounds() + 2, "{found:?}");
    let later = Calls::after(found.rounds() + 2, worker).await;
    assert_eq!(full_reads(&later), 1, "{later:?}");
}
