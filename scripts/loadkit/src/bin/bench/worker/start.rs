//! From the start of the worker to all snapshots, and what it holds when it then idles.

use super::scene::Scene;
use anyhow::Result;
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use std::time::Duration;

pub(super) async fn measure(scene: &mut Scene<'_>, report: &mut Report) -> Result<()> {
    let (seconds, memory) = starts(scene, 1, scene.pace.idle).await?;
    let part = scene.name.as_str();
    report.add(Row::new(
        part,
        "start of the worker to all snapshots",
        "s",
        &seconds,
    ));
    report.add(Row::new(part, "its memory when idle (Pss)", "MiB", &memory).goal("<= 32 MiB"));
    Ok(())
}

pub(super) async fn measure_university(scene: &mut Scene<'_>, report: &mut Report) -> Result<()> {
    // The first one warms up.
    starts(scene, 1, Duration::ZERO).await?;
    let (seconds, memory) = starts(scene, scene.pace.rounds, scene.pace.idle).await?;
    let part = scene.name.as_str();
    let row = Row::new(part, "start of the worker to all snapshots", "s", &seconds);
    report.add(row.goal("<= 3 s"));
    report.add(Row::new(part, "its memory when idle (Pss)", "MiB", &memory).goal("<= 32 MiB"));
    Ok(())
}

/// Seconds and MiB. The pauses of the daily job are the default ones.
async fn starts(scene: &Scene<'_>, rounds: usize, idle: Duration) -> Result<(Rounds, Rounds)> {
    let worker = scene.worker()?;
    let (mut seconds, mut memory) = (Rounds::default(), Rounds::default());
    for _ in 0..rounds {
        let (mut serving, took) = worker.start().await?;
        seconds.add(took.as_secs_f64());
        tokio::time::sleep(idle).await;
        serving.still_running()?;
        memory.add(serving.meter.memory()? as f64 / f64::from(1 << 20));
        serving.stop().await?;
    }
    Ok((seconds, memory))
}
