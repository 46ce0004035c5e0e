//! From the start of the worker to all snapshots, with a network of some milliseconds each way between it and MySQL, and how
//! long the server worked for each statement.

use super::scene::Scene;
use anyhow::Result;
use loadkit::library::kept::{DATABASE, READER};
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use loadkit::statements;
use loadkit::worker::Worker;
use std::time::Duration;
use testkit::road::{Mode, Road};
use tokio::time::timeout;

/// Each way, in milliseconds. The first is what the others are compared with.
const DELAYS: [u64; 4] = [0, 1, 5, 30];

pub(super) async fn measure(scene: &Scene<'_>, report: &mut Report) -> Result<()> {
    let measured = starts(scene, report).await;
    statements::log_all(scene.library, false).await?;
    measured
}

async fn starts(scene: &Scene<'_>, report: &mut Report) -> Result<()> {
    let road = Road::to(scene.library.maria.port(), 1).await?;
    let worker = Worker::of(road.port(), DATABASE, READER, scene.redis)?;
    // The first start fills the caches of the server.
    let (serving, _) = worker.start().await?;
    serving.stop().await?;
    let cap = Duration::from_secs(scene.pace.cap.into());
    let mut direct = None;
    for delay in DELAYS {
        let mode = match delay {
            0 => Mode::Open,
            by => Mode::Delay {
                by: Duration::from_millis(by),
                jitter: Duration::ZERO,
            },
        };
        road.set(mode).await;
        statements::log_all(scene.library, true).await?;
        let started = timeout(cap, worker.start()).await;
        let took = match started {
            Ok(started) => {
                let (serving, took) = started?;
                serving.stop().await?;
                Some(took)
            }
            Err(_) => None,
        };
        road.set(Mode::Open).await;
        let seconds = Rounds::from(took.unwrap_or(cap).as_secs_f64());
        let mut of_server: Vec<f64> = statements::of(scene.library, READER.0)
            .await?
            .iter()
            .map(|statement| statement.took * 1e3)
            .collect();
        of_server.sort_unstable_by(f64::total_cmp);
        let at = |share: usize| of_server.get(of_server.len() * share / 100).copied();
        let note = format!(
            "{}{} statements; the server worked {:.2} s, for a statement {:.1} ms (median), {:.1} (p90), {:.1} (most)",
            if took.is_some() { "" } else { "not ready; " },
            of_server.len(),
            of_server.iter().sum::<f64>() / 1e3,
            at(50).unwrap_or(0.0),
            at(90).unwrap_or(0.0),
            of_server.last().copied().unwrap_or(0.0),
        );
        println!(
            "  {delay} ms each way: {:.1} s; {note}",
            took.unwrap_or(cap).as_secs_f64()
        );
        let goal = match delay {
            5 => "<= 3 x direct",
            30 => "<= 10 x direct",
            _ => "",
        };
        let what = format!("start to all snapshots, {delay} ms each way");
        let row = Row::new(scene.name.as_str(), what, "s", &seconds).goal(goal);
        let direct = direct.get_or_insert_with(|| seconds.clone());
        report.add(row.against("direct", &seconds, direct).note(note));
    }
    Ok(())
}
