//! Invented data for the examples in the document: rows of the real types in the real envelope.

use crate::cache::cached_count::{CachedCount, CountSource};
use crate::cache::cached_response::CachedResponse;
use crate::cache::state::CacheState;
use crate::library::content::LibraryContent;
use crate::library::information::LibraryInformation;
use crate::library::logo::LogoFormat;
use crate::sse::change_notice::SnapshotVersions;
use bytes::Bytes;
use chrono::{Datelike as _, Months, NaiveDate};
use serde::Serialize;
use shared::catalog::{Period, Snapshot};
use shared::rows::books::{
    Circulation, ClassTotal, Collection, MonthGrowth, MonthLoans, NewTitle, TopBorrower, TopTitle,
    Usage, YearGrowth,
};
use shared::rows::members::{MemberCounts, MemberTypeTotal};
use shared::rows::series::{DayTotal, MonthTotal, YearTotal};
use shared::rows::visitors::{
    InstitutionKind, InstitutionTotal, MonthTypeTotal, RoomTotal, TopVisitor, VisitorKind,
    WeekdayHour,
};
use shared::snapshot::Envelope;
use shared::time::{Clock, Timestamp};
use shared::today::TodayCount;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the example's figures are fresh: the worker's default.
const TTL_SECONDS: u32 = 90_000;
/// Twice the interval of the worker's fast loop.
const COUNT_TTL: Duration = Duration::from_secs(2);
/// The example of the README.
const LIBRARY: &str = include_str!("../../docs/library.json");
const LOGO: &str =
    r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>"#;
/// Building the document takes far less time.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Returns a cache in which nothing is missing.
pub fn state() -> CacheState {
    let mut state = CacheState::default();
    state.connected = true;
    for snapshot in Snapshot::ALL {
        let entry = CachedResponse::parse(snapshot, &stored(snapshot));
        state.insert_and_compose(snapshot, entry.expect("the example is a valid envelope"));
    }
    state.insert_today(Arc::new(today()));
    state.compose();
    state
}

/// Returns a clock that shows a time before the example, so that every age in the document is 0.
pub fn clock() -> Clock {
    Clock::starting_at(example_time().minus(AN_HOUR).utc())
}

/// Returns today's count.
pub fn today() -> CachedCount {
    // Received in the future, so that it does not expire while the document is built.
    let today = CachedCount::from_message(&json(&count()), Instant::now() + AN_HOUR);
    today.expect("the example is a valid message")
}

/// Returns the library's information and its logo.
pub fn library() -> LibraryContent {
    let information = LibraryInformation::parse(LIBRARY.as_bytes());
    let logo = (LogoFormat::Svg, Bytes::from_static(LOGO.as_bytes()));
    LibraryContent::new(
        &information.expect("the example is a valid file"),
        Some(logo),
    )
}

/// Returns the beginning of a stream.
pub fn events() -> Bytes {
    let (today, mut versions) = (today(), SnapshotVersions::default());
    versions.update(&state(), Instant::now());
    let changed = versions.encode_events([Snapshot::Weekly].into_iter().collect());
    let (init, update, changed) = (
        today.init(CountSource::Cache),
        today.update.bytes(false),
        changed.bytes(false),
    );
    [
        b"retry: 2500\n",
        &init[..],
        &update[..],
        &changed[..],
        b": keepalive\n\n",
    ]
    .concat()
    .into()
}

/// Returns the value that the worker would store for a snapshot.
pub fn stored(snapshot: Snapshot) -> Bytes {
    match snapshot {
        Snapshot::Weekly | Snapshot::LoansWeekly => in_envelope(snapshot, days()),
        Snapshot::Monthly => in_envelope(snapshot, months()),
        Snapshot::LoansMonthly => in_envelope(snapshot, month_loans()),
        Snapshot::Yearly | Snapshot::LoansYearly => in_envelope(snapshot, years()),
        // An example of all 1,800 days would be most of the document.
        Snapshot::Daily | Snapshot::LoansDaily => in_envelope(snapshot, days()),
        Snapshot::Hours => in_envelope(snapshot, hours()),
        Snapshot::MonthlyTypes => in_envelope(snapshot, month_types()),
        Snapshot::Circulation => in_envelope(snapshot, circulation()),
        Snapshot::InstitutionsMonth | Snapshot::InstitutionsYear => {
            in_envelope(snapshot, institutions())
        }
        Snapshot::RoomsMonth | Snapshot::RoomsYear => in_envelope(snapshot, rooms()),
        Snapshot::Classes => in_envelope(snapshot, classes()),
        Snapshot::GrowthMonthly => in_envelope(snapshot, growth()),
        Snapshot::GrowthYearly => in_envelope(snapshot, growth_of_years()),
        Snapshot::NewTitles => in_envelope(snapshot, new_titles()),
        Snapshot::Usage => in_envelope(snapshot, usage()),
        Snapshot::MemberCounts => in_envelope(snapshot, member_counts()),
        Snapshot::NewMembers => in_envelope(snapshot, months()),
        Snapshot::MemberTypes => in_envelope(snapshot, member_types()),
        Snapshot::MonthlyTop | Snapshot::YearlyTop => in_envelope(snapshot, visitors()),
        Snapshot::Collection => in_envelope(snapshot, collection()),
        Snapshot::TopBorrowed | Snapshot::TopBorrowedMonth | Snapshot::TopBorrowedYear => {
            in_envelope(snapshot, titles())
        }
        Snapshot::TopBorrowersMonth | Snapshot::TopBorrowersYear => {
            in_envelope(snapshot, borrowers())
        }
    }
}

fn in_envelope(snapshot: Snapshot, data: impl Serialize) -> Bytes {
    let period = snapshot.period().map(|period| match period {
        Period::Month => month(day()),
        Period::Year => day().year().to_string(),
    });
    json(&Envelope {
        generated_at: example_time(),
        ttl_seconds: TTL_SECONDS,
        period,
        data,
    })
}

fn count() -> TodayCount {
    let generated_at = example_time();
    TodayCount {
        total: 312,
        generated_at,
        date: day(),
        expires_at: generated_at.plus(COUNT_TTL),
    }
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 9, 23).expect("a valid date")
}

/// 16:10 in Jakarta.
fn example_time() -> Timestamp {
    let time = day().and_hms_milli_opt(9, 10, 22, 111);
    time.expect("a valid time").and_utc().into()
}

fn month(day: NaiveDate) -> String {
    day.format("%Y-%m").to_string()
}

fn days() -> Vec<DayTotal> {
    let first = day() - chrono::Days::new(6);
    let totals = [388, 402, 351, 127, 0, 415, 312];
    let days = first.iter_days().zip(totals);
    days.map(|(date, total)| DayTotal {
        date,
        total,
        partial: date == day(),
    })
    .collect()
}

fn months() -> Vec<MonthTotal> {
    let totals = [
        9_310, 8_802, 5_120, 7_904, 8_411, 6_017, 7_730, 9_022, 4_305, 3_998, 8_874, 6_688,
    ];
    let months = (0..12)
        .rev()
        .filter_map(|back| day().checked_sub_months(Months::new(back)));
    months
        .zip(totals)
        .map(|(first, total)| MonthTotal {
            month: month(first),
            total,
            partial: first == day(),
        })
        .collect()
}

fn month_loans() -> Vec<MonthLoans> {
    let months = months().into_iter();
    months
        .map(|month| MonthLoans {
            month: month.month,
            total: month.total / 8,
            unique_borrowers: month.total / 15,
            partial: month.partial,
        })
        .collect()
}

/// The three rows of the current month.
fn month_types() -> Vec<MonthTypeTotal> {
    let row = |kind, member_type: Option<&str>, visits, unique_members| MonthTypeTotal {
        month: month(day()),
        kind,
        member_type: member_type.map(str::to_owned),
        visits,
        unique_members,
        partial: true,
    };
    vec![
        row(VisitorKind::Member, Some("Student"), 5_904, Some(1_022)),
        row(VisitorKind::Unknown, None, 37, Some(9)),
        row(VisitorKind::Guest, None, 747, None),
    ]
}

/// Two hours of a Tuesday.
fn hours() -> Vec<WeekdayHour> {
    let row = |hour, total, percentiles: [u64; 3]| WeekdayHour {
        weekday: 2,
        hour,
        open_days: 8,
        total,
        cumulative_p25: Some(percentiles[0]),
        cumulative_p50: Some(percentiles[1]),
        cumulative_p75: Some(percentiles[2]),
    };
    vec![row(9, 301, [61, 74, 88]), row(10, 344, [96, 118, 143])]
}

/// The first and the last rows.
fn institutions() -> Vec<InstitutionTotal> {
    let row = |kind, institution: Option<&str>, visits, unique_members| InstitutionTotal {
        kind,
        institution: institution.map(str::to_owned),
        visits,
        unique_members,
    };
    vec![
        row(InstitutionKind::Named, Some("Faculty of Law"), 1_204, 311),
        row(InstitutionKind::Other, None, 96, 20),
        row(InstitutionKind::None, None, 388, 0),
    ]
}

fn rooms() -> Vec<RoomTotal> {
    let row = |room: Option<&str>, name: Option<&str>, visits| RoomTotal {
        room: room.map(str::to_owned),
        name: name.map(str::to_owned),
        visits,
    };
    vec![
        row(Some("R01"), Some("Reading room"), 2_310),
        row(Some("R09"), None, 4),
        row(None, None, 811),
    ]
}

/// One class, and all else.
fn classes() -> Vec<ClassTotal> {
    let row = |class: Option<&str>, titles, items, loans_year| ClassTotal {
        class: class.map(str::to_owned),
        titles,
        items,
        loans_year,
    };
    vec![row(Some("3"), 4_120, 7_025, 1_911), row(None, 302, 415, 88)]
}

fn growth() -> Vec<MonthGrowth> {
    let months = months().into_iter();
    months
        .map(|month| MonthGrowth {
            month: month.month,
            titles: month.total / 40,
            items: month.total / 25,
            partial: month.partial,
        })
        .collect()
}

fn growth_of_years() -> Vec<YearGrowth> {
    let years = years().into_iter();
    years
        .map(|year| YearGrowth {
            year: year.year,
            titles: year.total / 40,
            items: year.total / 25,
            partial: year.partial,
        })
        .collect()
}

fn new_titles() -> Vec<NewTitle> {
    let row = |biblio_id, title: &str, ago| NewTitle {
        biblio_id,
        title: Some(title.to_owned()),
        added: day() - chrono::Days::new(ago),
    };
    vec![
        row(18_205, "Laut Bercerita", 1),
        row(18_190, "Statistika Dasar", 6),
    ]
}

fn usage() -> Usage {
    Usage {
        titles: 18_204,
        titles_with_items: 17_811,
        items: 31_977,
        titles_lent_12_months: 5_120,
        titles_never_lent: 9_402,
        loans_12_months: 14_310,
    }
}

fn member_counts() -> MemberCounts {
    MemberCounts {
        total: 12_810,
        active: 7_204,
        expired: 5_511,
        pending: 95,
        new_this_month: 64,
        new_this_year: 1_102,
    }
}

fn member_types() -> Vec<MemberTypeTotal> {
    let row = |member_type: Option<&str>, total, active| MemberTypeTotal {
        member_type: member_type.map(str::to_owned),
        total,
        active,
    };
    vec![row(Some("Student"), 8_120, 5_002), row(None, 31, 4)]
}

fn circulation() -> Circulation {
    Circulation {
        on_loan: 1_630,
        overdue: 212,
        due_today: 41,
        lent_today: 57,
        returned_today: 63,
    }
}

fn years() -> Vec<YearTotal> {
    let totals = [21_408, 63_977, 88_120, 97_645, 70_339];
    (2021..)
        .zip(totals)
        .map(|(year, total)| YearTotal {
            year,
            total,
            partial: year == day().year(),
        })
        .collect()
}

/// Two members with an institution, one without, and a deleted member. Two of them have the same total.
fn visitors() -> Vec<TopVisitor> {
    let row = |rank, id: &str, name: Option<&str>, institution: Option<&str>, total| TopVisitor {
        rank,
        member_id: Some(id.to_owned()),
        member_name: Some(name.map(str::to_owned)),
        institution: Some(institution.map(str::to_owned)),
        total,
    };
    vec![
        row(
            1,
            "0012345",
            Some("Siti Nurhaliza Rahma"),
            Some("Faculty of Law"),
            41,
        ),
        row(2, "0007781", Some("Budi Hartono"), None, 37),
        row(2, "0009120", None, None, 37),
        row(4, "G-204", Some("Dewi Anggraini"), Some("Staff"), 30),
    ]
}

fn borrowers() -> Vec<TopBorrower> {
    let row = |rank, id: &str, name: Option<&str>, total| TopBorrower {
        rank,
        member_id: Some(id.to_owned()),
        member_name: Some(name.map(str::to_owned)),
        total,
    };
    vec![
        row(1, "0007781", Some("Budi Hartono"), 17),
        row(2, "0012345", Some("Siti Nurhaliza Rahma"), 12),
        row(3, "0009120", None, 9),
    ]
}

fn titles() -> Vec<TopTitle> {
    let row = |rank, biblio_id, title: &str, total| TopTitle {
        rank,
        biblio_id,
        title: Some(title.to_owned()),
        total,
    };
    vec![
        row(1, 1_207, "Laskar Pelangi", 96),
        row(2, 88, "Bumi Manusia", 71),
        row(2, 3_410, "Pengantar Ilmu Hukum", 71),
        row(4, 15, "Cantik Itu Luka", 64),
    ]
}

fn collection() -> Collection {
    Collection {
        total_titles: 18_204,
        total_items: 31_977,
    }
}

fn json(value: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(value);
    Bytes::from(text.expect("the example consists of strings and numbers"))
}
