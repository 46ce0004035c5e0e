//! Describes how the daily figures are read from the database, and how long that takes.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use crate::check::passes::{Pass, Passes};
use crate::config::Config;
use crate::mysql::scan_plan::ScanPlan;
use crate::mysql::{books, loans, visits};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the worker reads together: its name, the figures that it feeds, and the tables.
const SOURCES: [(&str, &str, &[&str]); 3] = [
    (
        "visits",
        "series, hours, member types, institutions, rooms, top visitors",
        &[visits::TABLE],
    ),
    (
        "catalogue",
        "collection, growth, new titles, titles of copies",
        &[books::COPIES.table, books::TITLES.table],
    ),
    (
        "loans",
        "series, circulation, classes, use, top titles, top borrowers",
        &[loans::KEY.table],
    ),
];

/// Describes each source that can be read.
pub(super) fn check(config: &Config, passes: &Passes) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (about, figures, tables) in SOURCES {
        let passes: Vec<&Pass> = tables
            .iter()
            .filter_map(|table| passes.over(table))
            .collect();
        if !passes.is_empty() {
            findings.push(describe(config, about, figures, &passes));
        }
    }
    findings
}

fn describe(config: &Config, about: &str, figures: &str, passes: &[&Pass]) -> Finding {
    let methods: Vec<String> = passes.iter().map(|pass| method(pass)).collect();
    let reading: Option<Duration> = passes.iter().map(|pass| reading_time(pass)).sum();
    let pausing: Option<Duration> = passes.iter().map(|pass| pause_time(config, pass)).sum();
    // With an index, the server counts past years within the index. The sample had to send every row.
    let is_by_date = |pass: &&Pass| matches!(pass.plan, ScanPlan::ByDate(_));
    let precision = if passes.iter().any(is_by_date) {
        "at most"
    } else {
        "about"
    };
    let cost = match reading.zip(pausing) {
        None => "time unknown".to_owned(),
        Some((reading, Duration::ZERO)) => format!("{precision} {}", format::duration(reading)),
        Some((reading, pausing)) => {
            let total = format::duration(reading + pausing);
            format!(
                "{precision} {}, {total} with pauses",
                format::duration(reading)
            )
        }
    };
    let what = format!("{figures}: {}, {cost}", format::list(&methods));
    let names = passes
        .iter()
        .map(|pass| (pass.key.table, plan_name(&pass.plan)));
    Finding::ok(Topic::Figures, about, what).with_details(json!({
        "ways": names.collect::<BTreeMap<_, _>>(),
        "reading_seconds": reading.map(|time| time.as_secs_f64()),
        "resting_seconds": pausing.map(|time| time.as_secs_f64()),
        "estimated_from_rows": passes.iter().map(|pass| pass.sample.rows).sum::<u64>(),
    }))
}

fn method(pass: &Pass) -> String {
    match &pass.plan {
        ScanPlan::ByDate(_) => format!("by the index on {}", pass.date.unwrap_or("the date")),
        ScanPlan::ByKey(_) => format!("by {}", pass.key.column),
        ScanPlan::FullScan => "in one statement".to_owned(),
    }
}

fn plan_name(plan: &ScanPlan) -> &'static str {
    match plan {
        ScanPlan::ByDate(_) => "days",
        ScanPlan::ByKey(_) => "ids",
        ScanPlan::FullScan => "at_once",
    }
}

/// How long the database is busy with the scan. `None` if the number of rows is unknown.
fn reading_time(pass: &Pass) -> Option<Duration> {
    let whole = pass.sample.is_whole.then_some(pass.sample.rows);
    Some(pass.sample.cost_of(whole.or(pass.rows)?))
}

/// How long the worker pauses between the statements of the scan.
fn pause_time(config: &Config, pass: &Pass) -> Option<Duration> {
    let duty = f64::from(config.scan.duty_percent.max(1));
    match pass.plan {
        ScanPlan::FullScan => Some(Duration::ZERO),
        ScanPlan::ByDate(_) | ScanPlan::ByKey(_) => {
            Some(reading_time(pass)?.mul_f64(100.0 / duty - 1.0))
        }
    }
}
