//! Redis is killed under the full crowd, and started again, empty.

use super::Fleet;
use super::protocol::Truth;
use crate::redis_connection::RedisConnection;
use crate::report;
use anyhow::{Context as _, Result, ensure};
use shared::time::Clock;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Visitors check in meanwhile, so that every screen shows an old number at the end.
const OUTAGE: Duration = Duration::from_secs(5);
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at all streams. The result does not depend on it.
const POLL: Duration = Duration::from_millis(250);
const GOAL: f64 = 2.0;

/// Kills Redis, and measures until every stream shows the right number again.
pub(super) async fn measure(fleet: &mut Fleet) -> Result<()> {
    report::print_title("Redis killed and started again under the full crowd");
    let before = fleet.deployment.check_ins.pause().await?.truth().await?;
    fleet.deployment.redis.kill().await?;
    sleep(OUTAGE).await;
    let mut paused = fleet.deployment.check_ins.pause().await?;
    let (total, date) = paused.truth().await?;
    ensure!(total != before.0, "nobody has checked in");
    // Only the number is looked at; the figures are checked afterwards.
    let truth = Truth {
        total,
        date,
        figures: Vec::new(),
    };
    let cpu = fleet.deployment.cpu()?;
    let port = fleet.deployment.redis.port();
    let answer = tokio::task::spawn_blocking(move || first_answer(port));
    fleet.deployment.redis.start_again().await?;
    let answered = answer.await.context("waiting for Redis")??;
    let began = Instant::now();
    let (report, cpu) = loop {
        let report = fleet.crowd.report(&truth).await?;
        let is_late = began.elapsed() > RECOVERY_LIMIT;
        if report.right == fleet.streams || is_late {
            break (report, fleet.deployment.cpu()?.saturating_sub(cpu));
        }
        sleep(POLL).await;
    };
    let all = report.right == fleet.streams;
    let seconds = match all {
        true => (report.last_change - answered) as f64 / 1e3,
        false => f64::NAN,
    };
    report::print_figure(
        "Redis answers to right number in all streams",
        "s",
        &seconds.into(),
    );
    let cpu = cpu.as_secs_f64();
    report::print_figure("CPU of the gateways meanwhile", "s", &cpu.into());
    let (right, wanted) = (report.right, fleet.streams);
    report::print_note(&format!("{right} of {wanted} streams show it"));
    fleet.goals.at_most(
        "Redis is back to right number in all streams",
        "s",
        GOAL,
        seconds,
    );
    drop(paused);
    Ok(())
}

/// Waits until Redis answers; returns when that was, in milliseconds since 1970.
fn first_answer(port: u16) -> Result<i64> {
    let (clock, began) = (Clock::system(), Instant::now());
    loop {
        let answer = RedisConnection::open(port).and_then(|mut redis| redis.command(&[b"PING"]));
        if answer.is_ok() {
            return Ok(clock.now().millis());
        }
        ensure!(began.elapsed() < ANSWER_LIMIT, "Redis does not answer");
        std::thread::sleep(Duration::from_millis(2));
    }
}
