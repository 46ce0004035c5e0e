//! The gateway on one core, and on two that it shares with the load: where nothing is in the way, a request costs the same
//! CPU on both. With two cores in all the rate says less, since the load then takes its half of them.

use crate::seconds;
use crate::stage::Stage;
use anyhow::{Context as _, Result, ensure};
use loadkit::cores;
use loadkit::crowd::{Crowd, Plan};
use loadkit::gateway::Gateway;
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use loadkit::wrk;
use shared::catalog::Snapshot;
use std::time::Duration;

const PART: &str = "one core and two";
/// On their way at once; a smooth opening is not what is measured here.
const AT_ONCE: usize = 256;

#[derive(Default)]
struct Figures {
    rate: Rounds,
    /// Requests for each second of the gateway's CPU.
    efficiency: Rounds,
    /// The gateway's CPU for a delivery, in microseconds.
    delivery: Rounds,
}

pub(crate) fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    ensure!(!stage.cores.is_shared(), "there is only one core");
    let measured = compare(stage);
    cores::stay_on(&[stage.cores.load])?;
    let (one, two) = measured?;
    let path = Snapshot::Weekly.path();
    report.add(
        Row::new(PART, format!("200 {path}, two cores"), "1/s", &two.rate)
            .against("one core", &two.rate, &one.rate)
            .note("the load has a core of its own beside the one, and shares the two"),
    );
    report.add(
        Row::new(
            PART,
            "  for each second of its CPU",
            "1/s",
            &two.efficiency,
        )
        .goal("1 x one core")
        .against("one core", &two.efficiency, &one.efficiency)
        .note("what falls short of 1 is the price of the second core: contention, wake-ups, colder caches"),
    );
    let what = format!("CPU per delivery, {} streams, two cores", stage.streams);
    report.add(Row::new(PART, what, "us", &two.delivery).against(
        "one core",
        &two.delivery,
        &one.delivery,
    ));
    Ok(())
}

/// Takes turns: the one that is first is the second in the next round.
fn compare(stage: &mut Stage) -> Result<(Figures, Figures)> {
    let (mut one, mut two) = (Figures::default(), Figures::default());
    let both = stage.cores.both();
    for round in 0..stage.pace.rounds {
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                one.add(stage, &[stage.cores.server], &[stage.cores.load])?;
            } else {
                two.add(stage, &both, &both)?;
            }
        }
    }
    Ok((one, two))
}

impl Figures {
    fn add(&mut self, stage: &mut Stage, gateway: &[usize], load: &[usize]) -> Result<()> {
        cores::stay_on(load)?;
        let gateway = stage.gateway_on(gateway)?;
        self.read(stage, &gateway, load.len())?;
        self.hear(stage, &gateway)
    }

    fn read(&mut self, stage: &Stage, gateway: &Gateway, threads: usize) -> Result<()> {
        let load = |time| {
            let path = Snapshot::Weekly.path();
            wrk::run_in(threads, gateway.address, path, &[], time)
        };
        load(seconds(1)).context("warming up")?;
        let before = gateway.meter.cpu()?;
        let run = load(stage.pace.read)?;
        let used = gateway.meter.cpu()?.saturating_sub(before);
        self.rate.add(run.rate());
        let efficiency = f64::from(run.requests) / used.as_secs_f64();
        self.efficiency.add(efficiency);
        Ok(())
    }

    fn hear(&mut self, stage: &mut Stage, gateway: &Gateway) -> Result<()> {
        let mut crowd = Crowd::of(gateway.address)?;
        crowd.grow_to(stage.streams, AT_ONCE)?;
        let plan = |messages| Plan {
            messages,
            period: Duration::from_millis(500),
            patient: true,
        };
        // The first messages find cold caches and buffers that have yet to grow.
        crowd.hear(&mut stage.figures, plan(2))?;
        let before = gateway.meter.cpu()?;
        let heard = crowd.hear(&mut stage.figures, plan(stage.pace.messages))?;
        let used = gateway.meter.cpu()?.saturating_sub(before);
        let micros = used.as_secs_f64() * 1e6;
        self.delivery.add(micros / heard.deliveries.max(1) as f64);
        Ok(())
    }
}
