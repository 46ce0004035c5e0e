//! The right answers by brute force: each rule of the figures in plain Rust over the rows, without SQL and without
//! code of the worker.

mod circulation;
pub mod fold;
mod hours;
mod loans;
mod render;
mod series;
mod types;
mod visitors;
mod window;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::library::Library;
use series::{Series, total};
use window::Window;

/// The paths of all snapshots, as under `/api/`.
pub const PATHS: [&str; 19] = [
    "visitors/weekly",
    "visitors/monthly",
    "visitors/yearly",
    "visitors/monthly/top",
    "visitors/yearly/top",
    "visitors/daily",
    "visitors/hours",
    "visitors/monthly/types",
    "books/collection",
    "books/top-borrowed",
    "books/top-borrowed/month",
    "books/top-borrowed/year",
    "books/top-borrowers/month",
    "books/top-borrowers/year",
    "books/loans/weekly",
    "books/loans/monthly",
    "books/loans/yearly",
    "books/loans/daily",
    "books/circulation",
];

/// What is shown of members (`MEMBER_NAMES`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// Ids and names.
    #[default]
    Full,
    /// No id, and `Siti N.`.
    Masked,
    /// Only rank and total.
    Hidden,
}

/// The right answers for a library at one moment.
#[derive(Debug, Clone)]
pub struct Oracle<'a> {
    library: &'a Library,
    today: NaiveDate,
    /// What is shown of members; full unless set.
    pub member_names: Names,
}

impl<'a> Oracle<'a> {
    /// The answers for `library` at `now`, by the clock of `zone`.
    pub fn new(library: &'a Library, now: DateTime<Utc>, zone: Tz) -> Self {
        let today = now.with_timezone(&zone).date_naive();
        Self {
            library,
            today,
            member_names: Names::Full,
        }
    }

    /// The JSON text of a snapshot's `data`.
    ///
    /// # Panics
    /// If the path is not in [`PATHS`].
    pub fn data(&self, path: &str) -> String {
        let (library, today, names) = (self.library, self.today, self.member_names);
        match path {
            "visitors/weekly" => self.visits(Series::Weekly),
            "visitors/monthly" => self.visits(Series::Monthly),
            "visitors/yearly" => self.visits(Series::Yearly),
            "visitors/daily" => self.visits(Series::Daily),
            "visitors/hours" => hours::hours(library, today),
            "visitors/monthly/types" => types::monthly(library, today),
            "visitors/monthly/top" => visitors::top(library, Window::month(today), names),
            "visitors/yearly/top" => visitors::top(library, Window::year(today), names),
            "books/collection" => {
                format!(
                    r#"{{"total_titles":{},"total_items":{}}}"#,
                    library.biblios.len(),
                    library.items.len()
                )
            }
            "books/top-borrowed" => loans::top_titles(library, Window::all_time(today)),
            "books/top-borrowed/month" => loans::top_titles(library, Window::month(today)),
            "books/top-borrowed/year" => loans::top_titles(library, Window::year(today)),
            "books/top-borrowers/month" => {
                loans::top_borrowers(library, Window::month(today), names)
            }
            "books/top-borrowers/year" => loans::top_borrowers(library, Window::year(today), names),
            "books/loans/weekly" => loans::series(library, Series::Weekly, today),
            "books/loans/monthly" => loans::monthly(library, today),
            "books/loans/yearly" => loans::series(library, Series::Yearly, today),
            "books/loans/daily" => loans::series(library, Series::Daily, today),
            "books/circulation" => circulation::circulation(library, today),
            other => panic!("{other} is no snapshot"),
        }
    }

    /// A series of visits. Every row counts, including guests.
    fn visits(&self, series: Series) -> String {
        let visits = self.library.visits.iter();
        let events = visits.map(|visit| (visit.checkin_date.date, ()));
        series.rows(self.today, events, total)
    }

    /// The `period` of a snapshot: the month or the year, if its window has one.
    pub fn period(&self, path: &str) -> Option<String> {
        match path {
            "visitors/monthly/top" | "books/top-borrowed/month" | "books/top-borrowers/month" => {
                Some(self.today.format("%Y-%m").to_string())
            }
            "visitors/yearly/top" | "books/top-borrowed/year" | "books/top-borrowers/year" => {
                Some(self.today.format("%Y").to_string())
            }
            _ => None,
        }
    }

    /// Every snapshot's path and data.
    pub fn all(&self) -> Vec<(&'static str, String)> {
        PATHS
            .into_iter()
            .map(|path| (path, self.data(path)))
            .collect()
    }

    /// The number of today's visits, including those later today.
    pub fn today_total(&self) -> u64 {
        let today =
            |visit: &&crate::library::Visit| visit.checkin_date.date.calendar() == Some(self.today);
        self.library.visits.iter().filter(today).count() as u64
    }

    /// Today by the library's clock, as `2026-11-23`.
    pub fn today_date(&self) -> String {
        self.today.to_string()
    }
}
