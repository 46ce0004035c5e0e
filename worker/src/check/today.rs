//! Checks today's count: how the worker counts, how long that takes, and what would be quicker.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use crate::check::tables::Tables;
use crate::check::timing::{COUNT_LIMIT, Cost};
use crate::config::{Config, CountMode};
use crate::mysql::connection::Database;
use crate::mysql::inspect::remedies;
use crate::mysql::visits;
use crate::today::pace::{CountTime, Pace};
use anyhow::Result;
use chrono::NaiveDate;
use serde_json::json;
use std::time::Duration;

/// A count that takes longer is worth an index: it is repeated each second, and grows with the table.
const CHEAP: Duration = Duration::from_millis(5);

/// How the configured mode counts.
struct Method {
    description: String,
    took: Option<Duration>,
    is_expensive: bool,
}

/// Measures the count, and returns the total if it was counted.
///
/// # Errors
/// If a statement fails.
pub(super) async fn check(
    config: &Config,
    database: &Database,
    tables: &Tables,
    day: NaiveDate,
) -> Result<(Option<u64>, Vec<Finding>)> {
    // The findings of the tables already say that there is nothing to count.
    if !tables.can_read(visits::TABLE, &["checkin_date"]) {
        return Ok((None, Vec::new()));
    }
    let cost = Cost::measure(config.mode, database, tables, day).await?;
    let pace = Pace {
        interval: config.interval,
        buffer: config.buffer,
    };
    // A new mode needs an arm here that describes its cost.
    let method = match config.mode {
        CountMode::Auto => auto(&cost, pace),
        CountMode::Direct => direct(&cost, pace),
        CountMode::Incremental => incremental(&cost),
        CountMode::Delta => delta(&cost),
    };
    let millis = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
    let found = Finding::ok(Topic::Figures, "today", method.description).with_details(json!({
        "mode": config.mode.name(),
        "indexed": cost.is_indexed,
        "took_ms": millis(method.took),
        "interval_ms": millis(method.took.map(|took| pace.interval(CountTime::of_server(took)))),
        "direct_ms": millis(cost.direct),
        "delta_ms": millis(cost.delta),
        "with_index_ms": millis(cost.indexed_estimate.map(|(_, took)| took)),
    }));
    let found = if method.is_expensive {
        add_advice(&cost, tables, found)
    } else {
        found
    };
    Ok((cost.total, vec![found]))
}

/// `auto` changes from `direct` to `delta` by itself when counts become expensive.
fn auto(cost: &Cost, pace: Pace) -> Method {
    let is_quick = cost.direct.is_some_and(|took| took <= pace.quick());
    let method = if is_quick {
        direct(cost, pace)
    } else {
        delta(cost)
    };
    Method {
        description: format!("auto, currently as {}", method.description),
        is_expensive: false,
        ..method
    }
}

fn direct(cost: &Cost, pace: Pace) -> Method {
    let took = cost.direct.unwrap_or(COUNT_LIMIT);
    let (over, at_best) = match cost.direct {
        Some(_) => ("", ""),
        None => ("over ", " at best"),
    };
    let (measured, every) = (
        format::duration(took),
        format::duration(pace.interval(CountTime::of_server(took))),
    );
    let is_slow = pace.interval(CountTime::of_server(took)) > pace.interval;
    Method {
        description: format!(
            "direct, {}: {over}{measured}, every {every}{at_best}",
            access(cost)
        ),
        took: cost.direct,
        is_expensive: if cost.is_indexed {
            is_slow
        } else {
            took > CHEAP
        },
    }
}

fn incremental(cost: &Cost) -> Method {
    let over = if cost.direct.is_some() { "" } else { "over " };
    let took = format::duration(cost.direct.unwrap_or(COUNT_LIMIT));
    Method {
        description: format!(
            "incremental, with a recount each minute, {}: {over}{took}",
            access(cost)
        ),
        took: cost.direct,
        is_expensive: cost.direct.is_none(),
    }
}

fn delta(cost: &Cost) -> Method {
    let tick = cost.delta.map_or("unknown".to_owned(), format::duration);
    let simpler = cost
        .direct
        .filter(|took| *took <= CHEAP)
        .map(format::duration);
    let simpler = simpler.map_or(String::new(), |took| {
        format!(" (direct is simpler: {took})")
    });
    Method {
        description: format!("delta, only the latest visits: {tick}{simpler}"),
        took: cost.delta,
        is_expensive: false,
    }
}

fn access(cost: &Cost) -> &'static str {
    if cost.is_indexed {
        "by the index on checkin_date"
    } else {
        "by reading every visit, without an index on checkin_date"
    }
}

fn add_advice(cost: &Cost, tables: &Tables, found: Finding) -> Finding {
    let tick = cost.delta.map(format::duration);
    let tick = tick.map_or(String::new(), |tick| format!(": {tick} here"));
    if cost.is_indexed {
        return found.advise(format!(
            "TODAY_COUNT_MODE=delta counts only the latest visits{tick}."
        ));
    }
    let gain = cost.indexed_estimate.map_or(String::new(), |(rows, took)| {
        let (visits, took) = (format::count(rows, "visit"), format::duration(took));
        format!(
            ": with it a count takes about {took}, estimated by reading the latest {visits} by their key"
        )
    });
    let engine = tables
        .get(visits::TABLE)
        .and_then(|table| table.engine.as_deref());
    // The other engines lock the table during CREATE INDEX.
    let meanwhile = if engine == Some("InnoDB") {
        ""
    } else {
        " Check-ins wait until it is created, so do it after hours."
    };
    found
        .advise(format!(
            "Create an index{gain}.{meanwhile} Or set TODAY_COUNT_MODE=delta, which needs no index{tick}."
        ))
        .run([
            remedies::allow_zero_dates(),
            remedies::create_index(visits::TABLE, "checkin_date"),
        ])
}
