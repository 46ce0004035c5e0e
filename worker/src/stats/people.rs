//! Counts events (visits or loans) by person: first by spelling as the rows come, then by what the database holds
//! equal.

use crate::calendar::Window;
use crate::source::cells::WallTime;
use crate::source::collation::Collation;
use crate::stats::batch::{Batch, Row};
use crate::stats::texts::Texts;
use anyhow::Result;
use chrono::NaiveDate;
use shared::catalog::Period;
use std::borrow::Cow;

/// What was done in the current year so far, under one spelling or by one person.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// Events of the year.
    pub year: u32,
    /// Events of the month.
    pub month: u32,
    /// The latest event: when, and the row's id. It is of the month too, whenever the month has any, since both
    /// windows end today.
    pub latest: (WallTime, i64),
    /// The number of the id as the latest event spells it.
    spelling: u32,
}

impl Tally {
    const NONE: Self = Self {
        year: 0,
        month: 0,
        latest: (WallTime::ZERO, i64::MIN),
        spelling: 0,
    };

    /// Events of the current month or year.
    pub fn total(&self, period: Period) -> u64 {
        match period {
            Period::Month => self.month.into(),
            Period::Year => self.year.into(),
        }
    }

    fn join(&mut self, other: &Self) {
        self.year += other.year;
        self.month += other.month;
        if other.latest > self.latest {
            self.latest = other.latest;
            self.spelling = other.spelling;
        }
    }
}

/// Events by spelling: some 100 bytes for each that is seen, and as many again while people are told apart.
pub struct People {
    month: Window,
    year: Window,
    spellings: Texts<Tally>,
    batch: Batch,
}

impl People {
    /// Counts for the month and the year of `today`.
    pub fn new(today: NaiveDate) -> Self {
        Self {
            month: Window::current(Period::Month, today),
            year: Window::current(Period::Year, today),
            spellings: Texts::default(),
            batch: Batch::default(),
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
    pub fn add(&mut self, event: Row<'_>) -> Result<()> {
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
        for Row { time, row, text } in self.batch.iter() {
            let (spelling, tally) = self.spellings.numbered(text, || Tally::NONE)?;
            tally.spelling = spelling;
            tally.year += 1;
            let of_the_month = time.date().is_some_and(|day| self.month.contains(day));
            tally.month += u32::from(of_the_month);
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

    /// Joins the spellings that are equal under `collation`; by their keys. Blank ones are nobody's.
    ///
    /// # Errors
    /// More people than can be held.
    pub fn by_person(&self, collation: &Collation) -> Result<Texts<Tally>> {
        let (mut people, mut key) = (Texts::<Tally>::default(), Vec::new());
        for (spelling, tally) in self.spellings.iter() {
            let spelling = String::from_utf8_lossy(spelling);
            if spelling.trim().is_empty() {
                continue;
            }
            collation.write_key(&spelling, &mut key);
            people.numbered(&key, || Tally::NONE)?.1.join(tally);
        }
        Ok(people)
    }

    /// The id as the latest event spells it.
    pub fn id(&self, tally: &Tally) -> String {
        String::from_utf8_lossy(self.spellings.text(tally.spelling)).into_owned()
    }
}
