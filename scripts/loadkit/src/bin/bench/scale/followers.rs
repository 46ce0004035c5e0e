//! What one more gateway, and one more replica, costs the Redis that it follows.

use super::climb::{Climb, Figures, Follower};
use super::scene::Scene;
use anyhow::Result;
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};

/// Beside as many connections that subscribe to the counts and do nothing else.
pub(super) fn measure_gateways(scene: &Scene, steps: &[u16], report: &mut Report) -> Result<()> {
    let followers = [Follower::Gateway, Follower::Subscription];
    let [ours, bare] = compare(scene, steps, followers)?;
    tell("gateway", &ours, ("subscription", &bare), report);
    Ok(())
}

/// Beside as many gateways on the same Redis.
pub(super) fn measure_replicas(scene: &Scene, steps: &[u16], report: &mut Report) -> Result<()> {
    let followers = [Follower::Replica, Follower::Gateway];
    let [ours, gateways] = compare(scene, steps, followers)?;
    tell("replica", &ours, ("gateway", &gateways), report);
    Ok(())
}

/// Takes turns: the one that is first is the second in the next round.
fn compare(scene: &Scene, steps: &[u16], followers: [Follower; 2]) -> Result<[Climb; 2]> {
    let mut steps = steps.to_vec();
    steps.sort_unstable();
    let mut climbs = [Climb::of(&steps), Climb::of(&steps)];
    for round in 0..scene.rounds {
        for turn in 0..2 {
            let next = (round + turn) % 2;
            climbs[next].round(scene, followers[next])?;
        }
    }
    Ok(climbs)
}

fn tell(name: &str, ours: &Climb, (control, theirs): (&'static str, &Climb), report: &mut Report) {
    let part = format!("Redis, for each {name} that follows it, a second");
    report.add(
        Row::new(
            &part,
            "CPU with nobody, a count each second",
            "us/s",
            &ours.alone.cpu_micros,
        )
        .against("again", &ours.alone.cpu_micros, &theirs.alone.cpu_micros)
        .note("how far the two are apart is what cannot be seen of one follower"),
    );
    for ((step, ours), (_, theirs)) in ours.steps.iter().zip(&theirs.steps) {
        report.add(
            Row::new(
                &part,
                format!("CPU for a {name}, of {step}"),
                "us/s",
                &ours.cpu_micros,
            )
            .against(control, &ours.cpu_micros, &theirs.cpu_micros)
            .note(note(ours, theirs)),
        );
        report.add(
            Row::new(
                &part,
                format!("bytes for a {name}, of {step}"),
                "B/s",
                &ours.bytes,
            )
            .against(control, &ours.bytes, &theirs.bytes),
        );
    }
    if let Some((_, most)) = ours.steps.last() {
        let (cpu, bytes) = (median(&most.cpu_micros), median(&most.bytes));
        let fill = 1e6 / cpu;
        let what = format!("{name}s that would fill its core");
        let row = Row::new(&part, what, "", &fill.into());
        let rate = fill * bytes * 8.0 / 1e6;
        report.add(row.note(format!(
            "by division, not tried: 1 s / {cpu:.1} us; they would be sent {rate:.0} Mbit/s; what one costs when it \
             comes is not in it"
        )));
    }
}

fn note(ours: &Figures, theirs: &Figures) -> String {
    let commands = [ours, theirs].map(|figures| median(&figures.commands));
    let others = [ours, theirs].map(|figures| median(&figures.others));
    let told =
        |[ours, theirs]: [f64; 2], digits| format!("{ours:.digits$} (control: {theirs:.digits$})");
    let (commands, others) = (told(commands, 1), told(others, 0));
    format!(
        "commands a second for each: {commands}; percent of its core that others took: {others}"
    )
}

fn median(rounds: &Rounds) -> f64 {
    rounds.spread().map_or(f64::NAN, |spread| spread.median)
}
