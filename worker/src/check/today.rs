//! Today's count: how it is made, what that costs here, and what would be cheaper.

use crate::check::findings::{Finding, Topic};
use crate::check::tables::Tables;
use crate::check::{LIMIT, words};
use crate::config::{Config, Mode};
use crate::source::database::{Database, Refusal, Session, refusal};
use crate::source::plan::Plan;
use crate::source::survey::remedies;
use crate::source::visits;
use crate::today::pace::Pace;
use anyhow::Result;
use chrono::NaiveDate;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// A count that takes longer is worth an index: it is made each second, and grows with the table.
const CHEAP: Duration = Duration::from_millis(5);
/// The count of a table without an index is made once here, as `direct` makes it all the time; but not for longer.
const COUNT_LIMIT: Duration = Duration::from_secs(1);
/// What took longer is not measured twice.
const TWICE: Duration = Duration::from_millis(100);
/// Visits that a tick of `delta` counts at most: those of its first minute.
const LATEST: i64 = 1_000;

/// What was measured.
struct Cost {
    /// Whether an index leads to the day.
    indexed: bool,
    /// The whole count: total and time; `None` when it was not made or took too long.
    direct: Option<(u64, Duration)>,
    /// A tick of `delta`.
    delta: Option<Duration>,
    /// As many rows as the day has, read by their key: an index would not take longer.
    with_index: Option<(i64, Duration)>,
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
    let mut session = database.session(LIMIT).await?;
    let plan = Plan::of(&mut session, visits::KEY.table).await?;
    let indexed = plan.by("checkin_date").is_some();
    let direct = if indexed || config.mode != Mode::Delta {
        direct(database, day).await?
    } else {
        None
    };
    let engine = tables
        .get(visits::KEY.table)
        .and_then(|table| table.engine.as_deref());
    // The other engines lock the table.
    let waits = engine.is_some_and(|engine| engine != "InnoDB");
    let keyed = plan.by_key(visits::KEY.column).is_some()
        && tables.can_read(visits::KEY.table, &["visitor_id"]);
    let mut cost = Cost {
        indexed,
        direct,
        delta: None,
        with_index: None,
    };
    if keyed {
        let last = visits::greatest_id(&mut session).await?;
        let tick = async |session: &mut Session| {
            visits::count_after(session, day, last - LATEST, last)
                .await
                .map(drop)
        };
        cost.delta = Some(timed(&mut session, tick).await?);
        if !indexed {
            let rows = direct.map_or(LATEST, |(total, _)| i64::try_from(total).unwrap_or(LATEST));
            let rows = rows.max(1);
            let range = async |session: &mut Session| {
                visits::count_between(session, day, last - rows + 1, last)
                    .await
                    .map(drop)
            };
            cost.with_index = Some((rows, timed(&mut session, range).await?));
        }
    }
    Ok((
        direct.map(|(total, _)| total),
        vec![tell(config, &cost, waits)],
    ))
}

/// The count as `direct` makes it, with a warm cache if that is quick.
async fn direct(database: &Database, day: NaiveDate) -> Result<Option<(u64, Duration)>> {
    let mut session = database.session(COUNT_LIMIT).await?;
    let mut least: Option<(u64, Duration)> = None;
    for _ in 0..2 {
        let started = Instant::now();
        let total = match visits::count(&mut session, day).await {
            Err(error) if refusal(&error) == Some(Refusal::TooLong) => return Ok(None),
            total => total?,
        };
        let took = started.elapsed();
        least = Some((total, least.map_or(took, |(_, before)| before.min(took))));
        if took > TWICE {
            break;
        }
    }
    Ok(least)
}

/// The better of two times.
async fn timed(
    session: &mut Session,
    run: impl AsyncFn(&mut Session) -> Result<()>,
) -> Result<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..2 {
        let started = Instant::now();
        run(session).await?;
        least = least.min(started.elapsed());
    }
    Ok(least)
}

fn tell(config: &Config, cost: &Cost, waits: bool) -> Finding {
    let pace = Pace {
        interval: config.interval,
        buffer: config.buffer,
    };
    let took = cost.direct.map(|(_, took)| took);
    let how = if cost.indexed {
        "by the index on checkin_date"
    } else {
        "every visit is looked at, for want of an index on checkin_date"
    };
    let is_auto = config.mode == Mode::Auto;
    let way = match config.mode {
        Mode::Auto if took.is_some_and(|took| took <= pace.quick()) => Mode::Direct,
        Mode::Auto => Mode::Delta,
        mode => mode,
    };
    // Adding a mode? Say here what it costs.
    let (what, made_in, is_dear) = match way {
        Mode::Direct => {
            let is_dear = match took {
                Some(took) if cost.indexed => pace.interval(took) > config.interval,
                Some(took) => took > CHEAP,
                None => true,
            };
            let measured = took.map_or_else(
                || format!("over {}", words::duration(COUNT_LIMIT)),
                words::duration,
            );
            let every = words::duration(pace.interval(took.unwrap_or(COUNT_LIMIT)));
            let least = if took.is_some() { "" } else { " at best" };
            (
                format!("direct, {how}: {measured}, every {every}{least}"),
                took,
                is_dear,
            )
        }
        Mode::Incremental => {
            let measured = took.map_or_else(
                || format!("over {}", words::duration(COUNT_LIMIT)),
                words::duration,
            );
            (
                format!("incremental, with a new base each minute, {how}: {measured}"),
                took,
                took.is_none(),
            )
        }
        Mode::Delta | Mode::Auto => {
            let tick = cost
                .delta
                .map_or_else(|| "unknown without a key".to_owned(), words::duration);
            let direct = took.filter(|took| *took <= CHEAP && cost.indexed);
            let direct = direct.map_or_else(String::new, |took| {
                format!(
                    "; direct, which is simpler, would take {}",
                    words::duration(took)
                )
            });
            (
                format!("delta, the latest visits alone: {tick}{direct}"),
                cost.delta,
                false,
            )
        }
    };
    let what = if is_auto {
        format!("auto, which is here: {what}")
    } else {
        what
    };
    let millis = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
    let found = Finding::ok(Topic::Figures, "today", what).with(json!({
        "mode": config.mode.name(),
        "indexed": cost.indexed,
        "took_ms": millis(made_in),
        "direct_ms": millis(took),
        "delta_ms": millis(cost.delta),
        "with_index_ms": millis(cost.with_index.map(|(_, took)| took)),
        "interval_ms": millis(made_in.map(|took| pace.interval(took))),
    }));
    // Which changes its way by itself when counts become dear.
    if is_dear && !is_auto {
        advise(cost, waits, found)
    } else {
        found
    }
}

fn advise(cost: &Cost, waits: bool, found: Finding) -> Finding {
    let delta = cost.delta.map(|tick| {
        format!(
            "TODAY_COUNT_MODE=delta, which needs no index: {} here",
            words::duration(tick)
        )
    });
    if cost.indexed {
        let delta = delta.unwrap_or_else(|| "TODAY_COUNT_MODE=delta".to_owned());
        return found.advise(format!(
            "So many visits a day are better counted by {delta}."
        ));
    }
    let gain = cost.with_index.map_or_else(String::new, |(rows, took)| {
        let rows = words::number(rows.unsigned_abs());
        let took = words::duration(took);
        format!(
            " brings it to about {took}, estimated by reading the latest {rows} visits by their key"
        )
    });
    let meanwhile = if waits {
        " Check-ins wait while it is made: after hours."
    } else {
        ""
    };
    let or = delta.map_or_else(String::new, |delta| format!(" Or set {delta}."));
    found
        .advise(format!("An index{gain}.{meanwhile}{or}"))
        .run([remedies::create_index(visits::KEY.table, "checkin_date")])
}
