//! Counts events (visits or loans) by member: first by the id as spelled, then by the ids that the database holds
//! equal.

use crate::calendar::Window;
use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::row::{EventRow, WallTime};
use crate::snapshots::interner::Interner;
use anyhow::Result;
use chrono::NaiveDate;
use shared::catalog::Period;
use std::borrow::Cow;
use std::collections::HashMap;

/// Number of events in the current month and year.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    year: u32,
    month: u32,
}

impl Totals {
    /// The total of one period.
    pub fn for_period(&self, period: Period) -> u64 {
        match period {
            Period::Month => self.month.into(),
            Period::Year => self.year.into(),
        }
    }
}

/// The events of the current year, under one spelling or of one member.
#[derive(Clone, Copy, Debug)]
pub struct MemberTally {
    /// Number of events.
    pub totals: Totals,
    /// The latest event: its time and the row's id. If the month has any event, this one is in the month, since both
    /// windows end today.
    pub latest: (WallTime, i64),
    /// The interned id, as spelled in the latest event.
    spelling: u32,
}

impl MemberTally {
    const NONE: Self = Self {
        totals: Totals { year: 0, month: 0 },
        latest: (WallTime::ZERO, i64::MIN),
        spelling: 0,
    };

    fn merge(&mut self, other: &Self) {
        self.totals.year += other.totals.year;
        self.totals.month += other.totals.month;
        if other.latest > self.latest {
            self.latest = other.latest;
            self.spelling = other.spelling;
        }
    }
}

/// Counts events by spelling. Takes 60 to 110 bytes for each spelling, and about 50 more while equal ids are merged.
pub struct MemberCounter {
    month: Window,
    year: Window,
    spellings: Interner<MemberTally>,
}

impl MemberCounter {
    /// Creates a counter for the month and the year of `today`.
    pub fn new(today: NaiveDate) -> Self {
        Self {
            month: Window::current(Period::Month, today),
            year: Window::current(Period::Year, today),
            spellings: Interner::default(),
        }
    }

    /// The window of the rows to count: the current year.
    pub fn window(&self) -> Window {
        self.year
    }

    /// Counts one event. Ignores it if the member's id is empty, or the date is invalid or outside the window.
    ///
    /// # Errors
    /// If the ids exceed the capacity of the interner.
    pub fn add(&mut self, EventRow { time, row, text }: EventRow<'_>) -> Result<()> {
        let Some(day) = time.date().filter(|day| self.year.contains(*day)) else {
            return Ok(());
        };
        if text.is_empty() {
            return Ok(());
        }
        let (spelling, tally) = self.spellings.get_or_intern(text, || MemberTally::NONE)?;
        tally.spelling = spelling;
        tally.totals.year += 1;
        tally.totals.month += u32::from(self.month.contains(day));
        tally.latest = tally.latest.max((time, row));
        Ok(())
    }

    /// All spellings counted so far.
    pub fn spellings(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let texts = self.spellings.iter();
        texts.map(|(text, _)| String::from_utf8_lossy(text))
    }

    /// The totals of each member, by key, over all spellings that are equal under `collation`. Blank ids are left out.
    ///
    /// # Errors
    /// If the keys exceed the capacity of the interner.
    pub fn totals(&self, collation: &Collation) -> Result<Interner<Totals>> {
        let mut members = Interner::<Totals>::default();
        self.for_each_key(collation, |key, tally| {
            let (_, totals) = members.get_or_intern(key, Totals::default)?;
            totals.year += tally.totals.year;
            totals.month += tally.totals.month;
            Ok(())
        })?;
        Ok(members)
    }

    /// The tallies of the members whose key is `wanted`.
    ///
    /// # Errors
    /// Returns no error of its own.
    pub fn tallies(
        &self,
        collation: &Collation,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<HashMap<CollationKey, MemberTally>> {
        let mut members: HashMap<CollationKey, MemberTally> = HashMap::new();
        self.for_each_key(collation, |key, tally| {
            if wanted(key) {
                let member = members.entry(key.into()).or_insert(MemberTally::NONE);
                member.merge(tally);
            }
            Ok(())
        })?;
        Ok(members)
    }

    fn for_each_key(
        &self,
        collation: &Collation,
        mut visit: impl FnMut(&[u8], &MemberTally) -> Result<()>,
    ) -> Result<()> {
        let mut key = Vec::new();
        for (spelling, tally) in self.spellings.iter() {
            let spelling = String::from_utf8_lossy(spelling);
            if !spelling.trim().is_empty() {
                collation.write_key(&spelling, &mut key);
                visit(&key, tally)?;
            }
        }
        Ok(())
    }

    /// The member's id, as spelled in the latest event.
    pub fn id(&self, tally: &MemberTally) -> String {
        String::from_utf8_lossy(self.spellings.text(tally.spelling)).into_owned()
    }
}
