//! The tables and columns that each figure needs, and the figures that are lost without them.

use crate::check::format;
use crate::snapshots::compute;
use shared::catalog::Snapshot;

/// A set of figures that are computed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figures {
    /// Today's count.
    Today,
    /// Visits by week, month and year.
    Series,
    /// The rankings of visitors.
    Visitors,
    /// The size of the collection.
    Collection,
    /// The rankings of titles.
    TitleCounter,
    /// The rankings of borrowers.
    Borrowers,
}

impl Figures {
    /// The snapshots of the set. Today's count is no snapshot.
    pub fn snapshots(self) -> &'static [Snapshot] {
        match self {
            Self::Today => &[],
            Self::Series => &compute::SERIES,
            Self::Visitors => &compute::VISITORS,
            Self::Collection => &compute::COLLECTION,
            Self::TitleCounter => &compute::TITLES,
            Self::Borrowers => &compute::BORROWERS,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Today => "today's count",
            Self::Series => "the visits by week, month and year",
            Self::Visitors => "the rankings of visitors",
            Self::Collection => "the size of the collection",
            Self::TitleCounter => "the rankings of titles",
            Self::Borrowers => "the rankings of borrowers",
        }
    }
}

/// A table that the worker reads.
#[derive(Debug)]
pub struct Table {
    /// The name of the table.
    pub name: &'static str,
    /// The columns by which the worker scans it or looks rows up: an index should begin with each. The first is the
    /// primary key.
    pub keys: &'static [&'static str],
    /// The columns that the worker reads, and the figures that need each.
    pub columns: &'static [(&'static str, &'static [Figures])],
    /// The figures that need only the number of rows.
    pub rows: &'static [Figures],
}

impl Table {
    /// The names of the columns.
    pub fn column_names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }

    /// The figures that are lost when these columns are missing. If all are missing, so is the table.
    pub fn lost_without(&self, missing: &[&str]) -> Vec<Figures> {
        let is_all = missing.len() == self.columns.len();
        let columns = self
            .columns
            .iter()
            .filter(|(name, _)| missing.contains(name));
        let by_columns = columns.flat_map(|(_, figures)| *figures);
        let by_rows = self.rows.iter().filter(|_| is_all);
        let mut lost: Vec<Figures> = by_columns.chain(by_rows).copied().collect();
        lost.sort_unstable();
        lost.dedup();
        lost
    }
}

/// Names the figures in a sentence: `today's count and the rankings of visitors`.
pub fn names(figures: &[Figures]) -> String {
    let names: Vec<&str> = figures.iter().map(|figures| figures.name()).collect();
    format::list(&names)
}

/// Every table that the worker reads. A column that no figure needs (`loan_history`, `inst_name`, `opac_hide`) makes
/// figures more complete.
pub const TABLES: [Table; 6] = {
    use Figures::{Borrowers, Collection, Series, TitleCounter, Today, Visitors};
    [
        Table {
            name: "visitor_count",
            keys: &["visitor_id", "member_id"],
            columns: &[
                ("visitor_id", &[Series, Visitors]),
                ("checkin_date", &[Today, Series, Visitors]),
                ("member_id", &[Visitors]),
                ("member_name", &[Visitors]),
                ("institution", &[Visitors]),
            ],
            rows: &[],
        },
        Table {
            name: "member",
            keys: &["member_id"],
            columns: &[
                ("member_id", &[Visitors, Borrowers]),
                ("member_name", &[Visitors, Borrowers]),
                ("inst_name", &[]),
            ],
            rows: &[],
        },
        Table {
            name: "loan",
            keys: &["loan_id", "member_id"],
            columns: &[
                ("loan_id", &[TitleCounter, Borrowers]),
                ("loan_date", &[TitleCounter, Borrowers]),
                ("is_lent", &[TitleCounter, Borrowers]),
                ("item_code", &[TitleCounter]),
                ("member_id", &[Borrowers]),
            ],
            rows: &[],
        },
        Table {
            name: "item",
            keys: &["item_id"],
            columns: &[
                ("item_code", &[TitleCounter]),
                ("biblio_id", &[TitleCounter]),
            ],
            rows: &[Collection],
        },
        Table {
            name: "biblio",
            keys: &["biblio_id"],
            columns: &[
                ("biblio_id", &[TitleCounter]),
                ("title", &[TitleCounter]),
                ("opac_hide", &[]),
            ],
            rows: &[Collection],
        },
        Table {
            name: "loan_history",
            keys: &["loan_id"],
            columns: &[
                ("loan_id", &[]),
                ("biblio_id", &[]),
                ("title", &[]),
                ("member_name", &[]),
            ],
            rows: &[],
        },
    ]
};
