//! What each figure needs of the database: every column that is read, and what is lost without it.

use crate::check::format;
use crate::snapshots::compute;
use shared::catalog::Snapshot;

/// Figures that are made together.
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
    /// The snapshots among them.
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

    fn words(self) -> &'static str {
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

/// A table that is read.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What it is walked or looked up by: an index should begin with each. The first is its primary key.
    pub keys: &'static [&'static str],
    /// Its columns, and the figures that need each.
    pub columns: &'static [(&'static str, &'static [Figures])],
    /// What needs its rows alone.
    pub rows: &'static [Figures],
}

impl Table {
    /// The names of its columns.
    pub fn column_names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }

    /// The figures that are lost without these of its columns.
    pub fn lost_without(&self, lacking: &[&str]) -> Vec<Figures> {
        let all = lacking.len() == self.columns.len();
        let of_columns = self
            .columns
            .iter()
            .filter(|(name, _)| lacking.contains(name));
        let of_columns = of_columns.flat_map(|(_, figures)| *figures);
        let of_rows = self.rows.iter().filter(|_| all);
        let mut lost: Vec<Figures> = of_columns.chain(of_rows).copied().collect();
        lost.sort_unstable();
        lost.dedup();
        lost
    }
}

/// `today's count and the rankings of visitors`
pub fn words(figures: &[Figures]) -> String {
    let words: Vec<&str> = figures.iter().map(|figures| figures.words()).collect();
    format::list(&words)
}

/// Every table that is read. Of `loan_history` nothing is needed.
pub const TABLES: [Table; 6] = {
    use Figures::{Borrowers, Collection, Series, TitleCounter, Today, Visitors};
    [
        Table {
            name: "visitor_count",
            keys: &["visitor_id", "member_id"],
            columns: &[
                ("visitor_id", &[Series, Visitors, Borrowers]),
                ("checkin_date", &[Today, Series, Visitors, Borrowers]),
                ("member_id", &[Visitors, Borrowers]),
                ("member_name", &[Visitors, Borrowers]),
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
                ("inst_name", &[Visitors]),
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
                ("opac_hide", &[TitleCounter]),
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
