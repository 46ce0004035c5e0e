//! What a pass counts for all its figures: events by day, by member and by title.

use crate::mysql::collation::Collation;
use crate::mysql::connection::Session;
use crate::mysql::row::{DailyTotals, EventRow};
use crate::snapshots::member_catalog::MemberCatalog;
use crate::snapshots::member_counter::MemberCounter;
use crate::snapshots::needs::Needs;
use crate::snapshots::series;
use crate::snapshots::title_counter::TitleCounter;
use crate::window::Window;
use anyhow::{Context, Result};
use chrono::NaiveDate;

/// Events (visits or loans) by day, by member and by title. Empty where no figure needs it.
pub struct Counts {
    /// By day, for the last five years.
    pub days: DailyTotals,
    members: Option<CountedMembers>,
    member_catalog: Option<MemberCatalog>,
    titles: Option<TitleCounter>,
    window: Option<Window>,
    /// Events of a day mostly come in a row, which saves a look-up for each.
    current: (NaiveDate, u64),
}

/// Events by member, for the last twelve months, and which ids are equal.
pub struct CountedMembers {
    /// The events by member.
    pub counter: MemberCounter,
    /// Has learnt every counted id.
    pub collation: Collation,
}

impl Counts {
    /// Starts to count what `needs` says: members by the ids of `table`.
    ///
    /// # Errors
    /// If the database does not answer.
    pub(super) async fn begin(
        session: &mut Session,
        table: &'static str,
        today: NaiveDate,
        needs: &Needs,
    ) -> Result<Self> {
        let members = match needs.members {
            true => Some(CountedMembers {
                counter: MemberCounter::new(today),
                collation: Collation::of(session, table, "member_id").await?,
            }),
            false => None,
        };
        Ok(Self {
            days: DailyTotals::new(),
            members,
            member_catalog: None,
            titles: None,
            window: needs.days.then(|| series::window(today)),
            current: (NaiveDate::MIN, 0),
        })
    }

    /// Adds the catalogue of members, in which the members of visits are looked up.
    #[must_use]
    pub fn with_member_catalog(self, member_catalog: Option<MemberCatalog>) -> Self {
        Self {
            member_catalog,
            ..self
        }
    }

    /// Adds the counter of loans by title.
    #[must_use]
    pub fn with_titles(self, titles: Option<TitleCounter>) -> Self {
        Self { titles, ..self }
    }

    /// Events by member.
    ///
    /// # Errors
    /// If no figure needs them.
    pub fn members(&self) -> Result<&CountedMembers> {
        self.members.as_ref().context("members were not counted")
    }

    /// The catalogue of members, in which every id that was counted is looked up.
    ///
    /// # Errors
    /// If no figure needs it.
    pub fn member_catalog(&self) -> Result<&MemberCatalog> {
        self.member_catalog
            .as_ref()
            .context("members were not read")
    }

    /// The catalogue of members, for look-ups.
    pub fn member_catalog_mut(&mut self) -> Option<&mut MemberCatalog> {
        self.member_catalog.as_mut()
    }

    /// Loans by title.
    ///
    /// # Errors
    /// If no figure needs them, or they could not be counted.
    pub fn titles(&self) -> Result<&TitleCounter> {
        let titles = self.titles.as_ref().context("titles were not counted")?;
        titles.check().map(|()| titles)
    }

    /// The counter of loans by title, for counting.
    pub fn titles_mut(&mut self) -> Option<&mut TitleCounter> {
        self.titles.as_mut()
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
        if let Some(member_catalog) = &mut self.member_catalog {
            member_catalog.resolve_pending(session).await?;
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
