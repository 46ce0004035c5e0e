//! Reads `visitor_count` once for all figures that are made from visits.
//!
//! With an index on the date, the pass goes along the days: within the index alone where the days' totals are enough,
//! row by row in the days of which a figure needs the rows. Without one, it goes along the ids, over the whole table, and
//! the server filters by the exact date, so that every row is found, in whatever order rows were written, dated or
//! edited. The server counts older chunks; once a chunk has shown many rows that a figure needs, the next ones are
//! streamed.

use crate::mysql::connection::FULL_SCAN_LIMIT;
use crate::mysql::row::{DailyTotals, EventRow};
use crate::mysql::scan::{ChunkedScan, ScanKey};
use crate::mysql::scan_plan::ScanPlan;
use crate::mysql::schema::TableSchema;
use crate::mysql::throttle::Throttle;
use crate::mysql::visits::{self, VisitColumns, VisitQuery};
use crate::snapshots::computation::{Computation, Failure};
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figures, VisitRow, Visits};
use crate::snapshots::member_catalog::MemberCatalog;
use crate::snapshots::member_counter::{is_blank, member_window};
use crate::snapshots::series;
use crate::snapshots::spelling_map::Lookup;
use crate::window::Window;
use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDateTime, NaiveTime};
use shared::catalog::Period;

/// Computes `figures`; `member_catalog` is the catalogue of members, if a figure needs it.
pub(super) async fn run(
    mut figures: Figures<Visits>,
    member_catalog: Result<Option<MemberCatalog>, Failure>,
    computation: &mut Computation<'_>,
) {
    let member_catalog = member_catalog.unwrap_or_else(|failure| {
        figures.fail_if(|needs| needs.member_catalog, failure, computation);
        None
    });
    if !figures.is_empty() {
        let read = read(computation, &mut figures, member_catalog).await;
        figures.finish_pass(read, computation).await;
    }
}

async fn read(
    computation: &mut Computation<'_>,
    figures: &mut Figures<Visits>,
    member_catalog: Option<MemberCatalog>,
) -> Result<Counts> {
    let (needs, today) = (figures.needs(), computation.request.today);
    let schema = computation.schema(visits::TABLE).await?.clone();
    let counts = Counts::begin(computation.session, visits::TABLE, today, &needs).await?;
    let members = needs.members.then(|| member_window(today));
    let year = Window::current(Period::Year, today);
    let columns = VisitColumns {
        members,
        institutions: needs.has(visits::TABLE, "institution").then_some(year),
        rooms: needs.has(visits::TABLE, "room_code").then_some(year),
    };
    let streamed = members.into_iter().chain(needs.rows).reduce(Window::cover);
    let days = needs.days.then(|| series::window(today));
    let mut pass = Pass {
        key: visits::key(&schema),
        schema: &schema,
        throttle: Throttle::new(&computation.request.scan),
        columns,
        streamed,
        counts: counts.with_member_catalog(member_catalog),
        figures,
    };
    match (ScanPlan::through_visits(&schema), days.or(streamed)) {
        (_, None) => {}
        (ScanPlan::ByDate(hint), Some(window)) => pass.by_date(computation, &hint, window).await?,
        (ScanPlan::ByKey(hint), Some(window)) => pass.by_key(computation, &hint, window).await?,
        (ScanPlan::FullScan, Some(window)) => pass.full_scan(computation, window).await?,
    }
    pass.counts.finish(computation.session).await
}

struct Pass<'a> {
    key: ScanKey,
    schema: &'a TableSchema,
    throttle: Throttle,
    columns: VisitColumns,
    /// The days whose rows must be streamed; of other days the totals are enough.
    streamed: Option<Window>,
    counts: Counts,
    figures: &'a mut Figures<Visits>,
}

/// The number of visits that one query has found.
struct Found {
    visits: u64,
    /// Those of them whose rows must be streamed.
    to_stream: u64,
}

impl Pass<'_> {
    async fn by_date(
        &mut self,
        computation: &mut Computation<'_>,
        hint: &str,
        window: Window,
    ) -> Result<()> {
        let settings = computation.request.scan;
        let none = Window {
            from: window.to,
            to: window.to,
        };
        let streamed = self.streamed.unwrap_or(none);
        let [before, after] = window.around(streamed);
        let spans = [
            (before, settings.counted, false),
            (streamed, settings.streamed, true),
            (after, settings.counted, false),
        ];
        for (span, sizes, is_streamed) in spans {
            let [from, to] = times(span).map(|time| time.and_utc().timestamp());
            let mut chunks = ChunkedScan::new("visits", from..=to - 1, sizes, &settings);
            while let Some(seconds) = chunks.next_chunk(computation.session) {
                let query = VisitQuery {
                    key: self.key,
                    hint,
                    times: [wall_time(*seconds.start())?, wall_time(*seconds.end() + 1)?],
                    ids: None,
                };
                if is_streamed {
                    self.stream(computation, &query, true).await?;
                } else {
                    self.count(computation, &query).await?;
                }
                chunks
                    .pause(computation.session, &mut self.throttle)
                    .await?;
            }
        }
        Ok(())
    }

    async fn by_key(
        &mut self,
        computation: &mut Computation<'_>,
        hint: &str,
        window: Window,
    ) -> Result<()> {
        let settings = computation.request.scan;
        let needs_all_rows = self.streamed == Some(window);
        let mut is_streamed = needs_all_rows;
        let key = self.key;
        let mut chunks = ChunkedScan::over("visits", computation.session, key, &settings).await?;
        while let Some(ids) = chunks.next_chunk(computation.session) {
            let query = VisitQuery {
                key,
                hint,
                times: times(window),
                ids: Some(ids),
            };
            let found = if is_streamed {
                self.stream(computation, &query, true).await?
            } else {
                self.count_and_stream(computation, &query).await?
            };
            // A single new row among old ones is no reason to stream all old rows that follow.
            is_streamed = needs_all_rows || found.to_stream * 2 > found.visits;
            if found.visits == 0 {
                chunks.skip_gap(computation.session, key).await?;
            }
            chunks
                .pause(computation.session, &mut self.throttle)
                .await?;
        }
        Ok(())
    }

    /// Reads the table in one statement, if no index leads the key.
    async fn full_scan(&mut self, computation: &mut Computation<'_>, window: Window) -> Result<()> {
        computation.session.allow(FULL_SCAN_LIMIT).await?;
        let query = VisitQuery {
            key: self.key,
            hint: "",
            times: times(window),
            ids: None,
        };
        self.stream(computation, &query, true).await?;
        Ok(())
    }

    /// Counts by day. If there are visits whose rows are needed, reads those again, row by row.
    async fn count_and_stream(
        &mut self,
        computation: &mut Computation<'_>,
        query: &VisitQuery<'_>,
    ) -> Result<Found> {
        let found = self.count(computation, query).await?;
        if found.to_stream > 0
            && let Some(streamed) = self.streamed
        {
            let rows = VisitQuery {
                times: times(streamed),
                ..query.clone()
            };
            // They are counted by day already.
            self.stream(computation, &rows, false).await?;
        }
        Ok(found)
    }

    async fn count(
        &mut self,
        computation: &mut Computation<'_>,
        query: &VisitQuery<'_>,
    ) -> Result<Found> {
        let counted = visits::by_day(computation.session, query).await?;
        self.counts.add_days(&counted);
        Ok(self.found(&counted))
    }

    async fn stream(
        &mut self,
        computation: &mut Computation<'_>,
        query: &VisitQuery<'_>,
        count_days: bool,
    ) -> Result<Found> {
        let (counts, figures, streamed) = (&mut self.counts, &mut *self.figures, self.streamed);
        let mut found = Found {
            visits: 0,
            to_stream: 0,
        };
        let session = &mut *computation.session;
        visits::each(session, self.schema, query, self.columns, |visit| {
            found.visits += 1;
            let Some(day) = visit.time.date() else {
                return Ok(());
            };
            if count_days {
                counts.add_to_day(day);
            }
            if streamed.is_some_and(|streamed| streamed.contains(day)) {
                found.to_stream += 1;
                counts.add_to_member(EventRow {
                    time: visit.time,
                    row: visit.id,
                    text: visit.member_id,
                })?;
                let mut row = VisitRow {
                    visit,
                    member: None,
                    member_type: None,
                };
                if let Some(member_catalog) = counts.member_catalog_mut()
                    && !is_blank(visit.member_id)
                {
                    let member = member_catalog.lookup(visit.member_id)?;
                    row.member = Some(member);
                    if let Lookup::Found(index) = member {
                        row.member_type = member_catalog.member_type(index);
                    }
                }
                figures.add(&row);
            }
            Ok(())
        })
        .await?;
        Ok(found)
    }

    fn found(&self, counted: &DailyTotals) -> Found {
        let streamed = self.streamed.into_iter();
        let to_stream = streamed.flat_map(|window| counted.range(window.from..window.to));
        Found {
            visits: counted.values().sum(),
            to_stream: to_stream.map(|(_, total)| total).sum(),
        }
    }
}

fn times(window: Window) -> [NaiveDateTime; 2] {
    [window.from, window.to].map(|day| day.and_time(NaiveTime::MIN))
}

/// The wall time that is `seconds` after 1970-01-01 00:00:00.
fn wall_time(seconds: i64) -> Result<NaiveDateTime> {
    let time = DateTime::from_timestamp(seconds, 0).context("a time outside the calendar")?;
    Ok(time.naive_utc())
}
