//! Checks for dates with a zero in them: `0000-00-00`, `2026-00-00`.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use crate::check::passes::{Pass, Passes};
use crate::mysql::inspect::remedies;
use crate::mysql::visits;
use serde_json::json;

/// Describes the dates in the sample of each table that has dates.
pub(super) fn check(passes: &Passes) -> Vec<Finding> {
    passes
        .dated()
        .map(|(pass, date)| describe(pass, date))
        .collect()
}

fn describe(pass: &Pass, date: &str) -> Finding {
    let (table, sample) = (pass.key.table, &pass.sample);
    let examined = format::count(sample.rows, "checked row");
    let examined = match (sample.is_whole, sample.rows) {
        (true, 1) => "the only row".to_owned(),
        (true, _) => format!("all {examined}"),
        (false, _) => examined,
    };
    let details = json!({
        "looked_at": sample.rows,
        "is_all": sample.is_whole,
        "zero_dates": sample.zero_dates,
    });
    if sample.zero_dates == 0 {
        let what = format!("the dates of {examined} are valid");
        return Finding::ok(Topic::Dates, table, what).with_details(details);
    }
    let (zero, have) = (
        format::number(sample.zero_dates),
        format::verb(sample.zero_dates, "has", "have"),
    );
    let counts = if table == visits::TABLE {
        "No figure counts these rows"
    } else {
        "Only the rankings of all time count these rows"
    };
    Finding::ok(
        Topic::Dates,
        table,
        format!("{zero} of {examined} {have} a date with a zero in it"),
    )
    .with_details(details)
    .advise(format!("{counts}. To find them and correct them:"))
    .run([remedies::find_zero_dates(table, pass.key.column, date)])
}
