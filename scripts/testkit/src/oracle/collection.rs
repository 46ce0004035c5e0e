//! What the collection holds, how it grows and how much of it is used.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::loans::{Resolver, lent};
use super::render::text;
use super::series::Series;
use super::window::Window;
use crate::library::{Biblio, Library};

/// The main classes, and one for all else.
const CLASSES: usize = 11;

/// How many new titles are named.
const NEW: usize = 10;

/// The place of a title's class among all; without a title, or with another first character, the last.
fn class(title: Option<&Biblio>) -> usize {
    let classification = title.and_then(|title| title.classification.as_deref());
    let first = classification.and_then(|it| it.trim().chars().next());
    let digit = first.and_then(|first| first.to_digit(10));
    digit.map_or(CLASSES - 1, |digit| digit as usize)
}

/// Titles, items and this year's loans by main class.
pub(crate) fn classes(library: &Library, today: NaiveDate) -> String {
    let resolver = Resolver::new(library);
    let mut counts = [[0; 3]; CLASSES];
    for biblio in &library.biblios {
        counts[class(Some(biblio))][0] += 1;
    }
    for item in &library.items {
        counts[class(item.biblio_id.and_then(|id| resolver.title(id)))][1] += 1;
    }
    for loan in lent(library, Window::year(today)) {
        counts[class(resolver.present(loan))][2] += 1;
    }
    let row = |(class, [titles, items, loans]): (usize, &[u64; 3])| {
        let class = (class < CLASSES - 1).then(|| class.to_string());
        format!(
            r#"{{"class":{},"titles":{titles},"items":{items},"loans_year":{loans}}}"#,
            text(class.as_deref())
        )
    };
    let rows: Vec<String> = counts.iter().enumerate().map(row).collect();
    format!("[{}]", rows.join(","))
}

/// A row that the collection has gained.
#[derive(PartialEq, Eq)]
enum Gain {
    Title,
    Item,
}

/// The titles and items of each bucket, by the dates on which they were entered.
pub(crate) fn growth(library: &Library, series: Series, today: NaiveDate) -> String {
    let titles = library
        .biblios
        .iter()
        .map(|row| (row.input_date, Gain::Title));
    let items = library.items.iter().map(|row| (row.input_date, Gain::Item));
    let gains = titles.chain(items);
    let events = gains.filter_map(|(at, gain)| Some((at?.date, gain)));
    series.rows(today, events, |gains| {
        let count = |kind: Gain| gains.iter().filter(|gain| **gain == kind).count();
        let (titles, items) = (count(Gain::Title), count(Gain::Item));
        vec![format!(r#""titles":{titles},"items":{items}"#)]
    })
}

/// The ids of the titles that items belong to; the titles may be gone.
fn with_items(library: &Library) -> BTreeSet<u32> {
    let items = library.items.iter();
    items.filter_map(|item| item.biblio_id).collect()
}

/// The newest titles that a visitor can find.
pub(crate) fn new_titles(library: &Library, today: NaiveDate) -> String {
    let with_items = with_items(library);
    let biblios = library.biblios.iter();
    let found = biblios.filter(|it| with_items.contains(&it.biblio_id) && !it.opac_hide);
    let mut titles: Vec<_> = found
        .filter_map(|biblio| {
            let at = biblio.input_date?.calendar()?;
            (at.date() <= today).then_some((at, biblio.biblio_id, &*biblio.title))
        })
        .collect();
    titles.sort_by_key(|(at, id, _)| Reverse((*at, *id)));
    let rows = titles.iter().take(NEW).map(|(at, id, title)| {
        let (title, added) = (text(Some(title)), at.date());
        format!(r#"{{"biblio_id":{id},"title":{title},"added":"{added}"}}"#)
    });
    let rows: Vec<String> = rows.collect();
    format!("[{}]", rows.join(","))
}

/// How much of the collection is lent.
pub(crate) fn usage(library: &Library, today: NaiveDate) -> String {
    let resolver = Resolver::new(library);
    let lent_in = |window: Window| -> BTreeSet<u32> {
        let titles = lent(library, window).filter_map(|loan| resolver.present(loan));
        titles.map(|title| title.biblio_id).collect()
    };
    let twelve_months = Window::twelve_months(today);
    let mut with_items = with_items(library);
    with_items.retain(|id| resolver.title(*id).is_some());
    let ever = lent_in(Window::all_time(today));
    format!(
        r#"{{"titles":{},"titles_with_items":{},"items":{},"titles_lent_12_months":{},"titles_never_lent":{},"loans_12_months":{}}}"#,
        library.biblios.len(),
        with_items.len(),
        library.items.len(),
        lent_in(twelve_months).len(),
        with_items.difference(&ever).count(),
        lent(library, twelve_months).count(),
    )
}
