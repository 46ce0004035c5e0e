//! One message to many streams: the server's CPU for each delivery, and how late the last ones are, beside a bare loop
//! of writes.

use crate::stage::Stage;
use anyhow::Result;
use loadkit::crowd::{Crowd, Plan};
use loadkit::measure::Rounds;
use loadkit::meter::Meter;
use loadkit::report::{Report, Row};
use std::net::SocketAddr;
use std::time::Duration;

/// On their way at once; a smooth opening is not what is measured here.
const AT_ONCE: usize = 256;
/// For what an opening leaves to be done: a gateway that has just started tells who comes of all its figures, within 5 s.
const REST: Duration = Duration::from_millis(5_500);

#[derive(Default)]
struct Figures {
    cpu_micros: Rounds,
    p50: Rounds,
    p99: Rounds,
    missed: u64,
    /// Percent of its core that others took.
    others: Rounds,
}

/// To all streams: half a second apart, and not before everybody has the last.
pub(crate) fn measure_all(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let plan = Plan {
        messages: stage.pace.messages,
        period: Duration::from_millis(500),
        patient: true,
    };
    let (ours, floor) = compare(stage, stage.streams, plan)?;
    let part = "fan-out to many";
    let streams = stage.streams;
    let note = ours.note(&floor);
    report.add(
        Row::new(
            part,
            format!("CPU per delivery, {streams} streams"),
            "us",
            &ours.cpu_micros,
        )
        .goal("<= 1.15 x floor")
        .against("floor", &ours.cpu_micros, &floor.cpu_micros)
        .note(note),
    );
    report.add(
        Row::new(part, "publish -> last byte, p50", "ms", &ours.p50)
            .against("floor", &ours.p50, &floor.p50),
    );
    report.add(
        Row::new(part, "publish -> last byte, p99", "ms", &ours.p99)
            .goal("<= 1.2 x floor")
            .against("floor", &ours.p99, &floor.p99),
    );
    Ok(())
}

/// To 1,000 streams, 50 times a second, whether they keep up or not.
pub(crate) fn measure_rate(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let plan = Plan {
        messages: stage.pace.messages * 25,
        period: Duration::from_millis(20),
        patient: false,
    };
    let (ours, floor) = compare(stage, 1_000, plan)?;
    let part = "fan-out to 1,000, 50 messages a second";
    let note = ours.note(&floor);
    report.add(
        Row::new(part, "publish -> last byte, p99", "ms", &ours.p99)
            .goal("<= 5 ms")
            .against("floor", &ours.p99, &floor.p99)
            .note(note),
    );
    report.add(
        Row::new(part, "publish -> last byte, p50", "ms", &ours.p50)
            .against("floor", &ours.p50, &floor.p50),
    );
    report.add(
        Row::new(part, "CPU per delivery", "us", &ours.cpu_micros).against(
            "floor",
            &ours.cpu_micros,
            &floor.cpu_micros,
        ),
    );
    Ok(())
}

/// Takes turns: the one that is first is the second in the next round. Each comes fresh and serves nobody else.
fn compare(stage: &mut Stage, streams: usize, plan: Plan) -> Result<(Figures, Figures)> {
    let (mut ours, mut floor) = (Figures::default(), Figures::default());
    for round in 0..stage.pace.rounds {
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let gateway = stage.gateway()?;
                ours.add(stage, gateway.address, gateway.meter, streams, plan)?;
            } else {
                let control = stage.floor()?;
                floor.add(stage, control.address, control.meter, streams, plan)?;
            }
        }
    }
    Ok((ours, floor))
}

impl Figures {
    fn note(&self, floor: &Self) -> String {
        let others = self.others.spread().map_or(0.0, |spread| spread.median);
        let (ours, floor) = (self.missed, floor.missed);
        format!(
            "messages missed: {ours} (floor: {floor}); others took {others:.0} % of the server's core"
        )
    }

    fn add(
        &mut self,
        stage: &mut Stage,
        address: SocketAddr,
        meter: Meter,
        streams: usize,
        plan: Plan,
    ) -> Result<()> {
        let mut crowd = Crowd::of(address)?;
        crowd.grow_to(streams, AT_ONCE)?;
        crowd.listen(REST)?;
        // The first messages find cold caches and buffers that have yet to grow.
        let warm = Plan {
            messages: 2,
            patient: true,
            ..plan
        };
        crowd.hear(&mut stage.figures, warm)?;
        let watch = meter.watch(stage.cores.server)?;
        let heard = crowd.hear(&mut stage.figures, plan)?;
        let used = watch.used()?;
        self.cpu_micros.add(used.micros_each(heard.deliveries));
        self.others.add(used.others * 100.0);
        self.p50.add(heard.latency_ms(0.5));
        self.p99.add(heard.latency_ms(0.99));
        let wanted = heard.messages() * crowd.streaming() as u64;
        self.missed += wanted.saturating_sub(heard.deliveries);
        Ok(())
    }
}
