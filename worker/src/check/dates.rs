//! Dates that are none: `0000-00-00`, `2026-00-00`.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use crate::check::passes::{Pass, Passes};
use crate::mysql::inspect::remedies;
use crate::mysql::visits;
use serde_json::json;

/// Tells of each table with dates, by what its sample has shown.
pub(super) fn look(passes: &Passes) -> Vec<Finding> {
    passes
        .dated()
        .map(|(pass, date)| tell(pass, date))
        .collect()
}

fn tell(pass: &Pass, date: &str) -> Finding {
    let (table, sample) = (pass.key.table, &pass.sample);
    let all = if sample.is_whole { "all " } else { "" };
    let looked = format!(
        "{all}{} rows that were looked at",
        format::number(sample.rows)
    );
    let details = json!({
        "looked_at": sample.rows,
        "is_all": sample.is_whole,
        "zero_dates": sample.zero_dates,
    });
    if sample.zero_dates == 0 {
        let what = format!("every date is real, of {looked}");
        return Finding::ok(Topic::Dates, table, what).with(details);
    }
    let zero = format::number(sample.zero_dates);
    let counts = if table == visits::KEY.table {
        "They count in no figure"
    } else {
        "They count in the rankings of all time alone"
    };
    Finding::ok(
        Topic::Dates,
        table,
        format!("{zero} of {looked} have a date with a zero in it"),
    )
    .with(details)
    .advise(format!("{counts}. To find and correct them:"))
    .run([remedies::find_zero_dates(table, pass.key.column, date)])
}
