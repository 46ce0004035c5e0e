//! Counts events (visits or loans) by person: first by spelling as the rows come, then by what the database holds
//! equal.

use crate::calendar::Window;
use crate::source::cells::WallTime;
use crate::source::collation::{Collation, Key};
use chrono::NaiveDate;
use shared::catalog::Period;
use std::collections::HashMap;

/// What one person did in the current year so far.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Events of the year.
    pub year: u64,
    /// Events of the month.
    pub month: u64,
    /// The latest event: when, and the row's id. It is of the month too, whenever the month has any, since both
    /// windows end today.
    pub latest: (WallTime, i64),
    /// The id as the latest event spells it.
    pub id: String,
}

impl Tally {
    /// The id as it is shown of who is a member no longer.
    pub fn shown_id(&self) -> &str {
        self.id.trim()
    }

    /// Events of the current month or year.
    pub fn total(&self, period: Period) -> u64 {
        match period {
            Period::Month => self.month,
            Period::Year => self.year,
        }
    }

    fn join(&mut self, other: Self) {
        self.year += other.year;
        self.month += other.month;
        if other.latest > self.latest {
            self.latest = other.latest;
            self.id = other.id;
        }
    }
}

/// Events by spelling.
pub struct People {
    month: Window,
    year: Window,
    spellings: HashMap<Box<str>, Tally>,
}

impl People {
    /// Counts for the month and the year of `today`.
    pub fn new(today: NaiveDate) -> Self {
        Self {
            month: Window::current(Period::Month, today),
            year: Window::current(Period::Year, today),
            spellings: HashMap::new(),
        }
    }

    /// The window of the rows that are wanted.
    pub fn window(&self) -> Window {
        self.year
    }

    /// Counts one event. A blank id is nobody's; a date that is none is in no window.
    pub fn add(&mut self, id: &str, time: WallTime, row: i64) {
        let Some(day) = time.date() else { return };
        if id.trim().is_empty() || !self.year.contains(day) {
            return;
        }
        let event = Tally {
            year: 1,
            month: u64::from(self.month.contains(day)),
            latest: (time, row),
            id: String::new(),
        };
        match self.spellings.get_mut(id) {
            Some(tally) => tally.join(event),
            None => drop(self.spellings.insert(id.into(), event)),
        }
    }

    /// The spellings that were seen.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        self.spellings.keys().map(AsRef::as_ref)
    }

    /// Joins the spellings that are equal under `collation`.
    pub fn by_person(self, collation: &Collation) -> HashMap<Key, Tally> {
        let mut people: HashMap<Key, Tally> = HashMap::with_capacity(self.spellings.len());
        for (spelling, mut tally) in self.spellings {
            tally.id = spelling.clone().into();
            match people.entry(collation.key(&spelling)) {
                std::collections::hash_map::Entry::Occupied(mut entry) => {
                    entry.get_mut().join(tally);
                }
                std::collections::hash_map::Entry::Vacant(entry) => drop(entry.insert(tally)),
            }
        }
        people
    }
}
