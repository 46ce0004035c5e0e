//! The right answers by brute force: each rule of the figures in plain Rust over the rows, without SQL and without
//! code of the worker.

mod circulation;
mod collection;
pub mod fold;
mod hours;
mod institutions;
mod loans;
mod members;
mod render;
mod rooms;
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
pub const PATHS: [&str; 31] = [
    "visitors/weekly",
    "visitors/monthly",
    "visitors/yearly",
    "visitors/monthly/top",
    "visitors/yearly/top",
    "visitors/daily",
    "visitors/hours",
    "visitors/monthly/types",
    "visitors/institutions/month",
    "visitors/institutions/year",
    "visitors/rooms/month",
    "visitors/rooms/year",
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
    "books/classes",
    "books/growth/monthly",
    "books/growth/yearly",
    "books/new",
    "books/usage",
    "members/counts",
    "members/new/monthly",
    "members/types",
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
            "visitors/institutions/month" => {
                institutions::institutions(library, Window::month(today))
            }
            "visitors/institutions/year" => {
                institutions::institutions(library, Window::year(today))
            }
            "visitors/rooms/month" => rooms::rooms(library, Window::month(today)),
            "visitors/rooms/year" => rooms::rooms(library, Window::year(today)),
            "books/classes" => collection::classes(library, today),
            "books/growth/monthly" => collection::growth(library, Series::Monthly, today),
            "books/growth/yearly" => collection::growth(library, Series::Yearly, today),
            "books/new" => collection::new_titles(library, today),
            "books/usage" => collection::usage(library, today),
            "members/counts" => members::counts(library, today),
            "members/new/monthly" => members::new_monthly(library, today),
            "members/types" => members::types(library, today),
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
        let is = |window: &str, top: &str| path.ends_with(window) || path.ends_with(top);
        let format = if is("/month", "/monthly/top") {
            "%Y-%m"
        } else if is("/year", "/yearly/top") {
            "%Y"
        } else {
            return None;
        };
        Some(self.today.format(format).to_string())
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
