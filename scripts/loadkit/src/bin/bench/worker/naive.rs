//! The same figures by plain SQL, on the same server in the same run.

use super::plain_sql::figures;
use super::scene::Scene;
use anyhow::{Context as _, Result};
use loadkit::desk::wall_now;
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use mysql_async::Error;
use mysql_async::prelude::Queryable as _;
use std::time::Instant;

/// What MariaDB says of a statement that it has stopped (`ER_STATEMENT_TIMEOUT`).
const STOPPED: u16 = 1969;
/// MariaDB's own default; the private server's is stricter and would refuse what ORMs send.
const MODE: &str =
    "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION";

pub(super) async fn measure(scene: &mut Scene<'_>, report: &mut Report) -> Result<()> {
    let cap = scene.pace.cap;
    let mut conn = scene.library.conn().await?;
    let session = format!("SET SESSION sql_mode = '{MODE}', max_statement_time = {cap}");
    conn.query_drop(session)
        .await
        .context("preparing a session")?;
    let (mut total, mut each, mut stopped) = (0.0, Vec::new(), false);
    for (name, statements) in figures(wall_now().date()) {
        let (began, mut whole) = (Instant::now(), true);
        for sql in statements {
            match conn.query_drop(sql).await {
                Ok(()) => {}
                Err(Error::Server(error)) if error.code == STOPPED => whole = false,
                Err(error) => return Err(error).with_context(|| format!("asking for {name}")),
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let more_than = if whole { "" } else { ">" };
        println!("  {name}: {more_than}{seconds:.1} s");
        each.push(format!("{name} {more_than}{seconds:.1}"));
        total += seconds;
        stopped |= !whole;
    }
    conn.disconnect().await.context("leaving the database")?;
    let plain = Rounds::from(total);
    let part = scene.name.as_str();
    let row = match scene.figures.regeneration.spread() {
        Some(ours) => {
            let ours = Rounds::from(ours.median);
            Row::new(part, "full regeneration beside plain SQL", "s", &ours).against(
                "plain SQL",
                &ours,
                &plain,
            )
        }
        None => Row::new(part, "the daily figures by plain SQL", "s", &plain),
    };
    let at_least = if stopped { "at least: " } else { "" };
    let row = row.note(format!("{at_least}{}", each.join(", ")));
    report.add(row);
    Ok(())
}
