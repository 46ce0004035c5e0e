//! From the database to the `data` of each snapshot. One read serves every snapshot that it can.

mod borrowers;
mod people;
mod titles;
mod visitors;

use crate::source::database::Session;
use crate::source::{books, visits};
use crate::stats::names::MemberNames;
use crate::stats::series;
use anyhow::Result;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shared::catalog::Snapshot;

/// A pass over the database; what it serves stands or falls together. The cheap ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// Two counts.
    Collection,
    /// Visits by day, over five years.
    Series,
    /// Loans by member, over the year.
    Borrowers,
    /// Visits by member, over the year.
    Visitors,
    /// Loans by title, all of them.
    Titles,
}

impl Read {
    /// In the order in which they are done.
    pub const ALL: [Self; 5] = [
        Self::Collection,
        Self::Series,
        Self::Borrowers,
        Self::Visitors,
        Self::Titles,
    ];

    /// What it gives.
    pub fn snapshots(self) -> impl Iterator<Item = Snapshot> {
        Snapshot::ALL
            .into_iter()
            .filter(move |snapshot| Self::of(*snapshot) == self)
    }

    /// The pass that gives `snapshot`.
    pub fn of(snapshot: Snapshot) -> Self {
        match snapshot {
            Snapshot::Collection => Self::Collection,
            Snapshot::Weekly | Snapshot::Monthly | Snapshot::Yearly => Self::Series,
            Snapshot::MonthlyTop | Snapshot::YearlyTop => Self::Visitors,
            Snapshot::TopBorrowersMonth | Snapshot::TopBorrowersYear => Self::Borrowers,
            Snapshot::TopBorrowed | Snapshot::TopBorrowedMonth | Snapshot::TopBorrowedYear => {
                Self::Titles
            }
        }
    }
}

/// The `data` of every snapshot that `read` gives, as it is on the library's day `today`.
///
/// # Errors
/// As the database says.
pub async fn compute(
    read: Read,
    session: &mut Session,
    today: NaiveDate,
    member_names: MemberNames,
) -> Result<Vec<(Snapshot, Box<RawValue>)>> {
    match read {
        Read::Collection => {
            let collection = books::collection(session).await?;
            Ok(vec![(Snapshot::Collection, json(&collection)?)])
        }
        Read::Series => {
            let days = visits::by_day(session, series::window(today)).await?;
            Ok(vec![
                (Snapshot::Weekly, json(&series::weekly(&days, today))?),
                (Snapshot::Monthly, json(&series::monthly(&days, today))?),
                (Snapshot::Yearly, json(&series::yearly(&days, today))?),
            ])
        }
        Read::Visitors => {
            let [month, year] = visitors::top(session, today, member_names).await?;
            Ok(vec![
                (Snapshot::MonthlyTop, json(&month)?),
                (Snapshot::YearlyTop, json(&year)?),
            ])
        }
        Read::Borrowers => {
            let [month, year] = borrowers::top(session, today, member_names).await?;
            Ok(vec![
                (Snapshot::TopBorrowersMonth, json(&month)?),
                (Snapshot::TopBorrowersYear, json(&year)?),
            ])
        }
        Read::Titles => {
            let [all, month, year] = titles::top(session, today).await?;
            Ok(vec![
                (Snapshot::TopBorrowed, json(&all)?),
                (Snapshot::TopBorrowedMonth, json(&month)?),
                (Snapshot::TopBorrowedYear, json(&year)?),
            ])
        }
    }
}

fn json(rows: &impl Serialize) -> Result<Box<RawValue>> {
    Ok(to_raw_value(rows)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_read_serves_something() {
        for read in Read::ALL {
            assert!(read.snapshots().next().is_some(), "{read:?}");
        }
    }
}
