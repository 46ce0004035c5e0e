//! Measures take-overs without other faults: the time from the signal that kills or stops the active worker to the
//! first count of another worker.

use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::deployment::Instance;
use crate::monitor::LastCount;
use crate::report::Report;

/// The promises of deploy/RELIABILITY.md.
const PROMISES: [(Signal, Duration); 2] = [
    (Signal::SIGKILL, Duration::from_secs(6)),
    (Signal::SIGTERM, Duration::from_millis(500)),
];
const REPEATS: usize = 3;
/// Until a restarted worker is a standby.
const STANDBY: Duration = Duration::from_secs(2);
/// Far above any promise.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn check(
    instances: &mut [Instance],
    mut counts: watch::Receiver<LastCount>,
    report: &Report,
) -> Result<()> {
    for (signal, promise) in PROMISES {
        for _ in 0..REPEATS {
            sleep(STANDBY).await;
            let took = take_over(instances, &mut counts, signal).await?;
            report.fault(&format!(
                "{signal} to the active worker: another one counts after {took:.2?}"
            ));
            if took > promise {
                report.finding(format!(
                    "{signal}: a take-over took {took:.2?}, promised {promise:?}"
                ));
            }
        }
    }
    Ok(())
}

async fn take_over(
    instances: &mut [Instance],
    counts: &mut watch::Receiver<LastCount>,
    signal: Signal,
) -> Result<Duration> {
    // Just after a count, so that the whole wait is measured.
    let seen = counts.borrow_and_update().counts;
    let next = timeout(LIMIT, counts.wait_for(|last| last.counts > seen));
    let old = *next.await.context("no worker counts")??;
    let active = instances.iter_mut().find(|it| it.process.pid() == old.pid);
    let active = active.context("the active worker is unknown")?;
    active.end(signal)?;
    let start = Instant::now();
    let next = timeout(LIMIT, counts.wait_for(|last| last.epoch > old.epoch));
    next.await.context("no worker took over")??;
    let took = start.elapsed();
    active.restart().await?;
    Ok(took)
}
