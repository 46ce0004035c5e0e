//! The pass over `visitor_count`: visits by day for the series and by member for the rankings, each row read once.
//!
//! With an index on the date the walk goes along the days: within the index alone up to the current year, row by row
//! from there. Without one it goes along the ids, through the whole table, and the server filters by the exact date:
//! whatever the order in which rows were written, dated or edited, each is found where it is. Older chunks are counted
//! by the server; once a chunk has shown the current year, the next ones are streamed.
//!
//! MyISAM looks a row up by its id with three calls into the system, and reads it in passing with none: five times the
//! work. Where check-ins are added while the table is read, it is read in one statement.

use crate::calendar::Window;
use crate::mysql::connection::{Session, WHOLE_LIMIT};
use crate::mysql::scan::{ChunkedScan, ScanSettings};
use crate::mysql::scan_plan::ScanPlan;
use crate::mysql::schema::TableSchema;
use crate::mysql::throttle::Throttle;
use crate::mysql::visits::{self, KEY, VisitQuery};
use crate::snapshots::member_counter::MemberCounter;
use crate::snapshots::series::{self, Days};
use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

/// What the visits come to, as far as it was wanted.
pub(super) struct VisitScan {
    pub(super) days: Option<Days>,
    pub(super) people: Option<MemberCounter>,
}

impl VisitScan {
    /// Reads what `series` and `tops` need.
    pub(super) async fn read(
        session: &mut Session,
        reading: &ScanSettings,
        plan: &TableSchema,
        today: NaiveDate,
        (series, tops): (bool, bool),
    ) -> Result<Self> {
        let mut visits = Self {
            days: series.then(Days::new),
            people: tops.then(|| MemberCounter::new(today)),
        };
        let people = MemberCounter::new(today);
        let year = people.window();
        let window = if series { series::window(today) } else { year };
        let mut pass = Pass {
            session,
            rest: Throttle::new(reading),
            year,
            visits: &mut visits,
        };
        match ScanPlan::through_visits(pass.session, plan).await? {
            ScanPlan::ByDate(hint) => pass.along_days(reading, &hint, window).await?,
            ScanPlan::ByKey(hint) => pass.along_ids(reading, &hint, window).await?,
            ScanPlan::FullScan => pass.at_once(window).await?,
        }
        Ok(visits)
    }

    fn add_days(&mut self, counted: &Days) {
        if let Some(days) = &mut self.days {
            for (day, total) in counted {
                *days.entry(*day).or_default() += total;
            }
        }
    }
}

struct Pass<'a> {
    session: &'a mut Session,
    rest: Throttle,
    year: Window,
    visits: &'a mut VisitScan,
}

/// What a part has shown.
struct Seen {
    rows: u64,
    of_the_year: u64,
}

impl Pass<'_> {
    async fn along_days(
        &mut self,
        reading: &ScanSettings,
        hint: &str,
        window: Window,
    ) -> Result<()> {
        let older = Window {
            to: self.year.from,
            ..window
        };
        let spans = [
            (older, reading.counted, false),
            (self.year, reading.streamed, self.visits.people.is_some()),
        ];
        for (span, sizes, streamed) in spans {
            let [from, to] = times(span).map(|time| time.and_utc().timestamp());
            let mut walk = ChunkedScan::new("visits", from..=to - 1, sizes, reading);
            while let Some(seconds) = walk.next_chunk(self.session) {
                let part = VisitQuery {
                    hint,
                    times: [at(*seconds.start())?, at(*seconds.end() + 1)?],
                    ids: None,
                };
                if streamed {
                    self.stream(&part).await?;
                } else {
                    self.count(&part).await?;
                }
                walk.rest(self.session, &mut self.rest).await?;
            }
        }
        Ok(())
    }

    async fn along_ids(
        &mut self,
        reading: &ScanSettings,
        hint: &str,
        window: Window,
    ) -> Result<()> {
        let rankings_alone = self.visits.days.is_none();
        let mut streams = rankings_alone;
        let mut walk = ChunkedScan::over("visits", self.session, KEY, reading).await?;
        while let Some(ids) = walk.next_chunk(self.session) {
            let part = VisitQuery {
                hint,
                times: times(window),
                ids: Some(ids),
            };
            let seen = if streams {
                self.stream(&part).await?
            } else {
                self.count_and_stream(&part).await?
            };
            // A back-dated row among old ones is no reason to send all of those that follow.
            streams = rankings_alone
                || (self.visits.people.is_some() && seen.of_the_year * 2 > seen.rows);
            if seen.rows == 0 {
                walk.skip_gap(self.session, KEY).await?;
            }
            walk.rest(self.session, &mut self.rest).await?;
        }
        Ok(())
    }

    /// In one statement: of a table that check-ins are added to meanwhile, or without a key to walk along, as there are
    /// in broken copies.
    async fn at_once(&mut self, window: Window) -> Result<()> {
        self.session.allow(WHOLE_LIMIT).await?;
        let part = VisitQuery {
            hint: "",
            times: times(window),
            ids: None,
        };
        self.stream(&part).await?;
        Ok(())
    }

    /// Counts by day, and reads the visits of the year once more when there are some.
    async fn count_and_stream(&mut self, part: &VisitQuery<'_>) -> Result<Seen> {
        let seen = self.count(part).await?;
        if seen.of_the_year > 0 && self.visits.people.is_some() {
            let days = self.visits.days.take();
            let of_the_year = VisitQuery {
                times: times(self.year),
                ..part.clone()
            };
            self.stream(&of_the_year).await?;
            self.visits.days = days;
        }
        Ok(seen)
    }

    async fn count(&mut self, part: &VisitQuery<'_>) -> Result<Seen> {
        let counted = visits::by_day(self.session, part).await?;
        self.visits.add_days(&counted);
        Ok(self.seen(&counted))
    }

    async fn stream(&mut self, part: &VisitQuery<'_>) -> Result<Seen> {
        let mut counted = Days::new();
        let people = &mut self.visits.people;
        let members = people.as_ref().map(MemberCounter::window);
        let mut day = (NaiveDate::MIN, 0);
        visits::each(self.session, part, members, |visit| {
            // Visits of a day follow one another mostly.
            match visit.time.date() {
                Some(date) if date == day.0 => day.1 += 1,
                Some(date) => {
                    let (day, total) = std::mem::replace(&mut day, (date, 1));
                    *counted.entry(day).or_default() += total;
                }
                None => {}
            }
            match people.as_mut() {
                Some(people) => people.add(visit),
                None => Ok(()),
            }
        })
        .await?;
        *counted.entry(day.0).or_default() += day.1;
        counted.remove(&NaiveDate::MIN);
        if let Some(people) = people {
            people.count()?;
        }
        self.visits.add_days(&counted);
        Ok(self.seen(&counted))
    }

    fn seen(&self, counted: &Days) -> Seen {
        let of_the_year = counted.range(self.year.from..self.year.to);
        Seen {
            rows: counted.values().sum(),
            of_the_year: of_the_year.map(|(_, total)| total).sum(),
        }
    }
}

fn times(window: Window) -> [NaiveDateTime; 2] {
    [window.from, window.to].map(|day| day.and_time(NaiveTime::MIN))
}

/// The wall time of so many seconds.
fn at(seconds: i64) -> Result<NaiveDateTime> {
    let time = DateTime::from_timestamp(seconds, 0).context("a time beyond the calendar")?;
    Ok(time.naive_utc())
}
