//! Dirty titles and copies: deleted, hidden, retyped, with special characters. The most borrowed titles are changed, so
//! that rankings show it.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::NaiveDateTime;

use crate::dirty::plain_loan;
use crate::library::{Biblio, History, Library, Loan};
use crate::rankings::{Window, folded, titles};

/// Which titles to spoil and how, by their place in a ranking.
const CHANGES: [(Change, Window, usize); 15] = [
    (Change::Hidden, Window::AllTime, 0),
    (Change::Markup, Window::AllTime, 1),
    (Change::CopiesGone, Window::AllTime, 2),
    (Change::AllGone, Window::AllTime, 3),
    (Change::Dangling, Window::AllTime, 4),
    (Change::Unlinked, Window::AllTime, 5),
    (Change::Long, Window::AllTime, 6),
    (Change::HiddenCopiesGone, Window::AllTime, 7),
    (Change::Padded, Window::AllTime, 8),
    (Change::AllGone, Window::Year, 1),
    (Change::CopiesGone, Window::Year, 2),
    (Change::Untitled, Window::Year, 4),
    (Change::AllGone, Window::Month, 1),
    (Change::Unlinked, Window::Month, 2),
    (Change::Dangling, Window::Month, 3),
];

/// What happens to a title.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// `opac_hide = 1`.
    Hidden,
    /// Quotes and HTML in the title, and copies' codes retyped in loans.
    Markup,
    /// All copies deleted, the title is there.
    CopiesGone,
    /// Copies and title deleted; the history has several copies of the title, the latest not the most common.
    AllGone,
    /// The title deleted, its copies still pointing to it.
    Dangling,
    /// Every other copy's `biblio_id` set to NULL.
    Unlinked,
    /// A title of 400 characters with é and ’.
    Long,
    /// Hidden, and known by the history alone.
    HiddenCopiesGone,
    /// Spaces around the title.
    Padded,
    /// Copies and title deleted, and the history has no title.
    Untitled,
}

/// Spoils some of the most borrowed titles, and adds loans of copies that nothing knows.
pub(crate) fn spoil(library: &mut Library, now: NaiveDateTime) {
    let mut spoiled = HashSet::new();
    for (change, window, place) in CHANGES {
        let ranking = titles(library, now, window);
        if let Some((id, _)) = ranking
            .iter()
            .skip(place)
            .find(|(id, _)| !spoiled.contains(id))
        {
            apply(library, change, *id);
            spoiled.insert(*id);
        }
    }
    add_orphans(library, now);
    // A trigger failed: some loans have no history, but are otherwise in order.
    library.histories.retain(|row| row.loan_id % 97 != 0);
}

/// Changes one title.
fn apply(library: &mut Library, change: Change, id: u32) {
    match change {
        Change::Hidden => hide(library, id),
        Change::Markup => {
            let markup = r#"<b>"Nu'man"</b> & 'Kopi' \ <script>alert("é’")</script>"#;
            retitle(library, id, markup);
            retype_codes(library, id);
        }
        Change::CopiesGone => delete_copies(library, id),
        Change::AllGone => {
            delete_copies(library, id);
            delete_title(library, id);
            let mut rows = histories(library, id).rev();
            if let Some(latest) = rows.next() {
                latest.title = Some("Judul yang Terakhir Diketik".into());
            }
            if let Some(second) = rows.next() {
                second.title = None;
            }
        }
        Change::Dangling => delete_title(library, id),
        Change::Unlinked => {
            let items = library.items.iter_mut();
            let copies = items.filter(|item| item.biblio_id == Some(id));
            copies.step_by(2).for_each(|item| item.biblio_id = None);
        }
        Change::Long => {
            let words = "Élan’s perjalanan panjang ".chars().cycle();
            retitle(library, id, &words.take(400).collect::<String>());
        }
        Change::HiddenCopiesGone => {
            hide(library, id);
            delete_copies(library, id);
        }
        Change::Padded => retitle(library, id, "  Spasi di Depan dan di Belakang  "),
        Change::Untitled => {
            delete_copies(library, id);
            delete_title(library, id);
            histories(library, id).for_each(|row| row.title = None);
        }
    }
}

fn delete_copies(library: &mut Library, id: u32) {
    library.items.retain(|item| item.biblio_id != Some(id));
}

fn delete_title(library: &mut Library, id: u32) {
    library.biblios.retain(|biblio| biblio.biblio_id != id);
}

fn title(library: &mut Library, id: u32) -> Option<&mut Biblio> {
    let mut titles = library.biblios.iter_mut();
    titles.find(|biblio| biblio.biblio_id == id)
}

fn histories(library: &mut Library, id: u32) -> impl DoubleEndedIterator<Item = &mut History> {
    let histories = library.histories.iter_mut();
    histories.filter(move |row| row.biblio_id == id)
}

fn hide(library: &mut Library, id: u32) {
    if let Some(title) = title(library, id) {
        title.opac_hide = true;
    }
}

/// Gives a title another text; the history keeps what fits of it from every third loan on.
fn retitle(library: &mut Library, id: u32, text: &str) {
    if let Some(title) = title(library, id) {
        title.title = text.into();
    }
    let kept: String = text.chars().take(300).collect();
    for row in histories(library, id).step_by(3) {
        row.title = Some(kept.as_str().into());
    }
}

/// Spells the codes of a title's copies in small letters or with a space behind in most of its loans.
fn retype_codes(library: &mut Library, id: u32) {
    let items = library.items.iter();
    let copies = items.filter(|item| item.biblio_id == Some(id));
    let codes = copies.filter_map(|item| item.item_code.as_deref().map(folded));
    let codes: HashSet<String> = codes.collect();
    let is_copy = |code: &Option<Arc<str>>| {
        let code = code.as_deref();
        code.is_some_and(|code| codes.contains(&folded(code)))
    };
    let loans = library.loans.iter_mut();
    for (nth, loan) in loans.filter(|loan| is_copy(&loan.item_code)).enumerate() {
        loan.item_code = loan.item_code.as_deref().map(|code| match nth % 3 {
            0 => code.to_lowercase().into(),
            1 => format!("{code} ").into(),
            _ => code.into(),
        });
    }
}

/// Loans of a copy that is nowhere, without history: more than any title has this month, and in no title ranking.
fn add_orphans(library: &mut Library, now: NaiveDateTime) {
    let most = titles(library, now, Window::Month);
    let count = most.first().map_or(0, |(_, count)| *count) + 5;
    let next = library.next_loan_id();
    for (nth, loan_id) in (next..).take(count).enumerate() {
        let member = library.members.get(nth);
        let member = member.map(|member| member.member_id.clone());
        let loan = plain_loan(Some("HILANG-1".into()), member, now.date().into());
        library.loans.push(Loan { loan_id, ..loan });
    }
}
