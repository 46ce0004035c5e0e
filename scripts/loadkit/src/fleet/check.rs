//! Whether every stream shows the truth.

use super::{Fleet, POLL};
use crate::report;
use crate::samples::Samples;
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A change notice comes within 5 s, and on busy cores later.
const LIMIT: Duration = Duration::from_secs(90);

impl Fleet {
    /// Waits until every stream shows everything right, while nobody checks in, and prints what they show.
    pub(super) async fn check(&mut self, when: &str) -> Result<()> {
        let (mut paused, began) = (self.deployment.check_ins.pause().await?, Instant::now());
        let report = loop {
            let truth = self.deployment.truth(&mut paused).await?;
            let report = self.crowd.report(&truth).await?;
            if report.right == self.streams || began.elapsed() > LIMIT {
                if let Some((total, date)) = report.wrong_example {
                    let (right, today) = (truth.total, truth.date);
                    report::print_note(&format!(
                        "one shows {total} on {date}, not {right} on {today}"
                    ));
                }
                break report;
            }
            sleep(POLL).await;
        };
        let took = Samples::from(began.elapsed().as_secs_f64());
        report::print_figure("last check-in to every stream right", "s", &took);
        report::print_note(&format!(
            "{} streams are open; {} show the number and date of the database and were told of the current copy of every \
             figure ({} have another number or date, {} another copy)",
            report.open, report.right, report.wrong_count, report.wrong_figures
        ));
        let name = format!("streams with everything right {when}");
        self.goals.exactly(&name, self.streams, report.right);
        Ok(())
    }
}
