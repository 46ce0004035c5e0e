//! The start of the worker through a proxy that delays every byte between it and MySQL.

use super::Setup;
use super::library::Library;
use crate::report;
use crate::samples::Samples;
use anyhow::Result;
use std::time::Duration;
use testkit::fault_proxy::{FaultProxy, Mode};

/// Each way, in milliseconds. The others are compared with the first.
const DELAYS_MS: [u64; 3] = [0, 5, 30];

/// Starts one worker for each delay, after one that warms up.
pub(super) async fn measure(setup: &Setup, library: &Library) -> Result<()> {
    let proxy = FaultProxy::to(setup.maria.port(), 1).await?;
    let settings = setup.worker_at(proxy.port(), library);
    settings.start().await?.0.stop().await?;
    let mut direct = None;
    for millis in DELAYS_MS {
        proxy
            .set(Mode::Delay {
                by: Duration::from_millis(millis),
                jitter: Duration::ZERO,
            })
            .await;
        let (worker, duration) = settings.start().await?;
        worker.stop().await?;
        let seconds = Samples::from(duration.as_secs_f64());
        let direct = direct.get_or_insert_with(|| seconds.clone());
        let name = format!("start to all snapshots, {millis} ms each way");
        let control = [("without a delay", &*direct)];
        report::print_comparison(&name, "s", &seconds, &control);
    }
    Ok(())
}
