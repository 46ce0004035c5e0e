//! What a pass counts for all its figures: events by day and by member.

use crate::calendar::Window;
use crate::mysql::collation::Collation;
use crate::mysql::connection::Session;
use crate::mysql::row::{DailyTotals, EventRow};
use crate::snapshots::member_counter::MemberCounter;
use crate::snapshots::series;
use anyhow::Result;
use chrono::NaiveDate;

/// Events (visits or loans) by day and by member.
pub struct Counts {
    /// By day, for the last five years. Empty if no figure needs it.
    pub days: DailyTotals,
    /// By member, for the last twelve months; `None` if no figure needs it.
    pub members: Option<CountedMembers>,
    window: Option<Window>,
    /// Events of a day mostly come in a row, which saves a look-up for each.
    current: (NaiveDate, u64),
}

/// Events by member, and which ids are equal.
pub struct CountedMembers {
    /// The events by member.
    pub counter: MemberCounter,
    /// Has learnt every counted id.
    pub collation: Collation,
}

impl Counts {
    /// Starts to count by day if `days`, and by the member ids of `table` if `members`.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn begin(
        session: &mut Session,
        table: &'static str,
        today: NaiveDate,
        (days, members): (bool, bool),
    ) -> Result<Self> {
        let members = match members {
            true => Some(CountedMembers {
                counter: MemberCounter::new(today),
                collation: Collation::of(session, table, "member_id").await?,
            }),
            false => None,
        };
        Ok(Self {
            days: DailyTotals::new(),
            members,
            window: days.then(|| series::window(today)),
            current: (NaiveDate::MIN, 0),
        })
    }

    /// Adds events that the server has counted by day.
    pub fn add_days(&mut self, counted: &DailyTotals) {
        if self.window.is_some() {
            for (day, total) in counted {
                *self.days.entry(*day).or_default() += total;
            }
        }
    }

    /// Counts an event by its day.
    pub fn add_to_day(&mut self, day: NaiveDate) {
        if day != self.current.0 {
            self.flush();
            self.current.0 = day;
        }
        self.current.1 += 1;
    }

    /// Counts an event by its member's id.
    ///
    /// # Errors
    /// If there are too many ids.
    pub fn add_to_member(&mut self, event: EventRow<'_>) -> Result<()> {
        match &mut self.members {
            Some(members) => members.counter.add(event),
            None => Ok(()),
        }
    }

    /// Ends the counting: compares the ids as the database does.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn finish(mut self, session: &mut Session) -> Result<Self> {
        self.flush();
        if let Some(CountedMembers { counter, collation }) = &mut self.members {
            collation.learn(session, counter.spellings()).await?;
        }
        Ok(self)
    }

    fn flush(&mut self) {
        let (day, total) = std::mem::replace(&mut self.current, (NaiveDate::MIN, 0));
        if total > 0 && self.window.is_some_and(|window| window.contains(day)) {
            *self.days.entry(day).or_default() += total;
        }
    }
}
