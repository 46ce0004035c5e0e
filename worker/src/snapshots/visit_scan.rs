//! Scans `visitor_count` and counts visits by day for the series and by member for the rankings. Each row is read once.
//!
//! With an index on the date, the scan goes along the days: within the index alone before the current year, row by row
//! in it. Without one, it goes along the ids, over the whole table, and the server filters by the exact date, so that
//! every row is found, in whatever order rows were written, dated or edited. The server counts older chunks; once a
//! chunk has shown rows of the current year, the next ones are streamed.
//!
//! MyISAM needs three system calls to look up a row by its id, and none when it reads the table in order: a fifth of
//! the work. So a table to which check-ins can be added during a read is read in one statement.

use crate::calendar::Window;
use crate::mysql::connection::{FULL_SCAN_LIMIT, Session};
use crate::mysql::row::DailyTotals;
use crate::mysql::scan::ChunkedScan;
use crate::mysql::scan_plan::ScanPlan;
use crate::mysql::scan_settings::ScanSettings;
use crate::mysql::schema::TableSchema;
use crate::mysql::throttle::Throttle;
use crate::mysql::visits::{self, KEY, VisitQuery};
use crate::snapshots::member_counter::MemberCounter;
use crate::snapshots::series;
use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

/// The counted visits. A field is `None` if it was not requested.
pub(super) struct VisitScan {
    pub(super) days: Option<DailyTotals>,
    pub(super) members: Option<MemberCounter>,
}

impl VisitScan {
    /// Reads the visits that the series and the rankings need.
    pub(super) async fn read(
        session: &mut Session,
        settings: &ScanSettings,
        schema: &TableSchema,
        today: NaiveDate,
        (series, rankings): (bool, bool),
    ) -> Result<Self> {
        let mut visits = Self {
            days: series.then(DailyTotals::new),
            members: rankings.then(|| MemberCounter::new(today)),
        };
        let year = MemberCounter::new(today).window();
        let window = if series { series::window(today) } else { year };
        let mut scan = Scan {
            session,
            schema,
            throttle: Throttle::new(settings),
            year,
            visits: &mut visits,
        };
        match ScanPlan::through_visits(scan.session, schema).await? {
            ScanPlan::ByDate(hint) => scan.by_date(settings, &hint, window).await?,
            ScanPlan::ByKey(hint) => scan.by_key(settings, &hint, window).await?,
            ScanPlan::FullScan => scan.full_scan(window).await?,
        }
        Ok(visits)
    }

    fn add_days(&mut self, counted: &DailyTotals) {
        if let Some(days) = &mut self.days {
            for (day, total) in counted {
                *days.entry(*day).or_default() += total;
            }
        }
    }
}

struct Scan<'a> {
    session: &'a mut Session,
    schema: &'a TableSchema,
    throttle: Throttle,
    year: Window,
    visits: &'a mut VisitScan,
}

/// The number of visits that one query has found.
struct Found {
    visits: u64,
    in_year: u64,
}

impl Scan<'_> {
    async fn by_date(&mut self, settings: &ScanSettings, hint: &str, window: Window) -> Result<()> {
        let older = Window {
            to: self.year.from,
            ..window
        };
        let spans = [
            (older, settings.counted, false),
            (self.year, settings.streamed, self.visits.members.is_some()),
        ];
        for (span, sizes, is_streamed) in spans {
            let [from, to] = times(span).map(|time| time.and_utc().timestamp());
            let mut chunks = ChunkedScan::new("visits", from..=to - 1, sizes, settings);
            while let Some(seconds) = chunks.next_chunk(self.session) {
                let query = VisitQuery {
                    hint,
                    times: [wall_time(*seconds.start())?, wall_time(*seconds.end() + 1)?],
                    ids: None,
                };
                if is_streamed {
                    self.stream(&query).await?;
                } else {
                    self.count(&query).await?;
                }
                chunks.pause(self.session, &mut self.throttle).await?;
            }
        }
        Ok(())
    }

    async fn by_key(&mut self, settings: &ScanSettings, hint: &str, window: Window) -> Result<()> {
        let only_rankings = self.visits.days.is_none();
        let mut is_streamed = only_rankings;
        let mut chunks = ChunkedScan::over("visits", self.session, KEY, settings).await?;
        while let Some(ids) = chunks.next_chunk(self.session) {
            let query = VisitQuery {
                hint,
                times: times(window),
                ids: Some(ids),
            };
            let found = if is_streamed {
                self.stream(&query).await?
            } else {
                self.count_and_stream(&query).await?
            };
            // A single row of this year among old ones is no reason to stream all old rows that follow.
            is_streamed = only_rankings
                || (self.visits.members.is_some() && found.in_year * 2 > found.visits);
            if found.visits == 0 {
                chunks.skip_gap(self.session, KEY).await?;
            }
            chunks.pause(self.session, &mut self.throttle).await?;
        }
        Ok(())
    }

    /// Reads the table in one statement: if check-ins can be added during the read, or if no index leads the key, as in
    /// broken copies.
    async fn full_scan(&mut self, window: Window) -> Result<()> {
        self.session.allow(FULL_SCAN_LIMIT).await?;
        let query = VisitQuery {
            hint: "",
            times: times(window),
            ids: None,
        };
        self.stream(&query).await?;
        Ok(())
    }

    /// Counts by day. If there are visits of the year, reads those again by member.
    async fn count_and_stream(&mut self, query: &VisitQuery<'_>) -> Result<Found> {
        let found = self.count(query).await?;
        if found.in_year > 0 && self.visits.members.is_some() {
            // Without `days`, so that the visits are not counted by day twice.
            let days = self.visits.days.take();
            let in_year = VisitQuery {
                times: times(self.year),
                ..query.clone()
            };
            self.stream(&in_year).await?;
            self.visits.days = days;
        }
        Ok(found)
    }

    async fn count(&mut self, query: &VisitQuery<'_>) -> Result<Found> {
        let counted = visits::by_day(self.session, query).await?;
        self.visits.add_days(&counted);
        Ok(self.found(&counted))
    }

    async fn stream(&mut self, query: &VisitQuery<'_>) -> Result<Found> {
        let mut counted = DailyTotals::new();
        let members = &mut self.visits.members;
        let window = members.as_ref().map(MemberCounter::window);
        let mut current = (NaiveDate::MIN, 0);
        visits::each(self.session, self.schema, query, window, |visit| {
            // Visits of a day mostly come in a row, which saves a lookup for each.
            match visit.time.date() {
                Some(date) if date == current.0 => current.1 += 1,
                Some(date) => {
                    let (day, total) = std::mem::replace(&mut current, (date, 1));
                    *counted.entry(day).or_default() += total;
                }
                None => {}
            }
            match members.as_mut() {
                Some(members) => members.add(visit),
                None => Ok(()),
            }
        })
        .await?;
        *counted.entry(current.0).or_default() += current.1;
        counted.remove(&NaiveDate::MIN);
        self.visits.add_days(&counted);
        Ok(self.found(&counted))
    }

    fn found(&self, counted: &DailyTotals) -> Found {
        let in_year = counted.range(self.year.from..self.year.to);
        Found {
            visits: counted.values().sum(),
            in_year: in_year.map(|(_, total)| total).sum(),
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
