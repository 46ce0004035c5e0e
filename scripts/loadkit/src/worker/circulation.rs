//! The cost of a round of the circulation, compared with counting the open loans by one statement over the table.

use super::Setup;
use super::library::Library;
use super::slow_log::{self, Statement};
use crate::report;
use crate::samples::Samples;
use anyhow::{Context as _, Result, ensure};
use mysql_async::prelude::Queryable as _;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The shortest interval that the worker accepts.
const INTERVAL: Duration = Duration::from_secs(10);
/// How many rounds are measured.
const ROUNDS: u32 = 3;
/// No index helps to count them.
const PLAIN: &str = "SELECT COUNT(*) FROM loan WHERE is_lent = 1 AND is_return = 0";

/// Measures some rounds of a worker that does nothing else, in the server.
pub(super) async fn measure(setup: &Setup, library: &Library) -> Result<()> {
    let statements = record(setup, library).await;
    slow_log::disable(library).await?;
    let statements = statements?;
    let (mut rounds, mut rows) = (Samples::default(), Samples::default());
    // Each round ends with the new loans.
    for round in statements.split_inclusive(|statement| statement.sql.contains("loan_id > ")) {
        rounds.add(round.iter().map(|statement| statement.ms).sum());
        rows.add(round.iter().map(|statement| statement.rows).sum());
    }
    ensure!(rounds.len() > 0, "no round of the circulation");
    let longest = statements.iter().map(|statement| statement.ms);
    let (mut conn, mut plain) = (library.connect().await?, Samples::default());
    let mut open = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let counted: Option<u64> = conn
            .query_first(PLAIN)
            .await
            .context("counting open loans")?;
        plain.add_ms(began.elapsed());
        open = counted.unwrap_or(0);
    }
    conn.disconnect().await.context("disconnecting")?;
    report::print_comparison(
        "round of the circulation",
        "ms",
        &rounds,
        &[("one statement", &plain)],
    );
    report::print_figure("rows that it reads", "rows", &rows);
    report::print_note(&format!(
        "{open} open loans; the longest statement took {:.1} ms, in the server",
        longest.fold(0.0, f64::max)
    ));
    Ok(())
}

/// The statements of some rounds on `loan`, in their order.
async fn record(setup: &Setup, library: &Library) -> Result<Vec<Statement>> {
    let interval = INTERVAL.as_secs().to_string();
    let settings = setup
        .worker(library)
        .with("CIRCULATION_INTERVAL_SECONDS", &interval);
    slow_log::enable(library).await?;
    let (worker, _) = settings.start().await?;
    slow_log::clear(library).await?;
    sleep(INTERVAL * (ROUNDS + 1)).await;
    let statements = slow_log::statements_on(library, "loan").await;
    worker.stop().await?;
    statements
}
