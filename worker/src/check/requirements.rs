//! The tables and columns that each figure needs, and the figures that are lost without them.

use crate::check::format;
use shared::catalog::Snapshot;

/// A set of figures that need the same columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figures {
    /// Today's count.
    Today,
    /// Visits by day, month, year and hour.
    Visits,
    /// Visits by member type.
    VisitTypes,
    /// The rankings of visitors.
    Visitors,
    /// The size of the collection.
    Collection,
    /// Loans by day and year.
    Loans,
    /// Loans and borrowers by month.
    LoanMonths,
    /// The rankings of titles.
    Titles,
    /// The rankings of borrowers.
    Borrowers,
    /// What is on loan.
    Circulation,
}

impl Figures {
    /// The snapshots of the set. Today's count is no snapshot.
    pub fn snapshots(self) -> &'static [Snapshot] {
        use Snapshot as S;
        match self {
            Self::Today => &[],
            Self::Visits => &[S::Weekly, S::Monthly, S::Yearly, S::Daily, S::Hours],
            Self::VisitTypes => &[S::MonthlyTypes],
            Self::Visitors => &[S::MonthlyTop, S::YearlyTop],
            Self::Collection => &[S::Collection],
            Self::Loans => &[S::LoansWeekly, S::LoansYearly, S::LoansDaily],
            Self::LoanMonths => &[S::LoansMonthly],
            Self::Titles => &[S::TopBorrowed, S::TopBorrowedMonth, S::TopBorrowedYear],
            Self::Borrowers => &[S::TopBorrowersMonth, S::TopBorrowersYear],
            Self::Circulation => &[S::Circulation],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Today => "today's count",
            Self::Visits => "the visits by day, month, year and hour",
            Self::VisitTypes => "the visits by member type",
            Self::Visitors => "the rankings of visitors",
            Self::Collection => "the size of the collection",
            Self::Loans => "the loans by day and year",
            Self::LoanMonths => "the loans by month",
            Self::Titles => "the rankings of titles",
            Self::Borrowers => "the rankings of borrowers",
            Self::Circulation => "the circulation",
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

/// The figures that are made from loans.
const OF_LOANS: &[Figures] = {
    use Figures::{Borrowers, Circulation, LoanMonths, Loans, Titles};
    &[Loans, LoanMonths, Titles, Borrowers, Circulation]
};

/// Every table that the worker reads. A column that no figure needs (`loan_history`, `inst_name`, `opac_hide`) makes
/// figures more complete.
pub const TABLES: [Table; 7] = {
    use Figures::{
        Borrowers, Circulation, Collection, LoanMonths, Titles, Today, VisitTypes, Visitors, Visits,
    };
    [
        Table {
            name: "visitor_count",
            keys: &["visitor_id", "member_id"],
            columns: &[
                ("visitor_id", &[]),
                ("checkin_date", &[Today, Visits, VisitTypes, Visitors]),
                ("member_id", &[VisitTypes, Visitors]),
                ("member_name", &[Visitors]),
                ("institution", &[Visitors]),
            ],
            rows: &[],
        },
        Table {
            name: "member",
            keys: &["member_id"],
            columns: &[
                ("member_id", &[VisitTypes, Visitors, Borrowers]),
                ("member_name", &[Visitors, Borrowers]),
                ("member_type_id", &[VisitTypes]),
                ("inst_name", &[]),
            ],
            rows: &[],
        },
        Table {
            name: "mst_member_type",
            keys: &["member_type_id"],
            columns: &[("member_type_id", &[]), ("member_type_name", &[])],
            rows: &[],
        },
        Table {
            name: "loan",
            keys: &["loan_id", "member_id"],
            columns: &[
                ("loan_id", OF_LOANS),
                ("loan_date", OF_LOANS),
                ("is_lent", OF_LOANS),
                ("item_code", &[Titles]),
                ("member_id", &[LoanMonths, Borrowers]),
                ("is_return", &[Circulation]),
                ("due_date", &[Circulation]),
                ("return_date", &[Circulation]),
            ],
            rows: &[],
        },
        Table {
            name: "item",
            keys: &["item_id"],
            columns: &[("item_code", &[Titles]), ("biblio_id", &[Titles])],
            rows: &[Collection],
        },
        Table {
            name: "biblio",
            keys: &["biblio_id"],
            columns: &[
                ("biblio_id", &[Titles]),
                ("title", &[Titles]),
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
