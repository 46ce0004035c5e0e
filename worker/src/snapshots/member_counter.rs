//! Counts events (visits or loans) by person: first by spelling as the rows come, then by what the database holds
//! equal.

use crate::calendar::Window;
use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::row::WallTime;
use crate::snapshots::interner::Interner;
use crate::snapshots::row_batch::{EventRow, RowBatch};
use anyhow::Result;
use chrono::NaiveDate;
use shared::catalog::Period;
use std::borrow::Cow;
use std::collections::HashMap;

/// Events of the current month and year.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    year: u32,
    month: u32,
}

impl Totals {
    /// Those of one of the two.
    pub fn of(&self, period: Period) -> u64 {
        match period {
            Period::Month => self.month.into(),
            Period::Year => self.year.into(),
        }
    }
}

/// What was done in the current year so far, under one spelling or by one person.
#[derive(Clone, Copy, Debug)]
pub struct MemberTally {
    /// How often.
    pub totals: Totals,
    /// The latest event: when, and the row's id. It is of the month too, whenever the month has any, since both
    /// windows end today.
    pub latest: (WallTime, i64),
    /// The number of the id as the latest event spells it.
    spelling: u32,
}

impl MemberTally {
    const NONE: Self = Self {
        totals: Totals { year: 0, month: 0 },
        latest: (WallTime::ZERO, i64::MIN),
        spelling: 0,
    };

    fn join(&mut self, other: &Self) {
        self.totals.year += other.totals.year;
        self.totals.month += other.totals.month;
        if other.latest > self.latest {
            self.latest = other.latest;
            self.spelling = other.spelling;
        }
    }
}

/// Events by spelling: 60 to 110 bytes for each that is seen, and some 50 more while people are told apart.
pub struct MemberCounter {
    month: Window,
    year: Window,
    spellings: Interner<MemberTally>,
    batch: RowBatch,
}

impl MemberCounter {
    /// Counts for the month and the year of `today`.
    pub fn new(today: NaiveDate) -> Self {
        Self {
            month: Window::current(Period::Month, today),
            year: Window::current(Period::Year, today),
            spellings: Interner::default(),
            batch: RowBatch::default(),
        }
    }

    /// The window of the rows that are wanted.
    pub fn window(&self) -> Window {
        self.year
    }

    /// Takes one event of whoever has this id; an empty one is nobody's. A date that is none is in no window.
    ///
    /// # Errors
    /// More ids than can be held.
    pub fn add(&mut self, event: EventRow<'_>) -> Result<()> {
        let day = event.time.date();
        if !event.text.is_empty() && day.is_some_and(|day| self.year.contains(day)) {
            self.batch.push(event);
        }
        if self.batch.is_full() {
            self.count()
        } else {
            Ok(())
        }
    }

    /// Counts what was taken.
    ///
    /// # Errors
    /// More ids than can be held.
    pub fn count(&mut self) -> Result<()> {
        for EventRow { time, row, text } in self.batch.iter() {
            let (spelling, tally) = self.spellings.get_or_intern(text, || MemberTally::NONE)?;
            tally.spelling = spelling;
            tally.totals.year += 1;
            let of_the_month = time.date().is_some_and(|day| self.month.contains(day));
            tally.totals.month += u32::from(of_the_month);
            tally.latest = tally.latest.max((time, row));
        }
        self.batch.clear();
        Ok(())
    }

    /// The spellings that were seen.
    pub fn spellings(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let texts = self.spellings.iter();
        texts.map(|(text, _)| String::from_utf8_lossy(text))
    }

    /// The totals of each person, by key: of all spellings that are equal under `collation`. Blank ones are nobody's.
    ///
    /// # Errors
    /// More people than can be held.
    pub fn totals(&self, collation: &Collation) -> Result<Interner<Totals>> {
        let mut people = Interner::<Totals>::default();
        self.each(collation, |key, tally| {
            let (_, totals) = people.get_or_intern(key, Totals::default)?;
            totals.year += tally.totals.year;
            totals.month += tally.totals.month;
            Ok(())
        })?;
        Ok(people)
    }

    /// All that is known of those whose key is `wanted`.
    ///
    /// # Errors
    /// None: what has been counted before can be held.
    pub fn tallies(
        &self,
        collation: &Collation,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<HashMap<CollationKey, MemberTally>> {
        let mut people: HashMap<CollationKey, MemberTally> = HashMap::new();
        self.each(collation, |key, tally| {
            if wanted(key) {
                let person = people.entry(key.into()).or_insert(MemberTally::NONE);
                person.join(tally);
            }
            Ok(())
        })?;
        Ok(people)
    }

    fn each(
        &self,
        collation: &Collation,
        mut each: impl FnMut(&[u8], &MemberTally) -> Result<()>,
    ) -> Result<()> {
        let mut key = Vec::new();
        for (spelling, tally) in self.spellings.iter() {
            let spelling = String::from_utf8_lossy(spelling);
            if !spelling.trim().is_empty() {
                collation.write_key(&spelling, &mut key);
                each(&key, tally)?;
            }
        }
        Ok(())
    }

    /// The id as the latest event spells it.
    pub fn id(&self, tally: &MemberTally) -> String {
        String::from_utf8_lossy(self.spellings.text(tally.spelling)).into_owned()
    }
}
