//! A gateway with nothing to do, alone and with idle streams, which get a comment every 15 s.

use crate::stage::Stage;
use anyhow::Result;
use loadkit::crowd::Crowd;
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use std::time::Duration;

const PART: &str = "idle";
const AT_ONCE: usize = 256;
/// For what an opening leaves to be done.
const REST: Duration = Duration::from_secs(2);

pub(crate) fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let gateway = stage.gateway()?;
    std::thread::sleep(REST);
    let window = stage.pace.idle;
    let before = gateway.meter.cpu()?;
    std::thread::sleep(window);
    let alone = gateway.meter.cpu()?.saturating_sub(before);
    let share = Rounds::from(alone.as_secs_f64() / window.as_secs_f64() * 100.0);
    let memory = Rounds::from(gateway.meter.memory()? as f64 / 1e6);
    report.add(Row::new(PART, "CPU without a client", "% of a core", &share).goal("<= 0.2 %"));
    report.add(Row::new(PART, "memory without a client", "MB", &memory).goal("<= 20 MB"));

    let mut crowd = Crowd::of(gateway.address)?;
    crowd.grow_to(stage.streams, AT_ONCE)?;
    crowd.listen(REST)?;
    let before = gateway.meter.cpu()?;
    crowd.listen(window)?;
    let used = gateway.meter.cpu()?.saturating_sub(before);
    let beyond = used.saturating_sub(alone).as_secs_f64() * 1e6;
    let each = beyond / window.as_secs_f64() / crowd.streaming().max(1) as f64;
    report.add(
        Row::new(PART, "CPU of an idle stream", "us/s", &Rounds::from(each))
            .goal("<= 1 us/s")
            .note(format!(
                "{} streams for {} s",
                crowd.streaming(),
                window.as_secs()
            )),
    );
    Ok(())
}
