//! Counts events (visits or loans) by member: first by the id as spelled, then by the ids that the database holds
//! equal.

use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::row::{EventRow, WallTime};
use crate::snapshots::interner::Interner;
use crate::snapshots::series;
use crate::window::Window;
use anyhow::Result;
use chrono::{Datelike, NaiveDate};
use shared::catalog::Period;
use std::borrow::Cow;
use std::collections::HashMap;

/// Number of months of which members are counted, including the current one. They include the current year.
pub const MONTHS: usize = series::MONTHS as usize;

/// Number of events in the current month and year, and the months with events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    year: u32,
    month: u32,
    /// One bit for each of the last twelve months, the earliest first: 2 bytes where a set of ids for each month would
    /// take some 50.
    months: u16,
}

impl Totals {
    /// Whether there is an event in a month: 0 is the earliest of the twelve.
    pub fn is_in_month(&self, month: usize) -> bool {
        self.months & (1 << month) != 0
    }

    /// Adds the events of another spelling.
    pub fn merge(&mut self, other: &Self) {
        self.year += other.year;
        self.month += other.month;
        self.months |= other.months;
    }

    /// The total of one period.
    pub fn for_period(&self, period: Period) -> u64 {
        match period {
            Period::Month => self.month.into(),
            Period::Year => self.year.into(),
        }
    }
}

/// The events of the last twelve months, under one spelling or of one member.
#[derive(Clone, Copy, Debug)]
pub struct MemberTally {
    /// Number of events.
    pub totals: Totals,
    /// The latest event: its time and the row's id. If the month or the year has any event, this one is in it, since
    /// all windows end today.
    pub latest: (WallTime, i64),
    /// The interned id, as spelled in the latest event.
    spelling: u32,
}

impl MemberTally {
    const NONE: Self = Self {
        totals: Totals {
            year: 0,
            month: 0,
            months: 0,
        },
        latest: (WallTime::ZERO, i64::MIN),
        spelling: 0,
    };

    fn merge(&mut self, other: &Self) {
        self.totals.merge(&other.totals);
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
    months: Window,
    spellings: Interner<MemberTally>,
}

impl MemberCounter {
    /// Creates a counter for the twelve months that end with `today`.
    pub fn new(today: NaiveDate) -> Self {
        Self {
            month: Window::current(Period::Month, today),
            year: Window::current(Period::Year, today),
            months: member_window(today),
            spellings: Interner::default(),
        }
    }

    /// Counts one event. Ignores it if the member's id is empty, or the date is invalid or outside the window.
    ///
    /// # Errors
    /// If the ids exceed the capacity of the interner.
    pub fn add(&mut self, EventRow { time, row, text }: EventRow<'_>) -> Result<()> {
        let Some(day) = time.date().filter(|day| self.months.contains(*day)) else {
            return Ok(());
        };
        if text.is_empty() {
            return Ok(());
        }
        let (spelling, tally) = self.spellings.get_or_intern(text, || MemberTally::NONE)?;
        tally.spelling = spelling;
        tally.totals.year += u32::from(self.year.contains(day));
        tally.totals.month += u32::from(self.month.contains(day));
        tally.totals.months |= 1 << months_between(self.months.from, day);
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
        self.for_each_spelling(collation, |key, _, tally| {
            let (_, totals) = members.get_or_intern(key, Totals::default)?;
            totals.merge(&tally.totals);
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
        self.for_each_spelling(collation, |key, _, tally| {
            if wanted(key) {
                let member = members.entry(key.into()).or_insert(MemberTally::NONE);
                member.merge(tally);
            }
            Ok(())
        })?;
        Ok(members)
    }

    /// The number of different members with an event in each of the twelve months, the earliest month first.
    ///
    /// # Errors
    /// If the keys exceed the capacity of the interner.
    pub fn members_by_month(&self, collation: &Collation) -> Result<[u64; MONTHS]> {
        let members = self.totals(collation)?;
        let in_month = |month| {
            let with_events = members
                .iter()
                .filter(|(_, totals)| totals.is_in_month(month));
            with_events.count() as u64
        };
        Ok(std::array::from_fn(in_month))
    }

    /// Calls `visit` with the key, the bytes and the tally of each spelling. Blank ids are left out.
    ///
    /// # Errors
    /// If `visit` fails.
    pub fn for_each_spelling(
        &self,
        collation: &Collation,
        mut visit: impl FnMut(&[u8], &[u8], &MemberTally) -> Result<()>,
    ) -> Result<()> {
        let mut key = Vec::new();
        for (spelling, tally) in self.spellings.iter().filter(|(id, _)| !is_blank(id)) {
            collation.write_key(&String::from_utf8_lossy(spelling), &mut key);
            visit(&key, spelling, tally)?;
        }
        Ok(())
    }

    /// The member's id, as spelled in the latest event.
    pub fn id(&self, tally: &MemberTally) -> String {
        String::from_utf8_lossy(self.spellings.text(tally.spelling)).into_owned()
    }
}

/// The days of which members are counted: the last twelve months.
pub fn member_window(today: NaiveDate) -> Window {
    Window::last_months(series::MONTHS, today)
}

/// The number of months from the month of `first` to the month of `day`.
pub fn months_between(first: NaiveDate, day: NaiveDate) -> usize {
    let months = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
    usize::try_from(months(day) - months(first)).unwrap_or(0)
}

/// Whether a member's id has only white space, so that it belongs to a guest.
pub fn is_blank(id: &[u8]) -> bool {
    // Nearly every id begins with a letter or a digit.
    let is_text = id.first().is_some_and(u8::is_ascii_graphic);
    !is_text && String::from_utf8_lossy(id).trim().is_empty()
}
