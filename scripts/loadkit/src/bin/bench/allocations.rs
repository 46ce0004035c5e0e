//! How often a cached answer asks the heap for memory, beside a bare hyper with the same answer.

use crate::reads::PATHS;
use crate::stage::Stage;
use anyhow::{Context as _, Result, ensure};
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use std::process::Command;
use testkit::process::binary_path;

/// They are counted in a program of their own, whose allocator counts: it would slow what others measure.
pub(crate) fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    for path in PATHS {
        let mut command = Command::new(binary_path("counted")?);
        let command = command.args([&stage.redis_port().to_string(), path]);
        let output = command.output().context("starting the counting program")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "counting failed: {errors}");
        let counted = serde_json::from_slice(&output.stdout).context("what was counted")?;
        let [ours, hyper]: [f64; 2] = counted;
        let (beyond, ours, hyper) = (ours - hyper, Rounds::from(ours), Rounds::from(hyper));
        report.add(
            Row::new("heap allocations", format!("200 {path}"), "", &ours)
                .goal("<= 2 beyond hyper")
                .against("hyper", &ours, &hyper)
                .note(format!("{beyond} beyond hyper")),
        );
    }
    Ok(())
}
