//! What stands beside the data of a library that is kept: of what it was made, and up to which day it has grown.

use crate::library::days::{Days, first_day};
use crate::library::size::Size;
use anyhow::{Context as _, Result};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::path::Path;
use testkit::schema::Engine;

/// Raised when the rows or the tables become others, so that older libraries are built anew.
const FORMAT: u32 = 1;
/// A library that would grow by more than this is built anew: its history would begin too early.
const MOST_DAYS_OLD: i64 = 100;
const FILE: &str = "library.json";

/// Written when all rows are in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    format: u32,
    size: Size,
    engine: String,
    /// The first day, and the last one of the first filling: they fix how many rows each day has.
    first: NaiveDate,
    filled: NaiveDate,
    /// The last day by now.
    pub until: NaiveDate,
}

impl Marker {
    /// Of a library whose first filling ends with `until`.
    pub fn new(size: &Size, engine: Engine, until: NaiveDate) -> Self {
        Self {
            format: FORMAT,
            size: *size,
            engine: engine.to_string(),
            first: first_day(until, size.years),
            filled: until,
            until,
        }
    }

    /// That of the library in `folder`; `None` when there is none, or none that is whole.
    pub fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read(folder.join(FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes it beside the data.
    ///
    /// # Errors
    /// As the disk says.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).context("writing a marker")?;
        std::fs::write(folder.join(FILE), text).context("writing a marker")
    }

    /// Whether it is such a library, and young enough to be one whose history ends with `until`.
    pub fn fits(&self, size: &Size, engine: Engine, until: NaiveDate) -> bool {
        let wanted = Self::new(size, engine, until);
        let made_alike =
            (self.format, self.size, &self.engine) == (wanted.format, wanted.size, &wanted.engine);
        made_alike && self.until <= until && (until - self.filled).num_days() <= MOST_DAYS_OLD
    }

    /// The days of `visitor_count`.
    pub fn visits(&self) -> Days {
        Days::new(self.size.visits, self.first, self.filled)
    }

    /// The days of `loan` and `loan_history`.
    pub fn loans(&self) -> Days {
        Days::new(self.size.loans, self.first, self.filled)
    }
}

/// Removes the library in `folder`, the marker first: what is left of it after a failure is none.
///
/// # Errors
/// As the disk says.
pub fn remove(folder: &Path) -> Result<()> {
    let (marker, data) = (folder.join(FILE), folder.join("data"));
    if marker.exists() {
        std::fs::remove_file(&marker).with_context(|| format!("removing {}", marker.display()))?;
    }
    if data.exists() {
        std::fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Days as Count;

    #[test]
    fn a_library_fits_for_some_time_and_only_what_it_was_made_for() {
        let (size, built) = (
            Size::UNIVERSITY,
            NaiveDate::from_ymd_opt(2026, 11, 22).unwrap(),
        );
        let marker = Marker::new(&size, Engine::InnoDb, built);
        let fits = |size, engine, days| marker.fits(&size, engine, built + Count::new(days));
        assert!(fits(size, Engine::InnoDb, 0) && fits(size, Engine::InnoDb, 100));
        assert!(!fits(size, Engine::InnoDb, 101));
        assert!(!fits(size, Engine::MyIsam, 0));
        assert!(!fits(Size::of_rows(1_000_000), Engine::InnoDb, 0));
        assert!(!marker.fits(&size, Engine::InnoDb, built - Count::new(1)));
        let old = Marker {
            format: FORMAT - 1,
            ..marker.clone()
        };
        assert!(!old.fits(&size, Engine::InnoDb, built));
    }
}
