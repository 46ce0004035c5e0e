//! What a request costs Redis: nothing, beyond the reading of every key each 2 s that happens anyhow.

use crate::seconds;
use crate::stage::Stage;
use anyhow::Result;
use loadkit::measure::Rounds;
use loadkit::redis::Connection;
use loadkit::report::{Report, Row};
use loadkit::wrk;
use std::time::{Duration, Instant};

/// Even, so that two of them hold equally many readings; long enough for a few.
const WINDOW: Duration = seconds(6);

pub(crate) fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let gateway = stage.gateway()?;
    let mut redis = Connection::open(stage.redis_port())?;
    let began = (redis.commands_executed()?, Instant::now());
    std::thread::sleep(WINDOW);
    let between = redis.commands_executed()? - began.0;
    let run = wrk::run(gateway.address, "/api/visitors/weekly", &[], WINDOW)?;
    let loaded = redis.commands_executed()? - began.0 - between;
    // One reading more may fall into either window.
    let extra = loaded.saturating_sub(between) as f64;
    let row = Row::new(
        "what a request costs",
        "Redis commands for each request",
        "",
        &Rounds::from(extra / f64::from(run.requests.max(1))),
    );
    report.add(row.goal("0").note(format!(
        "{} requests; {loaded} commands meanwhile, {between} in as long a time without requests",
        run.requests
    )));
    Ok(())
}
