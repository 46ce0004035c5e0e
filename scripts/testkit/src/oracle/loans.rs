//! The series of loans, and the rankings of the most borrowed titles and of the borrowers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;

use super::Names;
use super::fold::{blank, fold};
use super::render::{Entry, member_fields, ranking, text};
use super::series::{Series, total};
use super::visitors::live;
use super::window::Window;
use crate::library::{Biblio, History, Library, Loan, Visit};
use crate::wall_clock::{WallDate, WallTime};

/// The loans of a window: lent, and not after today.
pub(crate) fn lent(library: &Library, window: Window) -> impl Iterator<Item = &Loan> {
    library
        .loans
        .iter()
        .filter(move |loan| loan.is_lent && window.contains(loan.loan_date))
}

/// A series of loans.
pub(crate) fn series(library: &Library, series: Series, today: NaiveDate) -> String {
    let events = lent(library, Window::all_time(today)).map(|loan| (loan.loan_date, ()));
    series.rows(today, events, total)
}

/// The loans of each month, and how many members borrowed.
pub(crate) fn monthly(library: &Library, today: NaiveDate) -> String {
    let columns = |loans: &[&Loan]| {
        let ids = loans.iter().filter_map(|loan| loan.member_id.as_deref());
        let borrowers: BTreeSet<String> = ids.filter(|id| !blank(id)).map(fold).collect();
        let (total, unique) = (loans.len(), borrowers.len());
        vec![format!(r#""total":{total},"unique_borrowers":{unique}"#)]
    };
    let events = lent(library, Window::all_time(today)).map(|loan| (loan.loan_date, loan));
    Series::Monthly.rows(today, events, columns)
}

/// What tells the title of a loan.
pub(crate) struct Resolver<'a> {
    biblios: HashMap<u32, &'a Biblio>,
    histories: HashMap<u32, &'a History>,
    copies: HashMap<String, Option<u32>>,
}

/// The id of a loan's title, and how it was found.
enum Resolved<'a> {
    /// By the copy, to a title that is there.
    Copy(u32),
    /// By the history, to a title that may be gone.
    History(u32, &'a History),
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(library: &'a Library) -> Self {
        let biblios = library.biblios.iter();
        let histories = library.histories.iter();
        let items = library.items.iter();
        let coded =
            items.filter_map(|item| Some((fold(item.item_code.as_deref()?), item.biblio_id)));
        Self {
            biblios: biblios.map(|biblio| (biblio.biblio_id, biblio)).collect(),
            histories: histories.map(|row| (row.loan_id, row)).collect(),
            copies: coded.collect(),
        }
    }

    /// By the copy when it leads to a title that is there, else by the history, else by nothing.
    fn resolve(&self, loan: &Loan) -> Option<Resolved<'a>> {
        let code = loan.item_code.as_deref();
        let by_copy = code.and_then(|code| self.copies.get(&fold(code)).copied().flatten());
        if let Some(id) = by_copy.filter(|id| self.biblios.contains_key(id)) {
            return Some(Resolved::Copy(id));
        }
        let row = *self.histories.get(&loan.loan_id)?;
        Some(Resolved::History(row.biblio_id, row))
    }

    /// The title of a loan, if it is there.
    pub(crate) fn present(&self, loan: &Loan) -> Option<&'a Biblio> {
        let (Resolved::Copy(id) | Resolved::History(id, _)) = self.resolve(loan)?;
        self.title(id)
    }

    /// The title with that id, if it is there.
    pub(crate) fn title(&self, id: u32) -> Option<&'a Biblio> {
        self.biblios.get(&id).copied()
    }
}

/// What a title's loans come to.
#[derive(Default)]
struct TitleLoans<'a> {
    total: usize,
    /// The latest loan that came by history and has a title there.
    latest: Option<((WallDate, u32), &'a str)>,
}

/// Titles by loans. A loan that leads to no title is in no ranking.
pub(crate) fn top_titles(library: &Library, window: Window) -> String {
    let resolver = Resolver::new(library);
    let mut titles: BTreeMap<u32, TitleLoans<'_>> = BTreeMap::new();
    for loan in lent(library, window) {
        match resolver.resolve(loan) {
            Some(Resolved::Copy(id)) => titles.entry(id).or_default().total += 1,
            Some(Resolved::History(id, row)) => {
                let title_loans = titles.entry(id).or_default();
                title_loans.total += 1;
                if let Some(title) = row.title.as_deref() {
                    let found = Some(((loan.loan_date, loan.loan_id), title));
                    title_loans.latest = title_loans.latest.max(found);
                }
            }
            None => {}
        }
    }
    let entry = |(id, title_loans): (u32, TitleLoans<'_>)| {
        let title = match resolver.title(id) {
            Some(biblio) if biblio.opac_hide => return None,
            Some(biblio) => Some(&*biblio.title),
            None => title_loans.latest.map(|(_, title)| title),
        };
        let fields = vec![("biblio_id", id.to_string()), ("title", text(title))];
        Some(Entry {
            total: title_loans.total,
            order: id,
            fields,
        })
    };
    ranking(titles.into_iter().filter_map(entry).collect())
}

/// Members by loans. A deleted one has the name that the history, else a visit, remembers.
pub(crate) fn top_borrowers(library: &Library, window: Window, names: Names) -> String {
    let live = live(library);
    let histories: HashMap<u32, &History> = library
        .histories
        .iter()
        .map(|row| (row.loan_id, row))
        .collect();
    let mut groups: BTreeMap<String, Vec<&Loan>> = BTreeMap::new();
    for loan in lent(library, window) {
        if let Some(id) = loan.member_id.as_deref().filter(|id| !blank(id)) {
            groups.entry(fold(id)).or_default().push(loan);
        }
    }
    let visit_names = visit_names(library, window, |key| {
        groups.contains_key(key) && !live.contains_key(key)
    });
    let entry = |(key, loans): (&String, &Vec<&Loan>)| {
        let (id, name) = match live.get(key) {
            Some(member) => (&*member.member_id, Some(&*member.member_name)),
            None => {
                let mut latest_first = loans.clone();
                latest_first.sort_by_key(|loan| std::cmp::Reverse((loan.loan_date, loan.loan_id)));
                let kept = |loan: &&Loan| {
                    histories
                        .get(&loan.loan_id)?
                        .member_name
                        .as_deref()
                        .filter(|it| !blank(it))
                };
                let name = latest_first
                    .iter()
                    .find_map(kept)
                    .or_else(|| visit_names.get(key).copied());
                (latest_first.first()?.member_id.as_deref()?.trim(), name)
            }
        };
        let fields = member_fields(id, name, None, names);
        Some(Entry {
            total: loans.len(),
            order: id.to_owned(),
            fields,
        })
    };
    ranking(groups.iter().filter_map(entry).collect())
}

/// The name on the latest visit ever, up to the end of today, of each member that is wanted; zero dates come first.
fn visit_names(
    library: &Library,
    window: Window,
    wanted: impl Fn(&str) -> bool,
) -> HashMap<String, &str> {
    let age = |visit: &Visit| -> (bool, WallTime, u32) {
        (
            visit.checkin_date.calendar().is_some(),
            visit.checkin_date,
            visit.visitor_id,
        )
    };
    let mut latest: HashMap<String, &Visit> = HashMap::new();
    for visit in library
        .visits
        .iter()
        .filter(|visit| !blank(&visit.member_name))
    {
        let Some(key) = visit
            .member_id
            .as_deref()
            .map(fold)
            .filter(|key| wanted(key))
        else {
            continue;
        };
        if visit
            .checkin_date
            .date
            .calendar()
            .is_some_and(|day| day > window.today())
        {
            continue;
        }
        let newer = latest.get(&key).is_none_or(|other| age(visit) > age(other));
        if newer {
            latest.insert(key, visit);
        }
    }
    latest
        .into_iter()
        .map(|(key, visit)| (key, &*visit.member_name))
        .collect()
}
