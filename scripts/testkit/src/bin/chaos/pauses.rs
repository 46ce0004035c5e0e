//! Freezes active workers of many libraries for longer than their lease lives, and looks for writes that Redis accepted
//! from them after another worker had written.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::judge::Judge;
use crate::monitor;
use crate::readers::get;
use crate::stage::{Servers, Unit};

const LIBRARY: &str = "pauses";
/// Another worker is active long before this.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(30);

/// Returns whether there was no failure.
pub(crate) async fn run(seed: u64, times: u32, libraries: u32, seconds: u64) -> Result<bool> {
    let judge = Arc::new(Judge::new());
    let servers = Servers::start().await?;
    servers.library(LIBRARY, seed).await?;
    let mut watch = JoinSet::new();
    watch.spawn(monitor::watch(servers.redis.port(), judge.clone()));
    let mut pauses = JoinSet::new();
    for library in 0..libraries {
        // Pairs that know nothing of each other: a prefix each, the same rows.
        let prefix = format!("lib{library}");
        let pair = [
            servers.worker_of("one", LIBRARY, &prefix, seed).await?,
            servers
                .worker_of("other", LIBRARY, &prefix, seed + 1)
                .await?,
        ];
        let of_each = times / libraries + u32::from(library < times % libraries);
        let (judge, pause) = (judge.clone(), Duration::from_secs(seconds));
        pauses.spawn(async move {
            stop_and_go(pair, of_each, pause, seed + u64::from(library), &judge).await
        });
    }
    judge.tells(&format!(
        "{libraries} pairs of workers; {times} pauses of {seconds} s"
    ));
    while let Some(ended) = pauses.join_next().await {
        ended.context("a pair has failed")??;
    }
    Ok(judge.concludes())
}

async fn stop_and_go(
    pair: [Unit; 2],
    times: u32,
    pause: Duration,
    seed: u64,
    judge: &Judge,
) -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..times {
        let began = Instant::now();
        let active = loop {
            match (is_active(&pair[0]).await, is_active(&pair[1]).await) {
                (true, false) => break &pair[0],
                (false, true) => break &pair[1],
                _ => sleep(Duration::from_millis(50)).await,
            }
            anyhow::ensure!(began.elapsed() < TAKE_OVER_LIMIT, "no worker is active");
        };
        // Anywhere within a tick.
        sleep(Duration::from_millis(random.random_range(0..1_500))).await;
        active.process.signal(Signal::SIGSTOP)?;
        sleep(pause).await;
        active.process.signal(Signal::SIGCONT)?;
        judge.saw("pauses");
        // Time for a wrong write.
        sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

async fn is_active(worker: &Unit) -> bool {
    let health = get(worker.port, "/health").await;
    health.is_ok_and(|(_, health)| health["active"] == true)
}
