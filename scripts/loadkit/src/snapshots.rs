//! What snapshots look like: as long as a university's, with titles and names as they are in catalogues.

use anyhow::{Context as _, Result};
use chrono::{Days, NaiveDate};
use serde::Serialize;
use shared::catalog::{Period, Snapshot};
use shared::rows::{
    Collection, DayTotal, MonthTotal, TopBorrower, TopTitle, TopVisitor, YearTotal,
};
use shared::snapshot::Envelope;
use shared::time::Timestamp;

/// The contract's default.
pub const TTL_SECONDS: u32 = 90_000;
/// Rows of a ranking.
const TOP: usize = 10;

/// Titles as long as they are in catalogues.
const TITLES: [&str; 5] = [
    "Metodologi penelitian kuantitatif, kualitatif dan R&D",
    "Introduction to algorithms / Thomas H. Cormen ... [et al.]",
    "Laskar pelangi",
    "Pengantar ilmu hukum: suatu pengenalan pertama ruang lingkup berlakunya ilmu hukum",
    "Statistika untuk penelitian pendidikan dan sosial",
];
/// Names as long as people have them.
const NAMES: [&str; 4] = [
    "Siti Nurhaliza Putri",
    "Budi Santoso",
    "Muhammad Rizky Ramadhan",
    "Dewi Lestari",
];

/// What the worker stores under the key of `snapshot`; its figures are all made of `total`.
pub fn value(snapshot: Snapshot, total: u64, now: Timestamp) -> Result<Vec<u8>> {
    let today = now.utc().date_naive();
    let text = match snapshot {
        Snapshot::Weekly => envelope(snapshot, now, days(today, total)),
        Snapshot::Monthly => envelope(snapshot, now, months(total)),
        Snapshot::Yearly => envelope(snapshot, now, years(total)),
        Snapshot::MonthlyTop | Snapshot::YearlyTop => envelope(snapshot, now, visitors(total)),
        Snapshot::Collection => {
            let collection = Collection {
                total_titles: 91_234,
                total_items: 183_127,
            };
            envelope(snapshot, now, collection)
        }
        Snapshot::TopBorrowed | Snapshot::TopBorrowedMonth | Snapshot::TopBorrowedYear => {
            envelope(snapshot, now, titles(total))
        }
        Snapshot::TopBorrowersMonth | Snapshot::TopBorrowersYear => {
            envelope(snapshot, now, borrowers(total))
        }
    };
    text.context("writing a snapshot")
}

fn envelope(
    snapshot: Snapshot,
    generated_at: Timestamp,
    data: impl Serialize,
) -> serde_json::Result<Vec<u8>> {
    let period = snapshot.period().map(|period| match period {
        Period::Month => generated_at.utc().format("%Y-%m").to_string(),
        Period::Year => generated_at.utc().format("%Y").to_string(),
    });
    serde_json::to_vec(&Envelope {
        generated_at,
        ttl_seconds: TTL_SECONDS,
        period,
        data,
    })
}

fn days(today: NaiveDate, total: u64) -> Vec<DayTotal> {
    let back = (0..7).rev();
    back.map(|days| DayTotal {
        date: today - Days::new(days),
        total: total + days,
        partial: days == 0,
    })
    .collect()
}

fn months(total: u64) -> Vec<MonthTotal> {
    let months = 1..=12;
    months
        .map(|month| MonthTotal {
            month: format!("2025-{month:02}"),
            total: total * 26,
            partial: month == 12,
        })
        .collect()
}

fn years(total: u64) -> Vec<YearTotal> {
    let years = 2021..=2025;
    years
        .map(|year| YearTotal {
            year,
            total: total * 310,
            partial: year == 2025,
        })
        .collect()
}

fn visitors(total: u64) -> Vec<TopVisitor> {
    let ranks = 1..=TOP;
    ranks
        .map(|rank| TopVisitor {
            rank,
            member_id: Some(format!("2021{rank:05}")),
            member_name: Some(Some(NAMES[rank % NAMES.len()].to_owned())),
            institution: Some(Some("Fakultas Ilmu Komputer".to_owned())),
            total,
        })
        .collect()
}

fn borrowers(total: u64) -> Vec<TopBorrower> {
    let ranks = 1..=TOP;
    ranks
        .map(|rank| TopBorrower {
            rank,
            member_id: Some(format!("2021{rank:05}")),
            member_name: Some(Some(NAMES[rank % NAMES.len()].to_owned())),
            total,
        })
        .collect()
}

fn titles(total: u64) -> Vec<TopTitle> {
    let ranks = 1..=TOP;
    ranks
        .zip(10_001..)
        .map(|(rank, biblio_id)| TopTitle {
            rank,
            biblio_id,
            title: Some(TITLES[rank % TITLES.len()].to_owned()),
            total,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::time::Clock;

    #[test]
    fn snapshots_are_as_large_as_they_are_in_use() {
        let now = Clock::system().now();
        let weekly = value(Snapshot::Weekly, 312, now).unwrap();
        assert!((380..480).contains(&weekly.len()), "{}", weekly.len());
        let books = Snapshot::ALL
            .into_iter()
            .filter(|snapshot| snapshot.path().starts_with("/api/books/"));
        let summary: usize = books
            .map(|snapshot| value(snapshot, 312, now).unwrap().len())
            .sum();
        assert!((4_000..6_000).contains(&summary), "{summary}");
    }
}
