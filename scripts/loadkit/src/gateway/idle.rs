//! CPU and memory of an idle gateway, and of idle streams.

use super::Setup;
use crate::process_stats::{kernel_memory, mib};
use crate::report;
use crate::samples::Samples;
use crate::streams::{LOW_CONCURRENCY, Streams};
use anyhow::Result;
use tokio::time::{Duration, sleep};

/// Memory is measured between these two numbers of streams.
const FEW: usize = 1_000;
const MANY: usize = 15_000;
/// For the allocator to give back memory.
const SETTLE: Duration = Duration::from_secs(6);

/// Measures one gateway, first without a stream.
pub(super) async fn measure(setup: &Setup) -> Result<()> {
    report::print_title("idle gateway");
    let gateway = setup.start_gateway().await?;
    let cpu_for = async |time| {
        let before = gateway.stats.cpu()?;
        sleep(time).await;
        anyhow::Ok(gateway.stats.cpu()?.saturating_sub(before).as_secs_f64())
    };
    sleep(SETTLE).await;
    let (time, seconds) = (setup.idle_time, setup.idle_time.as_secs_f64());
    let alone = cpu_for(time).await?;
    let percent = Samples::from(alone / seconds * 100.0);
    report::print_figure("CPU without a stream", "% of a core", &percent);
    let memory = Samples::from(mib(gateway.stats.memory()?));
    report::print_figure("memory without a stream", "MiB", &memory);

    let memory = || Ok::<_, anyhow::Error>([gateway.stats.memory()?, kernel_memory()?]);
    let mut streams = Streams::new(gateway.address);
    streams.open(FEW, LOW_CONCURRENCY).await?;
    sleep(SETTLE).await;
    let at_few = memory()?;
    let more = MANY.min(setup.max_streams) - FEW;
    streams.open(more, LOW_CONCURRENCY).await?;
    sleep(SETTLE).await;
    let (many, at_many) = (streams.count(), memory()?);
    let kib = |index: usize| {
        let bytes = at_many[index] as f64 - at_few[index] as f64;
        Samples::from(bytes / 1024.0 / (many - FEW).max(1) as f64)
    };
    report::print_figure("memory of a stream", "KiB", &kib(0));
    report::print_figure("kernel memory of a stream", "KiB", &kib(1));
    report::print_note("of both ends, because the client is on this machine too");
    let extra = (cpu_for(time).await? - alone).max(0.0);
    let each = Samples::from(extra * 1e6 / seconds / many.max(1) as f64);
    report::print_figure("CPU of a stream", "us per second", &each);
    report::print_note(&format!("between {FEW} and {many} streams"));
    streams.close().await;
    Ok(())
}
