//! Dirty members: deleted, renamed, spelled in several ways. The busiest members are changed, so that rankings show it.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{Days, NaiveDateTime};

use crate::dirty::member_visit;
use crate::library::{Library, Member};
use crate::tally::{Window, borrowers, folded, visitors};
use crate::wall::WallDate;

/// Whom to spoil and how; the numbers are places in a ranking, so that each ranking has a bit of each.
const FATES: [(Fate, Source, usize); 16] = [
    (Fate::DeletedWithNames, Source::VisitsMonth, 1),
    (Fate::DeletedNameless, Source::VisitsMonth, 3),
    (Fate::Spellings, Source::VisitsMonth, 4),
    (Fate::NewName, Source::VisitsYear, 1),
    (Fate::NewId, Source::VisitsYear, 3),
    (Fate::Spellings, Source::VisitsYear, 4),
    (Fate::BlankInstitution, Source::VisitsYear, 0),
    (Fate::DeletedWithNames, Source::LoansMonth, 0),
    (Fate::DeletedNameless, Source::LoansMonth, 2),
    (Fate::DeletedNameless, Source::LoansYear, 1),
    (Fate::Unknown, Source::LoansYear, 3),
    (Fate::Spellings, Source::LoansYear, 5),
    (Fate::Untrimmed(" ", ""), Source::VisitsMonth, 2),
    (Fate::Untrimmed("", "\r"), Source::VisitsYear, 2),
    (Fate::DeletedUntrimmed, Source::VisitsMonth, 5),
    (Fate::DeletedUntrimmed, Source::LoansMonth, 3),
];

/// What happens to a member.
#[derive(Debug, Clone, Copy)]
enum Fate {
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
    for (fate, source, place) in FATES {
        let ranking = match source {
            Source::VisitsMonth => visitors(library, now, Window::Month),
            Source::VisitsYear => visitors(library, now, Window::Year),
            Source::LoansMonth => borrowers(library, now, Window::Month),
            Source::LoansYear => borrowers(library, now, Window::Year),
        };
        // The next member in the ranking, if this one was changed already.
        let victim = ranking
            .into_iter()
            .map(|(id, _)| id)
            .skip(place)
            .find(|id| !spoiled.contains(id));
        if let Some(id) = victim {
            suffer(library, fate, &id);
            spoiled.insert(id);
        }
    }
    accents(library, now);
}

/// Lets one member, whose folded id is `id`, have one fate.
fn suffer(library: &mut Library, fate: Fate, id: &str) {
    let is = |other: &Option<Arc<str>>| other.as_deref().is_some_and(|other| folded(other) == id);
    match fate {
        Fate::DeletedWithNames => {
            library
                .members
                .retain(|member| folded(&member.member_id) != id);
            respell(library, id);
            for (nth, row) in library
                .histories
                .iter_mut()
                .filter(|row| is(&row.member_id))
                .enumerate()
            {
                row.member_name = if nth % 4 == 3 {
                    Some("Nama Lama".into())
                } else {
                    row.member_name.clone()
                };
            }
            if let Some(last) = library.histories.iter().rposition(|row| is(&row.member_id)) {
                library.histories.remove(last);
            }
            if let Some(last) = library
                .histories
                .iter_mut()
                .rev()
                .find(|row| is(&row.member_id))
            {
                last.member_name = Some("  ".into());
            }
        }
        Fate::DeletedNameless => {
            library
                .members
                .retain(|member| folded(&member.member_id) != id);
            respell(library, id);
            for (nth, row) in library
                .histories
                .iter_mut()
                .filter(|row| is(&row.member_id))
                .enumerate()
            {
                row.member_name = if nth % 2 == 0 { None } else { Some("".into()) };
            }
            if let Some(last) = library
                .visits
                .iter_mut()
                .rev()
                .find(|visit| is(&visit.member_id))
            {
                last.institution = Some("   ".into());
            }
        }
        Fate::Unknown => {
            library
                .members
                .retain(|member| folded(&member.member_id) != id);
            library.histories.retain(|row| !is(&row.member_id));
            for visit in library
                .visits
                .iter_mut()
                .filter(|visit| is(&visit.member_id))
            {
                visit.member_id = None;
            }
        }
        Fate::NewName => {
            if let Some(member) = library
                .members
                .iter_mut()
                .find(|member| folded(&member.member_id) == id)
            {
                member.member_name = "Siti Aisyah Nu'man, S.Pd.".into();
            }
        }
        Fate::NewId => {
            let new: Arc<str> = format!("N{}", id.chars().take(18).collect::<String>()).into();
            if let Some(member) = library
                .members
                .iter_mut()
                .find(|member| folded(&member.member_id) == id)
            {
                member.member_id = new.clone();
            }
            let rows = library
                .visits
                .iter_mut()
                .filter(|visit| is(&visit.member_id));
            for (nth, visit) in rows.enumerate() {
                visit.member_id = if nth % 3 == 2 {
                    Some(new.clone())
                } else {
                    visit.member_id.clone()
                };
            }
        }
        Fate::Spellings => respell(library, id),
        Fate::Untrimmed(before, behind) => wrap(library, id, before, behind),
        Fate::DeletedUntrimmed => {
            wrap(library, id, " ", "\t");
            let id = folded(&format!(" {id}\t"));
            library
                .members
                .retain(|member| folded(&member.member_id) != id);
        }
        Fate::BlankInstitution => {
            if let Some(member) = library
                .members
                .iter_mut()
                .find(|member| folded(&member.member_id) == id)
            {
                member.inst_name = Some("  ".into());
            }
        }
    }
}

/// Adds a prefix and a suffix to an id in all tables.
fn wrap(library: &mut Library, id: &str, before: &str, behind: &str) {
    let wrapped = |was: &Arc<str>| -> Arc<str> { format!("{before}{was}{behind}").into() };
    let is = |was: &Arc<str>| folded(was) == id;
    let everywhere = library
        .visits
        .iter_mut()
        .map(|row| &mut row.member_id)
        .chain(library.loans.iter_mut().map(|row| &mut row.member_id))
        .chain(library.histories.iter_mut().map(|row| &mut row.member_id));
    for spelling in everywhere.flatten().filter(|was| is(was)) {
        *spelling = wrapped(spelling);
    }
    for member in library
        .members
        .iter_mut()
        .filter(|member| is(&member.member_id))
    {
        member.member_id = wrapped(&member.member_id);
    }
}

/// Spells an id in turn as it was, in capitals, in small letters, and with a space behind; its name copies vary too.
fn respell(library: &mut Library, id: &str) {
    let spelled = |was: &Arc<str>, nth: usize| -> Arc<str> {
        match nth % 4 {
            0 => was.clone(),
            1 => was.to_uppercase().into(),
            2 => was.to_lowercase().into(),
            _ => format!("{was} ").into(),
        }
    };
    let visits = library
        .visits
        .iter_mut()
        .filter(|row| row.member_id.as_deref().is_some_and(|it| folded(it) == id));
    for (nth, visit) in visits.enumerate() {
        visit.member_id = visit.member_id.as_ref().map(|was| spelled(was, nth));
        if nth % 5 == 1 {
            visit.member_name = visit.member_name.to_uppercase().into();
        }
    }
    let loans = library
        .loans
        .iter_mut()
        .filter(|row| row.member_id.as_deref().is_some_and(|it| folded(it) == id));
    for (nth, loan) in loans.enumerate() {
        loan.member_id = loan.member_id.as_ref().map(|was| spelled(was, nth));
    }
}

/// A member whose id is typed with and without an accent: one group under the collation, and near the top of the month.
fn accents(library: &mut Library, now: NaiveDateTime) {
    let member = Member {
        member_id: "e77".into(),
        member_name: "Désirée Nu’man".into(),
        inst_name: Some("Fakultas Sastra «é»".into()),
    };
    let wanted = visitors(library, now, Window::Month)
        .first()
        .map_or(1, |(_, count)| *count)
        .max(4);
    let next = library.next_visitor_id();
    let spellings = ["e77", "É77", "E77 ", "é77"].into_iter().cycle();
    for (visitor_id, spelling) in (next..).zip(spellings).take(wanted) {
        let back = Days::new(u64::from(visitor_id % 5));
        let mut visit = member_visit(&member, WallDate::from(now.date() - back).at(9, 15, 0));
        visit.member_id = Some(spelling.into());
        visit.visitor_id = visitor_id;
        library.visits.push(visit);
    }
    library.members.push(member);
}
