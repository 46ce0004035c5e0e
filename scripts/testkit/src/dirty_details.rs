//! Dirty classifications, and dates of titles, copies and members at and around the boundaries of windows.

use chrono::{Days, NaiveDate, NaiveDateTime};

use crate::dirty::boundaries;
use crate::library::{Item, Library, Member};
use crate::wall_clock::{WallDate, WallTime};

/// Classifications without a class of their own, or with one behind white space.
const CLASSIFICATIONS: [Option<&str>; 10] = [
    Some("2X4"),
    Some(" 297"),
    Some(""),
    Some("REF"),
    None,
    Some("\t510.7"),
    Some("R 813"),
    Some("  "),
    Some("-"),
    Some("0"),
];

/// Spoils titles, copies and members; each kind of damage is on few rows, at places without a pattern with others.
pub(crate) fn spoil(library: &mut Library, now: NaiveDateTime) {
    let today = now.date();
    let titles = library.biblios.iter_mut().step_by(7);
    for (biblio, code) in titles.zip(CLASSIFICATIONS.iter().cycle()) {
        biblio.classification = code.map(Into::into);
    }
    // The last second of a day, or the first.
    let at = |(nth, day): (usize, NaiveDate)| match nth % 2 {
        0 => WallDate::from(day).at(0, 0, 0),
        _ => WallDate::from(day).at(23, 59, 59),
    };
    let times: Vec<WallTime> = boundaries(today).into_iter().enumerate().map(at).collect();
    for (biblio, at) in library.biblios.iter_mut().step_by(4).zip(&times) {
        biblio.input_date = Some(*at);
    }
    for (item, at) in library.items.iter_mut().step_by(3).zip(&times) {
        item.input_date = Some(*at);
    }
    let members = library.members.iter_mut().skip(1).step_by(2);
    for (member, at) in members.zip(times.iter().rev()) {
        member.member_since_date = Some(at.date);
    }
    let unknown = unknown(today);
    let items = library.items.iter_mut().skip(1).step_by(9);
    for (item, date) in items.zip(unknown.iter().cycle()).take(60) {
        item.input_date = date.map(|date| date.at(0, 0, 0));
    }
    let titles = library.biblios.iter_mut().skip(2).step_by(9);
    for (biblio, date) in titles.zip(unknown.iter().cycle()).take(30) {
        biblio.input_date = date.map(|date| date.at(0, 0, 0));
    }
    spoil_newest(library, today);
    spoil_members(&mut library.members, today, &unknown);
}

/// No date, zero dates, and a date to come.
fn unknown(today: NaiveDate) -> [Option<WallDate>; 6] {
    let WallDate { year, month, .. } = today.into();
    [
        None,
        Some(WallDate::default()),
        Some(WallDate::new(year, 0, 0)),
        Some(WallDate::new(year, month, 0)),
        Some((today + Days::new(1)).into()),
        Some(WallDate::new(year + 1, 0, 0)),
    ]
}

/// Among the newest titles one is hidden, one has no copy, some came in the same second, and one is of tomorrow.
fn spoil_newest(library: &mut Library, today: NaiveDate) {
    let date = |day: NaiveDate, hour| Some(WallDate::from(day).at(hour, 0, 0));
    let mut newest = library.biblios.iter_mut().rev();
    for (nth, biblio) in newest.by_ref().take(8).enumerate() {
        biblio.input_date = match nth {
            0 => date(today + Days::new(1), 0),
            1..4 => date(today, 8),
            4 => date(today, 23),
            5 => date(today, 7),
            _ => date(today - Days::new(1), 23),
        };
        biblio.opac_hide |= nth == 2;
    }
    // An old title that was entered again.
    if let Some(biblio) = library.biblios.first_mut() {
        biblio.input_date = date(today, 8);
    }
    let without = library.biblios.iter().rev().nth(5).map(|it| it.biblio_id);
    let is_its = |item: &Item| item.biblio_id.is_some() && item.biblio_id == without;
    library.items.retain(|item| !is_its(item));
}

/// Memberships that end today or have no end, members that are pending, and first days that nobody typed.
fn spoil_members(members: &mut [Member], today: NaiveDate, unknown: &[Option<WallDate>]) {
    let year = WallDate::from(today).year;
    let ends = [
        today.into(),
        WallDate::default(),
        (today - Days::new(1)).into(),
        (today + Days::new(1)).into(),
        WallDate::new(year, 0, 0),
        WallDate::new(year + 1, 0, 0),
        WallDate::new(9999, 12, 31),
    ];
    for (nth, member) in members.iter_mut().enumerate() {
        if nth % 3 == 0 {
            member.expire_date = ends[nth / 3 % ends.len()];
        }
        if nth % 5 == 0 {
            member.member_since_date = unknown[nth / 5 % unknown.len()];
        }
        if nth % 13 == 0 {
            member.input_date = unknown[nth / 13 % unknown.len()];
        }
        // As an LDAP login of an unknown person leaves it.
        if nth % 17 == 0 {
            member.is_pending = true;
            member.member_since_date = None;
            member.expire_date = WallDate::default();
        }
        if nth % 19 == 0 {
            member.is_pending = true;
        }
    }
}
