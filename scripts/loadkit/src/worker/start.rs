//! From the start of the worker until every snapshot exists, and its memory when it is idle.

use super::Setup;
use super::library::Library;
use crate::process_stats::mib;
use crate::report;
use crate::samples::Samples;
use anyhow::Result;
use tokio::time::sleep;

/// Starts some workers, after one that warms up.
pub(super) async fn measure(setup: &Setup, library: &Library) -> Result<()> {
    let settings = setup.worker(library);
    settings.start().await?.0.stop().await?;
    let (mut seconds, mut memory) = (Samples::default(), Samples::default());
    for _ in 0..setup.rounds {
        let (worker, duration) = settings.start().await?;
        seconds.add(duration.as_secs_f64());
        sleep(setup.idle_time).await;
        memory.add(mib(worker.stats.memory()?));
        worker.stop().await?;
    }
    report::print_figure("start to all snapshots", "s", &seconds);
    report::print_figure("memory of the idle worker (Pss)", "MiB", &memory);
    Ok(())
}
