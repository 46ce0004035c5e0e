//! The daily figures: which way they are read, and how long that takes.

use crate::check::findings::{Finding, Topic};
use crate::check::passes::{Pass, Passes};
use crate::check::words;
use crate::config::Config;
use crate::source::way::Way;
use crate::source::{books, loans, visits};
use serde_json::json;
use std::time::Duration;

/// Tells of each pass.
pub(super) fn look(config: &Config, passes: &Passes) -> Vec<Finding> {
    let visits = passes
        .over(visits::KEY)
        .map(|pass| tell(config, "visits", "week, month, year, top visitors", &[pass]));
    let catalogue: Vec<&Pass> = [books::COPIES, books::TITLES]
        .into_iter()
        .filter_map(|key| passes.over(key))
        .collect();
    let catalogue = (!catalogue.is_empty()).then(|| {
        tell(
            config,
            "catalogue",
            "collection, titles of copies",
            &catalogue,
        )
    });
    let loans = passes
        .over(loans::KEY)
        .map(|pass| tell(config, "loans", "top titles, top borrowers", &[pass]));
    visits.into_iter().chain(catalogue).chain(loans).collect()
}

fn tell(config: &Config, about: &str, figures: &str, passes: &[&Pass]) -> Finding {
    let ways: Vec<String> = passes.iter().map(|pass| way(pass)).collect();
    let known = passes
        .iter()
        .all(|pass| pass.rows.is_some() || pass.sample.is_whole);
    let reading: Duration = passes.iter().map(|pass| busy(pass)).sum();
    let resting: Duration = passes.iter().map(|pass| rest(config, pass)).sum();
    let cost = match (known, resting.is_zero()) {
        (false, _) => "how long is not known".to_owned(),
        (true, true) => format!("about {}", words::duration(reading)),
        (true, false) => format!(
            "about {}, {} with rests",
            words::duration(reading),
            words::duration(reading + resting),
        ),
    };
    let what = format!("{figures}: {}, {cost}", words::list(&ways));
    Finding::ok(Topic::Figures, about, what).with(json!({
        "ways": passes.iter().map(|pass| (pass.key.table, name(&pass.way))).collect::<std::collections::BTreeMap<_, _>>(),
        "reading_seconds": known.then_some(reading.as_secs_f64()),
        "resting_seconds": known.then_some(resting.as_secs_f64()),
        "estimated_from_rows": passes.iter().map(|pass| pass.sample.rows).sum::<u64>(),
    }))
}

fn way(pass: &Pass) -> String {
    match &pass.way {
        Way::AlongDays(_) => format!("along the index on {}", pass.date.unwrap_or("the date")),
        Way::AlongIds(_) => format!("along {}", pass.key.column),
        Way::AtOnce if pass.grows => "in one statement, while check-ins go on".to_owned(),
        Way::AtOnce => "in one statement".to_owned(),
    }
}

fn name(way: &Way) -> &'static str {
    match way {
        Way::AlongDays(_) => "days",
        Way::AlongIds(_) => "ids",
        Way::AtOnce => "at_once",
    }
}

/// How long the database is busy.
fn busy(pass: &Pass) -> Duration {
    pass.sample.cost_of(pass.rows.unwrap_or(pass.sample.rows))
}

/// How long it is left alone in between.
fn rest(config: &Config, pass: &Pass) -> Duration {
    match pass.way {
        Way::AtOnce => Duration::ZERO,
        Way::AlongDays(_) | Way::AlongIds(_) => {
            let duty = f64::from(config.reading.duty_percent.max(1));
            busy(pass).mul_f64(100.0 / duty - 1.0)
        }
    }
}
