//! The daily figures: which way they are read, and how long that takes.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use crate::check::passes::{Pass, Passes};
use crate::config::Config;
use crate::mysql::scan::ScanKey;
use crate::mysql::scan_plan::ScanPlan;
use crate::mysql::{books, loans, visits};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is read together: a name for it, the figures that are made of it, and the tables.
const READS: [(&str, &str, &[ScanKey]); 3] = [
    ("visits", "week, month, year, top visitors", &[visits::KEY]),
    (
        "catalogue",
        "collection, titles of copies",
        &[books::COPIES, books::TITLES],
    ),
    ("loans", "top titles, top borrowers", &[loans::KEY]),
];

/// Tells of each that can be read.
pub(super) fn look(config: &Config, passes: &Passes) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (about, figures, keys) in READS {
        let passes: Vec<&Pass> = keys.iter().filter_map(|key| passes.over(*key)).collect();
        if !passes.is_empty() {
            findings.push(tell(config, about, figures, &passes));
        }
    }
    findings
}

fn tell(config: &Config, read: &str, figures: &str, passes: &[&Pass]) -> Finding {
    let ways: Vec<String> = passes.iter().map(|pass| way(pass)).collect();
    let reading: Option<Duration> = passes.iter().map(|pass| reading(pass)).sum();
    let resting: Option<Duration> = passes.iter().map(|pass| resting(config, pass)).sum();
    // Past years are counted within the index then; here each row was sent.
    let along_days = |pass: &&Pass| matches!(pass.way, ScanPlan::ByDate(_));
    let about = if passes.iter().any(along_days) {
        "at most"
    } else {
        "about"
    };
    let cost = match reading.zip(resting) {
        None => "how long is not known".to_owned(),
        Some((reading, Duration::ZERO)) => format!("{about} {}", format::duration(reading)),
        Some((reading, resting)) => {
            let both = format::duration(reading + resting);
            format!("{about} {}, {both} with rests", format::duration(reading))
        }
    };
    let what = format!("{figures}: {}, {cost}", format::list(&ways));
    let names = passes.iter().map(|pass| (pass.key.table, name(&pass.way)));
    Finding::ok(Topic::Figures, read, what).with(json!({
        "ways": names.collect::<BTreeMap<_, _>>(),
        "reading_seconds": reading.map(|time| time.as_secs_f64()),
        "resting_seconds": resting.map(|time| time.as_secs_f64()),
        "estimated_from_rows": passes.iter().map(|pass| pass.sample.rows).sum::<u64>(),
    }))
}

fn way(pass: &Pass) -> String {
    match &pass.way {
        ScanPlan::ByDate(_) => format!("along the index on {}", pass.date.unwrap_or("the date")),
        ScanPlan::ByKey(_) => format!("along {}", pass.key.column),
        ScanPlan::FullScan if pass.grows => "in one statement, while check-ins go on".to_owned(),
        ScanPlan::FullScan => "in one statement".to_owned(),
    }
}

fn name(way: &ScanPlan) -> &'static str {
    match way {
        ScanPlan::ByDate(_) => "days",
        ScanPlan::ByKey(_) => "ids",
        ScanPlan::FullScan => "at_once",
    }
}

/// How long the database is busy.
fn reading(pass: &Pass) -> Option<Duration> {
    let whole = pass.sample.is_whole.then_some(pass.sample.rows);
    Some(pass.sample.cost_of(whole.or(pass.rows)?))
}

/// How long it is left alone in between.
fn resting(config: &Config, pass: &Pass) -> Option<Duration> {
    let duty = f64::from(config.reading.duty_percent.max(1));
    match pass.way {
        ScanPlan::FullScan => Some(Duration::ZERO),
        ScanPlan::ByDate(_) | ScanPlan::ByKey(_) => {
            Some(reading(pass)?.mul_f64(100.0 / duty - 1.0))
        }
    }
}
