//! What the snapshots hold in tests: each value is found but once, so that a page that mixes them up is seen to.

use anyhow::{Context as _, Result};
use chrono::{Days, NaiveDate};
use serde_json::Value;
use shared::catalog::{Period, Snapshot};
use shared::rows::{
    Collection, DayTotal, MonthTotal, TopBorrower, TopTitle, TopVisitor, YearTotal,
};

/// The contract's default.
pub const TTL_SECONDS: u32 = 90_000;
/// The library's day. It is not that of the machine, so that a page that asks its own clock is seen to.
pub const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2025, 9, 23).expect("a date");

const DAYS: [u64; 7] = [1_204, 987, 0, 1_311, 1_275, 640, 312];
const MONTHS: [u64; 12] = [
    21_405, 23_118, 19_642, 8_077, 22_930, 25_561, 24_012, 26_784, 18_309, 9_456, 27_023, 20_198,
];
const YEARS: [u64; 5] = [140_233, 98_761, 201_547, 263_908, 233_415];
/// Of rankings: two share the second place.
const RANKS: [(usize, u64); 10] = [
    (1, 90),
    (2, 71),
    (2, 71),
    (4, 66),
    (5, 52),
    (6, 41),
    (7, 33),
    (8, 27),
    (9, 14),
    (10, 5),
];

/// The `data` of a snapshot.
///
/// # Errors
/// None that is known.
pub fn data(snapshot: Snapshot) -> Result<Value> {
    let data = match snapshot {
        Snapshot::Weekly => serde_json::to_value(days(TODAY)),
        Snapshot::Monthly => serde_json::to_value(months()),
        Snapshot::Yearly => serde_json::to_value(years()),
        Snapshot::MonthlyTop | Snapshot::YearlyTop => serde_json::to_value(visitors(snapshot)),
        Snapshot::Collection => serde_json::to_value(Collection {
            total_titles: 91_234,
            total_items: 183_127,
        }),
        Snapshot::TopBorrowed | Snapshot::TopBorrowedMonth | Snapshot::TopBorrowedYear => {
            serde_json::to_value(titles(snapshot))
        }
        Snapshot::TopBorrowersMonth | Snapshot::TopBorrowersYear => {
            serde_json::to_value(borrowers(snapshot))
        }
    };
    data.context("writing a figure")
}

/// Of which month or year it is, where it is of one.
pub fn period(snapshot: Snapshot) -> Option<String> {
    snapshot.period().map(|period| match period {
        Period::Month => TODAY.format("%Y-%m").to_string(),
        Period::Year => TODAY.format("%Y").to_string(),
    })
}

/// The week whose last day is `today`.
pub fn days(today: NaiveDate) -> Vec<DayTotal> {
    let back = (0..7).rev().zip(DAYS);
    back.map(|(days, total)| DayTotal {
        date: today - Days::new(days),
        total,
        partial: days == 0,
    })
    .collect()
}

fn months() -> Vec<MonthTotal> {
    let months = (10..=12).map(|month| (2024, month));
    let months = months.chain((1..=9).map(|month| (2025, month))).zip(MONTHS);
    months
        .map(|((year, month), total)| MonthTotal {
            month: format!("{year}-{month:02}"),
            total,
            partial: (year, month) == (2025, 9),
        })
        .collect()
}

fn years() -> Vec<YearTotal> {
    let years = (2021..=2025).zip(YEARS);
    years
        .map(|(year, total)| YearTotal {
            year,
            total,
            partial: year == 2025,
        })
        .collect()
}

fn visitors(snapshot: Snapshot) -> Vec<TopVisitor> {
    let rows = RANKS.iter().zip(1..);
    rows.map(|((rank, total), row)| TopVisitor {
        rank: *rank,
        member_id: Some(format!("{row:04}")),
        member_name: Some((row != 6).then(|| format!("Pengunjung {row} {}", mark(snapshot)))),
        institution: Some((row != 3).then(|| format!("Fakultas {row}"))),
        total: total + offset(snapshot),
    })
    .collect()
}

fn borrowers(snapshot: Snapshot) -> Vec<TopBorrower> {
    let rows = RANKS.iter().zip(1..);
    rows.map(|((rank, total), row)| TopBorrower {
        rank: *rank,
        member_id: Some(format!("{row:04}")),
        member_name: Some((row != 6).then(|| format!("Peminjam {row} {}", mark(snapshot)))),
        total: total + offset(snapshot),
    })
    .collect()
}

fn titles(snapshot: Snapshot) -> Vec<TopTitle> {
    let rows = RANKS.iter().zip(1..);
    rows.map(|((rank, total), row)| TopTitle {
        rank: *rank,
        biblio_id: row,
        title: (row != 6).then(|| format!("Judul {row} {}", mark(snapshot))),
        total: total + offset(snapshot),
    })
    .collect()
}

/// A letter of its own.
fn mark(snapshot: Snapshot) -> char {
    char::from(b'A' + u8::try_from(snapshot.index()).expect("there are few"))
}

/// A hundred of its own, above a thousand.
fn offset(snapshot: Snapshot) -> u64 {
    1_000 + 100 * u64::try_from(snapshot.index()).expect("there are few")
}
