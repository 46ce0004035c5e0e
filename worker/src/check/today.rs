//! Today's count: how it is made, what that costs here, and what would be cheaper.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use crate::check::tables::Tables;
use crate::check::timing::{COUNT_LIMIT, Cost};
use crate::config::{Config, Mode};
use crate::mysql::connection::Database;
use crate::mysql::inspect::remedies;
use crate::mysql::visits;
use crate::today::pace::{CountTime, Pace};
use anyhow::Result;
use chrono::NaiveDate;
use serde_json::json;
use std::time::Duration;

/// A count that takes longer is worth an index: it is made each second, and grows with the table.
const CHEAP: Duration = Duration::from_millis(5);

/// How it is made.
struct Told {
    what: String,
    took: Option<Duration>,
    is_dear: bool,
}

/// Counts; gives the total if it was counted.
pub(super) async fn look(
    config: &Config,
    database: &Database,
    tables: &Tables,
    day: NaiveDate,
) -> Result<(Option<u64>, Vec<Finding>)> {
    // That there is nothing to count was told with the tables.
    if !tables.can_read(visits::KEY.table, &["checkin_date"]) {
        return Ok((None, Vec::new()));
    }
    let cost = Cost::measure(config.mode, database, tables, day).await?;
    let pace = Pace {
        interval: config.interval,
        buffer: config.buffer,
    };
    // Adding a mode? Say here what it costs.
    let told = match config.mode {
        Mode::Auto => auto(&cost, pace),
        Mode::Direct => direct(&cost, pace),
        Mode::Incremental => incremental(&cost),
        Mode::Delta => delta(&cost),
    };
    let millis = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
    let found = Finding::ok(Topic::Figures, "today", told.what).with(json!({
        "mode": config.mode.name(),
        "indexed": cost.is_indexed,
        "took_ms": millis(told.took),
        "interval_ms": millis(told.took.map(|took| pace.interval(CountTime::of_server(took)))),
        "direct_ms": millis(cost.direct),
        "delta_ms": millis(cost.delta),
        "with_index_ms": millis(cost.with_index.map(|(_, took)| took)),
    }));
    let found = if told.is_dear {
        advise(&cost, tables, found)
    } else {
        found
    };
    Ok((cost.total, vec![found]))
}

/// Changes its way by itself when counts become dear.
fn auto(cost: &Cost, pace: Pace) -> Told {
    let is_quick = cost.direct.is_some_and(|took| took <= pace.quick());
    let way = if is_quick {
        direct(cost, pace)
    } else {
        delta(cost)
    };
    Told {
        what: format!("auto, which is here {}", way.what),
        is_dear: false,
        ..way
    }
}

fn direct(cost: &Cost, pace: Pace) -> Told {
    let took = cost.direct.unwrap_or(COUNT_LIMIT);
    let (over, least) = match cost.direct {
        Some(_) => ("", ""),
        None => ("over ", " at best"),
    };
    let (measured, every) = (
        format::duration(took),
        format::duration(pace.interval(CountTime::of_server(took))),
    );
    let slow = pace.interval(CountTime::of_server(took)) > pace.interval;
    Told {
        what: format!(
            "direct, {}: {over}{measured}, every {every}{least}",
            how(cost)
        ),
        took: cost.direct,
        is_dear: if cost.is_indexed { slow } else { took > CHEAP },
    }
}

fn incremental(cost: &Cost) -> Told {
    let over = if cost.direct.is_some() { "" } else { "over " };
    let took = format::duration(cost.direct.unwrap_or(COUNT_LIMIT));
    Told {
        what: format!(
            "incremental, with a base each minute, {}: {over}{took}",
            how(cost)
        ),
        took: cost.direct,
        is_dear: cost.direct.is_none(),
    }
}

fn delta(cost: &Cost) -> Told {
    let tick = cost.delta.map_or("unknown".to_owned(), format::duration);
    let simpler = cost
        .direct
        .filter(|took| *took <= CHEAP)
        .map(format::duration);
    let simpler = simpler.map_or(String::new(), |took| {
        format!(" (direct is simpler: {took})")
    });
    Told {
        what: format!("delta, the latest visits alone: {tick}{simpler}"),
        took: cost.delta,
        is_dear: false,
    }
}

fn how(cost: &Cost) -> &'static str {
    if cost.is_indexed {
        "by the index on checkin_date"
    } else {
        "by looking at every visit, without an index on checkin_date"
    }
}

fn advise(cost: &Cost, tables: &Tables, found: Finding) -> Finding {
    let tick = cost.delta.map(format::duration);
    let tick = tick.map_or(String::new(), |tick| format!(": {tick} here"));
    if cost.is_indexed {
        return found.advise(format!(
            "TODAY_COUNT_MODE=delta counts the latest visits alone{tick}."
        ));
    }
    let gain = cost.with_index.map_or(String::new(), |(rows, took)| {
        let (rows, took) = (format::number(rows), format::duration(took));
        format!(
            " brings it to about {took}, estimated by reading the latest {rows} visits by their key"
        )
    });
    let engine = tables
        .get(visits::KEY.table)
        .and_then(|table| table.engine.as_deref());
    // The other engines lock the table.
    let meanwhile = if engine == Some("InnoDB") {
        ""
    } else {
        " Check-ins wait while it is made: after hours."
    };
    found
        .advise(format!(
            "An index{gain}.{meanwhile} Or set TODAY_COUNT_MODE=delta, which needs none{tick}."
        ))
        .run([remedies::create_index(visits::KEY.table, "checkin_date")])
}
