//! Sample snapshots with the sizes that they have at a university.

use anyhow::{Context as _, Result};
use chrono::Days;
use serde_json::{Value, json};
use shared::catalog::{Period, Snapshot};
use shared::snapshot::Envelope;
use shared::time::Timestamp;

/// The default of the worker.
pub(crate) const TTL_SECONDS: u32 = 90_000;
/// The visits of a day; the other totals follow from it.
const TOTAL: u64 = 312;

/// Titles with the lengths of real ones.
const TITLES: [&str; 5] = [
    "Metodologi penelitian kuantitatif, kualitatif dan R&D",
    "Introduction to algorithms / Thomas H. Cormen ... [et al.]",
    "Laskar pelangi",
    "Pengantar ilmu hukum: suatu pengenalan pertama ruang lingkup berlakunya ilmu hukum",
    "Statistika untuk penelitian pendidikan dan sosial",
];
/// Names with the lengths of real ones.
const NAMES: [&str; 4] = [
    "Siti Nurhaliza Putri",
    "Budi Santoso",
    "Muhammad Rizky Ramadhan",
    "Dewi Lestari",
];

/// Returns the value that the worker would write under the key of `snapshot`.
pub(crate) fn sample(snapshot: Snapshot, now: Timestamp) -> Result<Vec<u8>> {
    let period = snapshot.period().map(|period| match period {
        Period::Month => now.utc().format("%Y-%m").to_string(),
        Period::Year => now.utc().format("%Y").to_string(),
    });
    let envelope = Envelope {
        generated_at: now,
        ttl_seconds: TTL_SECONDS,
        period,
        data: data(snapshot, now),
    };
    serde_json::to_vec(&envelope).context("writing a snapshot as JSON")
}

fn data(snapshot: Snapshot, now: Timestamp) -> Value {
    let today = now.utc().date_naive();
    let day = |ago: u64| {
        let date = today - Days::new(ago);
        json!({ "date": date, "total": TOTAL + ago, "partial": ago == 0 })
    };
    let month = |number: u64| {
        let month = format!("2025-{number:02}");
        json!({ "month": month, "total": TOTAL * 26, "partial": number == 12 })
    };
    let year = |year: u64| json!({ "year": year, "total": TOTAL * 310, "partial": year == 2025 });
    let hour = |index: u64| {
        json!({ "weekday": index / 24 + 1, "hour": index % 24, "open_days": 8, "total": TOTAL,
            "cumulative_p25": index, "cumulative_p50": index, "cumulative_p75": index })
    };
    match snapshot {
        Snapshot::Weekly | Snapshot::LoansWeekly => (0..7).rev().map(day).collect(),
        Snapshot::Daily | Snapshot::LoansDaily => (0..1_800).rev().map(day).collect(),
        Snapshot::Hours => (0..7 * 24).map(hour).collect(),
        Snapshot::Monthly => (1..=12).map(month).collect(),
        Snapshot::LoansMonthly => (1..=12)
            .map(|number| with(month(number), "unique_borrowers"))
            .collect(),
        Snapshot::MonthlyTypes => (1..=12).flat_map(month_types).collect(),
        Snapshot::Yearly | Snapshot::LoansYearly => (2021..=2025).map(year).collect(),
        Snapshot::InstitutionsMonth | Snapshot::InstitutionsYear => (0..22)
            .map(|rank| json!({ "kind": "named", "institution": format!("Fakultas {rank}"), "visits": TOTAL, "unique_members": TOTAL }))
            .collect(),
        Snapshot::RoomsMonth | Snapshot::RoomsYear => (0..5)
            .map(|room| json!({ "room": format!("R{room:02}"), "name": "Ruang baca", "visits": TOTAL }))
            .collect(),
        Snapshot::Classes => (0..11)
            .map(|class| json!({ "class": class.to_string(), "titles": TOTAL, "items": TOTAL, "loans_year": TOTAL }))
            .collect(),
        Snapshot::GrowthMonthly => (1..=12)
            .map(|number| json!({ "month": format!("2025-{number:02}"), "titles": TOTAL, "items": TOTAL, "partial": number == 12 }))
            .collect(),
        Snapshot::GrowthYearly => (2021..=2025)
            .map(|year| json!({ "year": year, "titles": TOTAL, "items": TOTAL, "partial": year == 2025 }))
            .collect(),
        Snapshot::NewTitles => (1..=10)
            .map(|rank| json!({ "biblio_id": 10_000 + rank, "title": TITLES[rank % TITLES.len()], "added": today }))
            .collect(),
        Snapshot::Usage => json!({ "titles": 91_234, "titles_with_items": 90_001, "items": 183_127,
            "titles_lent_12_months": 20_120, "titles_never_lent": 51_002, "loans_12_months": 79_310 }),
        Snapshot::MemberCounts => json!({ "total": 30_000, "active": 21_204, "expired": 8_511, "pending": 285,
            "new_this_month": TOTAL, "new_this_year": 6_102 }),
        Snapshot::NewMembers => (1..=12).map(month).collect(),
        Snapshot::MemberTypes => (1..=4)
            .map(|number| json!({ "member_type": format!("Jenis {number}"), "total": TOTAL, "active": TOTAL }))
            .collect(),
        Snapshot::Circulation => json!({ "on_loan": TOTAL, "overdue": TOTAL, "due_today": TOTAL,
            "lent_today": TOTAL, "returned_today": TOTAL }),
        Snapshot::Collection => json!({ "total_titles": 91_234, "total_items": 183_127 }),
        Snapshot::TopBorrowed | Snapshot::TopBorrowedMonth | Snapshot::TopBorrowedYear => {
            (1..=10).map(title).collect()
        }
        Snapshot::TopBorrowersMonth | Snapshot::TopBorrowersYear => (1..=10).map(member).collect(),
        Snapshot::MonthlyTop | Snapshot::YearlyTop => (1..=10).map(visitor).collect(),
    }
}

/// The rows of a month: three types, unknown, guests.
fn month_types(number: u64) -> Vec<Value> {
    let kinds = [
        ("member", Some("Mahasiswa")),
        ("member", Some("Dosen")),
        ("member", Some("Tenaga kependidikan")),
        ("unknown", None),
        ("guest", None),
    ];
    let row = |(kind, name)| {
        json!({ "month": format!("2025-{number:02}"), "kind": kind, "member_type": name,
            "visits": TOTAL * 8, "unique_members": TOTAL, "partial": number == 12 })
    };
    kinds.map(row).into()
}

fn with(mut row: Value, field: &str) -> Value {
    row[field] = TOTAL.into();
    row
}

fn title(rank: usize) -> Value {
    let title = TITLES[rank % TITLES.len()];
    json!({ "rank": rank, "biblio_id": 10_000 + rank, "title": title, "total": TOTAL })
}

fn member(rank: usize) -> Value {
    let (id, name) = (format!("2021{rank:05}"), NAMES[rank % NAMES.len()]);
    json!({ "rank": rank, "member_id": id, "member_name": name, "total": TOTAL })
}

fn visitor(rank: usize) -> Value {
    let mut visitor = member(rank);
    visitor["institution"] = "Fakultas Ilmu Komputer".into();
    visitor
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::catalog::Group;
    use shared::time::Clock;

    #[test]
    fn samples_have_the_sizes_of_real_snapshots() {
        let size = |snapshot| sample(snapshot, Clock::system().now()).unwrap().len();
        assert!((380..480).contains(&size(Snapshot::Weekly)));
        let summary: usize = Group::Books.summary().map(size).sum();
        assert!((80_000..110_000).contains(&size(Snapshot::Daily)));
        assert!((4_000..6_000).contains(&summary), "{summary}");
    }
}
