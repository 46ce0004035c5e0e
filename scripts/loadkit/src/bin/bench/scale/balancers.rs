//! What a stream costs nginx, HAProxy and Caddy, under the files of deploy/balancers, beside the gateways without one.

use super::scene::Scene;
use super::way::{WAYS, Walk, Way};
use anyhow::{Context as _, Result};
use loadkit::crowd::Plan;
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use std::time::Duration;

/// On their way at once.
const AT_ONCE: usize = 128;
/// For what an opening leaves to be done.
const REST: Duration = Duration::from_millis(500);
/// Streams that are there before memory is counted: the first ones fill what is set aside for all.
const FIRST: usize = 10;

/// All rounds of one way.
#[derive(Default)]
struct Figures {
    delivery_micros: Rounds,
    opening_micros: Rounds,
    stream_kib: Rounds,
    p50: Rounds,
    p99: Rounds,
    missed: u64,
    refused: usize,
    /// Percent of the balancer's core.
    others: Rounds,
}

/// Takes turns: the one that is first in a round is the last in the next.
pub(super) fn measure(scene: &Scene, report: &mut Report) -> Result<()> {
    let mut all: Vec<_> = WAYS.iter().map(|way| (*way, Figures::default())).collect();
    for round in 0..scene.rounds {
        for turn in 0..all.len() {
            let next = (round + turn) % WAYS.len();
            let (way, figures) = &mut all[next];
            let walked = figures.add(scene, *way);
            walked.with_context(|| way.to_string())?;
        }
    }
    let (_, straight) = all.first().context("no way")?;
    for (way, figures) in &all[1..] {
        tell(scene, *way, figures, straight, report);
    }
    Ok(())
}

impl Figures {
    fn add(&mut self, scene: &Scene, way: Way) -> Result<()> {
        let mut walk = Walk::begin(scene, way)?;
        let plan = Plan {
            messages: scene.messages,
            period: Duration::from_millis(200),
            patient: false,
        };
        // Cold caches, and buffers that have yet to grow.
        let warm = Plan {
            messages: 2,
            patient: true,
            ..plan
        };
        let few = scene.streams / FIRST;
        self.refused += walk.crowd.grow_to(few, AT_ONCE)?.refused;
        walk.crowd.hear(&mut walk.figures, warm)?;
        walk.crowd.listen(REST)?;

        let (memory, cpu) = (walk.memory()?, walk.cpu()?);
        self.refused += walk.crowd.grow_to(scene.streams, AT_ONCE)?.refused;
        walk.crowd.listen(REST)?;
        let more = (scene.streams - few) as f64;
        let opening = walk.cpu()?.saturating_sub(cpu);
        self.opening_micros.add(opening.as_secs_f64() * 1e6 / more);
        walk.crowd.hear(&mut walk.figures, warm)?;

        let (cpu, watch) = (walk.cpu()?, walk.watch(scene)?);
        let heard = walk.crowd.hear(&mut walk.figures, plan)?;
        let used = walk.cpu()?.saturating_sub(cpu);
        let deliveries = heard.deliveries.max(1) as f64;
        self.delivery_micros
            .add(used.as_secs_f64() * 1e6 / deliveries);
        if let Some(watch) = watch {
            self.others.add(watch.used()?.others * 100.0);
        }
        self.p50.add(heard.latency_ms(0.5));
        self.p99.add(heard.latency_ms(0.99));
        let wanted = heard.messages() * walk.crowd.streaming() as u64;
        self.missed += wanted.saturating_sub(heard.deliveries);
        let grown = walk.memory()? as f64 - memory as f64;
        self.stream_kib.add(grown / 1024.0 / more);
        Ok(())
    }

    fn note(&self) -> String {
        let others = self.others.spread().map_or(0.0, |spread| spread.median);
        let cpu = self.delivery_micros.spread();
        let each = cpu.map_or(f64::NAN, |spread| 1e6 / spread.median);
        format!(
            "a core would carry {each:.0} deliveries a second (by division, not tried); refused: {}, missed: {}; \
             others took {others:.0} % of its core",
            self.refused, self.missed
        )
    }
}

fn tell(scene: &Scene, way: Way, figures: &Figures, straight: &Figures, report: &mut Report) {
    let part = format!("{way}, {} streams, 5 messages a second", scene.streams);
    let rows = [
        (
            "CPU per delivery",
            "us",
            &figures.delivery_micros,
            &straight.delivery_micros,
        ),
        (
            "CPU to open a stream",
            "us",
            &figures.opening_micros,
            &straight.opening_micros,
        ),
        (
            "memory of a stream",
            "KiB",
            &figures.stream_kib,
            &straight.stream_kib,
        ),
        (
            "publish -> last byte, p50",
            "ms",
            &figures.p50,
            &straight.p50,
        ),
        (
            "publish -> last byte, p99",
            "ms",
            &figures.p99,
            &straight.p99,
        ),
    ];
    for (index, (what, unit, ours, theirs)) in rows.into_iter().enumerate() {
        let row = Row::new(&part, what, unit, ours).against("gateways", ours, theirs);
        report.add(match index {
            0 => row.note(figures.note()),
            _ => row,
        });
    }
}
