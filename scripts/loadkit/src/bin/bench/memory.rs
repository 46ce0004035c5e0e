//! What an idle stream costs the server's memory: the slope over more and more of them.

use crate::stage::Stage;
use anyhow::Result;
use loadkit::crowd::{Crowd, Plan};
use loadkit::measure::Rounds;
use loadkit::meter::{Meter, kernel_memory};
use loadkit::report::{Report, Row};
use std::net::SocketAddr;
use std::time::Duration;

const PART: &str = "memory";
/// The issue's.
const STEPS: [usize; 3] = [1_000, 5_000, 15_000];
const AT_ONCE: usize = 64;
/// For an allocator that gives back late.
const REST: Duration = Duration::from_secs(2);

/// Memory at each step, and after messages at the last.
struct Climb {
    steps: Vec<(usize, u64)>,
    /// The kernel's at the first and at the last.
    kernel: Vec<u64>,
    after_messages: u64,
}

pub(crate) fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let gateway = stage.gateway()?;
    let ours = climb(stage, gateway.address, gateway.meter)?;
    drop(gateway);
    let control = stage.floor()?;
    let floor = climb(stage, control.address, control.meter)?;
    let (ours_slope, floor_slope) = (Rounds::from(ours.slope()), Rounds::from(floor.slope()));
    report.add(
        Row::new(PART, "an idle stream", "KiB", &ours_slope)
            .goal("<= 4; aim for 1")
            .against("floor", &ours_slope, &floor_slope)
            .note(ours.in_words()),
    );
    report.add(
        Row::new(
            PART,
            "of the kernel",
            "KiB",
            &Rounds::from(ours.of_kernel()),
        )
        .note("for both ends of a connection, since the client is here too"),
    );
    let after = Rounds::from(ours.slope_after_messages());
    report.add(Row::new(
        PART,
        "the same after three messages",
        "KiB",
        &after,
    ));
    Ok(())
}

fn climb(stage: &mut Stage, address: SocketAddr, meter: Meter) -> Result<Climb> {
    let mut crowd = Crowd::of(address)?;
    let (mut steps, mut kernel) = (Vec::new(), Vec::new());
    for step in STEPS.into_iter().filter(|step| *step <= stage.most_streams) {
        crowd.grow_to(step, AT_ONCE)?;
        crowd.listen(REST)?;
        steps.push((crowd.streaming(), meter.memory()?));
        kernel.push(kernel_memory()?);
    }
    let plan = Plan {
        messages: 3,
        period: Duration::from_millis(500),
        patient: true,
    };
    crowd.hear(&mut stage.figures, plan)?;
    crowd.listen(REST)?;
    let after_messages = meter.memory()?;
    Ok(Climb {
        steps,
        kernel,
        after_messages,
    })
}

impl Climb {
    /// KiB a stream, from the first step to the last.
    fn slope(&self) -> f64 {
        self.slope_to(self.steps.last().map_or(0, |(_, bytes)| *bytes))
    }

    fn slope_after_messages(&self) -> f64 {
        self.slope_to(self.after_messages)
    }

    fn slope_to(&self, bytes: u64) -> f64 {
        let least = self.steps.first().map_or(0, |(_, bytes)| *bytes);
        self.for_each(least, bytes)
    }

    fn of_kernel(&self) -> f64 {
        let ends = self.kernel.first().zip(self.kernel.last());
        ends.map_or(f64::NAN, |(least, most)| self.for_each(*least, *most))
    }

    /// KiB for each stream that came between the first step and the last.
    fn for_each(&self, least: u64, most: u64) -> f64 {
        let (Some((few, _)), Some((many, _))) = (self.steps.first(), self.steps.last()) else {
            return f64::NAN;
        };
        (most as f64 - least as f64) / 1024.0 / (many - few) as f64
    }

    fn in_words(&self) -> String {
        let steps = self.steps.iter();
        let steps = steps.map(|(streams, bytes)| format!("{streams} streams {} KiB", bytes / 1024));
        steps.collect::<Vec<_>>().join(", ")
    }
}
