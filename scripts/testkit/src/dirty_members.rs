//! Dirty members: deleted, renamed, spelled in several ways. The busiest members are changed, so that rankings show it.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{Days, NaiveDateTime};

use crate::dirty::member_visit;
use crate::library::{History, Library, Member, MemberType, Visit};
use crate::rankings::{Window, borrowers, folded, visitors};
use crate::wall_clock::WallDate;

/// Whom to spoil and how; the numbers are places in a ranking, so that each ranking has a bit of each.
const CHANGES: [(Change, Source, usize); 16] = [
    (Change::DeletedWithNames, Source::VisitsMonth, 1),
    (Change::DeletedNameless, Source::VisitsMonth, 3),
    (Change::Spellings, Source::VisitsMonth, 4),
    (Change::NewName, Source::VisitsYear, 1),
    (Change::NewId, Source::VisitsYear, 3),
    (Change::Spellings, Source::VisitsYear, 4),
    (Change::BlankInstitution, Source::VisitsYear, 0),
    (Change::DeletedWithNames, Source::LoansMonth, 0),
    (Change::DeletedNameless, Source::LoansMonth, 2),
    (Change::DeletedNameless, Source::LoansYear, 1),
    (Change::Unknown, Source::LoansYear, 3),
    (Change::Spellings, Source::LoansYear, 5),
    (Change::Untrimmed(" ", ""), Source::VisitsMonth, 2),
    (Change::Untrimmed("", "\r"), Source::VisitsYear, 2),
    (Change::DeletedUntrimmed, Source::VisitsMonth, 5),
    (Change::DeletedUntrimmed, Source::LoansMonth, 3),
];

/// What happens to a member.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// Deleted; the history keeps names, though not on the latest loan.
    DeletedWithNames,
    /// Deleted; only visits know the name.
    DeletedNameless,
    /// Deleted; nothing knows the name.
    Unknown,
    /// Married, say: another name on the same id.
    NewName,
    /// The id was changed by UPDATE; old rows keep the old one.
    NewId,
    /// Typed in capitals, in small letters, with a space behind.
    Spellings,
    /// An id that was typed or imported with something in front or behind, the same everywhere.
    Untrimmed(&'static str, &'static str),
    /// The same, deleted since.
    DeletedUntrimmed,
    /// An institution of two spaces.
    BlankInstitution,
}

/// Which ranking to look in.
#[derive(Debug, Clone, Copy)]
enum Source {
    VisitsMonth,
    VisitsYear,
    LoansMonth,
    LoansYear,
}

/// Spoils some of the busiest members, and adds one whose id comes with and without its accent.
pub(crate) fn spoil(library: &mut Library, now: NaiveDateTime) {
    let mut spoiled = HashSet::new();
    for (change, source, place) in CHANGES {
        let ranking = match source {
            Source::VisitsMonth => visitors(library, now, Window::Month),
            Source::VisitsYear => visitors(library, now, Window::Year),
            Source::LoansMonth => borrowers(library, now, Window::Month),
            Source::LoansYear => borrowers(library, now, Window::Year),
        };
        // The next member in the ranking, if this one was changed already.
        let mut candidates = ranking.into_iter().map(|(id, _)| id).skip(place);
        if let Some(id) = candidates.find(|id| !spoiled.contains(id)) {
            apply(library, change, &id);
            spoiled.insert(id);
        }
    }
    add_accents(library, now);
    spoil_types(library);
}

/// Deletes a type that members still have, gives some members a type that never was, and adds types with special
/// characters and without members, not in the order of their ids.
fn spoil_types(library: &mut Library) {
    let more = [
        (12, "=Dosen \"Luar Biasa\", S.Ag.' é’"),
        (9, "Anggota Kehormatan"),
        (7, ""),
    ];
    let more = more.map(|(member_type_id, name)| MemberType {
        member_type_id,
        member_type_name: name.into(),
    });
    if let Some(types) = &mut library.member_types {
        types.retain(|row| row.member_type_id != 2);
        types.extend(more);
    }
    for member in library.members.iter_mut().skip(3).step_by(30) {
        member.member_type_id = Some(0);
    }
    for member in library.members.iter_mut().skip(8).step_by(30) {
        member.member_type_id = Some(7);
    }
}

/// Whether an id is `folded_id` with any spelling.
fn is(id: &Option<Arc<str>>, folded_id: &str) -> bool {
    id.as_deref().is_some_and(|id| folded(id) == folded_id)
}

fn delete(library: &mut Library, id: &str) {
    let members = &mut library.members;
    members.retain(|member| folded(&member.member_id) != id);
}

fn member<'a>(library: &'a mut Library, id: &str) -> Option<&'a mut Member> {
    let mut members = library.members.iter_mut();
    members.find(|member| folded(&member.member_id) == id)
}

fn visits<'a>(
    library: &'a mut Library,
    id: &str,
) -> impl DoubleEndedIterator<Item = &'a mut Visit> {
    let visits = library.visits.iter_mut();
    visits.filter(move |row| is(&row.member_id, id))
}

fn histories<'a>(
    library: &'a mut Library,
    id: &str,
) -> impl DoubleEndedIterator<Item = &'a mut History> {
    let histories = library.histories.iter_mut();
    histories.filter(move |row| is(&row.member_id, id))
}

/// Changes the member with the folded id `id`.
fn apply(library: &mut Library, change: Change, id: &str) {
    match change {
        Change::DeletedWithNames => {
            delete(library, id);
            respell(library, id);
            for row in histories(library, id).skip(3).step_by(4) {
                row.member_name = Some("Nama Lama".into());
            }
            let all = &mut library.histories;
            if let Some(last) = all.iter().rposition(|row| is(&row.member_id, id)) {
                all.remove(last);
            }
            if let Some(last) = histories(library, id).next_back() {
                last.member_name = Some("  ".into());
            }
        }
        Change::DeletedNameless => {
            delete(library, id);
            respell(library, id);
            for (nth, row) in histories(library, id).enumerate() {
                row.member_name = (nth % 2 == 1).then(|| "".into());
            }
            if let Some(last) = visits(library, id).next_back() {
                last.institution = Some("   ".into());
            }
        }
        Change::Unknown => {
            delete(library, id);
            library.histories.retain(|row| !is(&row.member_id, id));
            for visit in visits(library, id) {
                visit.member_id = None;
            }
        }
        Change::NewName => {
            if let Some(member) = member(library, id) {
                member.member_name = "Siti Aisyah Nu'man, S.Pd.".into();
            }
        }
        Change::NewId => {
            let new: Arc<str> = format!("N{}", id.chars().take(18).collect::<String>()).into();
            if let Some(member) = member(library, id) {
                member.member_id = new.clone();
            }
            for visit in visits(library, id).skip(2).step_by(3) {
                visit.member_id = Some(new.clone());
            }
        }
        Change::Spellings => respell(library, id),
        Change::Untrimmed(before, after) => wrap(library, id, before, after),
        Change::DeletedUntrimmed => {
            wrap(library, id, " ", "\t");
            delete(library, &folded(&format!(" {id}\t")));
        }
        Change::BlankInstitution => {
            if let Some(member) = member(library, id) {
                member.inst_name = Some("  ".into());
            }
        }
    }
}

/// Adds a prefix and a suffix to an id in all tables.
fn wrap(library: &mut Library, id: &str, before: &str, after: &str) {
    let visits = library.visits.iter_mut().map(|row| &mut row.member_id);
    let loans = library.loans.iter_mut().map(|row| &mut row.member_id);
    let histories = library.histories.iter_mut().map(|row| &mut row.member_id);
    let members = library.members.iter_mut().map(|row| &mut row.member_id);
    let ids = visits.chain(loans).chain(histories).flatten();
    for spelling in ids.chain(members).filter(|was| folded(was) == id) {
        *spelling = format!("{before}{spelling}{after}").into();
    }
}

/// Spells an id in turn as it was, in capitals, in small letters, and with a space behind; its name copies vary too.
fn respell(library: &mut Library, id: &str) {
    let respelled = |id: &Option<Arc<str>>, nth: usize| -> Option<Arc<str>> {
        let id = id.as_deref()?;
        Some(match nth % 4 {
            0 => id.into(),
            1 => id.to_uppercase().into(),
            2 => id.to_lowercase().into(),
            _ => format!("{id} ").into(),
        })
    };
    for (nth, visit) in visits(library, id).enumerate() {
        visit.member_id = respelled(&visit.member_id, nth);
        if nth % 5 == 1 {
            visit.member_name = visit.member_name.to_uppercase().into();
        }
    }
    let loans = library.loans.iter_mut();
    for (nth, loan) in loans.filter(|row| is(&row.member_id, id)).enumerate() {
        loan.member_id = respelled(&loan.member_id, nth);
    }
}

/// A member whose id is typed with and without an accent: one group under the collation, and near the top of the month.
fn add_accents(library: &mut Library, now: NaiveDateTime) {
    let member = Member {
        member_id: "e77".into(),
        member_name: "Désirée Nu’man".into(),
        inst_name: Some("Fakultas Sastra «é»".into()),
        member_type_id: Some(12),
        expire_date: WallDate::from(now.date()),
        member_since_date: Some(now.date().into()),
        input_date: None,
        is_pending: false,
    };
    let busiest = visitors(library, now, Window::Month);
    let count = busiest.first().map_or(1, |(_, count)| *count).max(4);
    let spellings = ["e77", "É77", "E77 ", "é77"].into_iter().cycle();
    let next = library.next_visitor_id();
    for (visitor_id, spelling) in (next..).zip(spellings).take(count) {
        let back = Days::new(u64::from(visitor_id % 5));
        let at = WallDate::from(now.date() - back).at(9, 15, 0);
        library.visits.push(Visit {
            member_id: Some(spelling.into()),
            visitor_id,
            ..member_visit(&member, at)
        });
    }
    library.members.push(member);
}
