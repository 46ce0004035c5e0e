//! Rows of libraries made by hand, and the moment at which they are counted.

use std::sync::Arc;

use chrono::{DateTime, TimeZone as _, Utc};
use testkit::library::{Biblio, History, Item, Library, Loan, Member, Visit};
use testkit::oracle::Oracle;
use testkit::wall_clock::{WallDate, WallTime};

pub(crate) const ZONE: chrono_tz::Tz = chrono_tz::Asia::Jakarta;

/// Ten in the morning of Wednesday, 11 March 2026, in Jakarta.
pub(crate) fn now() -> DateTime<Utc> {
    ZONE.with_ymd_and_hms(2026, 3, 11, 10, 0, 0)
        .single()
        .expect("a moment")
        .to_utc()
}

pub(crate) fn date(text: &str) -> WallDate {
    let part = |range: std::ops::Range<usize>| text[range].parse::<u16>().expect("digits");
    let small = |range| u8::try_from(part(range)).expect("two digits");
    WallDate::new(part(0..4), small(5..7), small(8..10))
}

/// `2026-03-11 10:00:00`.
pub(crate) fn time(text: &str) -> WallTime {
    let small = |range: std::ops::Range<usize>| text[range].parse::<u8>().expect("digits");
    date(text).at(small(11..13), small(14..16), small(17..19))
}

pub(crate) fn text<'a>(text: impl Into<Option<&'a str>>) -> Option<Arc<str>> {
    text.into().map(Into::into)
}

pub(crate) fn visit<'a>(
    visitor_id: u32,
    member_id: impl Into<Option<&'a str>>,
    name: &str,
    institution: impl Into<Option<&'a str>>,
    at: &str,
) -> Visit {
    Visit {
        visitor_id,
        member_id: text(member_id),
        member_name: name.into(),
        institution: text(institution),
        room_code: None,
        checkin_date: time(at),
    }
}

pub(crate) fn loan<'a>(
    loan_id: u32,
    code: impl Into<Option<&'a str>>,
    member: impl Into<Option<&'a str>>,
    on: &str,
) -> Loan {
    Loan {
        loan_id,
        item_code: text(code),
        member_id: text(member),
        loan_date: date(on),
        due_date: date(on),
        renewed: 3,
        is_lent: true,
        is_return: false,
        return_date: None,
    }
}

pub(crate) fn member<'a>(id: &str, name: &str, institution: impl Into<Option<&'a str>>) -> Member {
    Member {
        member_id: id.into(),
        member_name: name.into(),
        inst_name: text(institution),
        member_type_id: None,
        expire_date: date("2026-12-31"),
        member_since_date: None,
        input_date: None,
        is_pending: false,
    }
}

pub(crate) fn item(item_id: u32, biblio_id: impl Into<Option<u32>>, code: &str) -> Item {
    Item {
        item_id,
        biblio_id: biblio_id.into(),
        item_code: text(code),
        input_date: None,
    }
}

pub(crate) fn biblio(biblio_id: u32, title: &str) -> Biblio {
    Biblio {
        biblio_id,
        title: title.into(),
        opac_hide: false,
        classification: None,
        input_date: None,
    }
}

pub(crate) fn history<'a>(
    loan_id: u32,
    biblio_id: u32,
    title: impl Into<Option<&'a str>>,
    name: impl Into<Option<&'a str>>,
) -> History {
    History {
        loan_id,
        item_code: None,
        biblio_id,
        title: text(title),
        member_id: None,
        member_name: text(name),
        loan_date: WallDate::default(),
    }
}

pub(crate) fn data(library: &Library, path: &str) -> String {
    Oracle::new(library, now(), ZONE).data(path)
}

/// The row of one hour; the weekdays are numbered from Monday = 1.
pub(crate) fn hour(library: &Library, weekday: usize, hour: usize) -> String {
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(&data(library, "visitors/hours")).expect("rows");
    assert_eq!(rows.len(), 168);
    let row = &rows[(weekday - 1) * 24 + hour];
    let fields = [
        "open_days",
        "total",
        "cumulative_p25",
        "cumulative_p50",
        "cumulative_p75",
    ];
    assert_eq!(
        (&row["weekday"], &row["hour"]),
        (&weekday.into(), &hour.into())
    );
    fields.map(|field| row[field].to_string()).join(" ")
}
