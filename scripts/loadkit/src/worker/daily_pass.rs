//! All daily figures, computed without pauses: the duration and the peak memory of the worker.

use super::Setup;
use super::library::Library;
use crate::process_stats::mib;
use crate::report;
use crate::samples::Samples;
use anyhow::Result;

/// Runs some passes, after one that warms up.
pub(super) async fn measure(setup: &Setup, library: &Library) -> Result<()> {
    let worker = setup.worker(library).with("REFRESH_DUTY_PERCENT", "100");
    worker.run_pass().await?;
    let (mut seconds, mut memory) = (Samples::default(), Samples::default());
    for _ in 0..setup.rounds {
        let pass = worker.run_pass().await?;
        seconds.add(pass.duration.as_secs_f64());
        memory.add(mib(pass.peak_memory));
    }
    report::print_figure("daily pass without pauses", "s", &seconds);
    report::print_figure("its peak memory (VmHWM)", "MiB", &memory);
    Ok(())
}
