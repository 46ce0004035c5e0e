//! The rows of a day, the same for the same seed: skewed people and books, the order of writing now and then another than
//! that of the clock, and the dirt of the field in small doses.

use crate::library::days::Day;
use crate::library::dirt;
use crate::library::size::Size;
use anyhow::{Context as _, Result};
use chrono::{Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution as _;
use rand_distr::weighted::WeightedAliasIndex;
use std::sync::Arc;
use testkit::activity::second_of_day;
use testkit::library::{Biblio, History, Item, Loan, Member, Visit};
use testkit::names;
use testkit::stock::{Stock, stock};
use testkit::wall::WallTime;

/// Another seed gives other rows.
const SEED: u64 = 2026;
/// The share of visits that are a guest's.
const GUESTS: f64 = 0.05;
/// One member of so many has left, one item of so many is gone: their visits and loans stay.
const LEFT: usize = 50;
/// Now and then two ids the wrong way round: a transaction that commits late is seen late.
const SWAPPED: usize = 211;

/// Everything that rows are drawn from.
#[derive(Debug)]
pub struct Source {
    stock: Stock,
    visitors: WeightedAliasIndex<f64>,
    borrowers: WeightedAliasIndex<f64>,
    titles: WeightedAliasIndex<f64>,
    guests: Vec<Arc<str>>,
    places: Vec<Arc<str>>,
    room: Arc<str>,
    /// Blank ids, as old data have them for guests.
    blanks: [Option<Arc<str>>; 5],
}

impl Source {
    /// Buys the books and enrols the members.
    pub fn new(size: &Size) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let members = usize::try_from(size.members).context("a number of members")?;
        let mut stock = stock(members, size.titles, size.items, &mut rng);
        let weights = |weights: &[f64]| WeightedAliasIndex::new(weights.to_vec());
        let most_borrowed = stock
            .title_weights
            .iter()
            .enumerate()
            .max_by(|one, other| one.1.total_cmp(other.1));
        let most_borrowed = most_borrowed.map(|(title, _)| title);
        let hidden = &mut stock.biblios[most_borrowed.context("a library without a title")?];
        hidden.opac_hide = true;
        Ok(Self {
            visitors: weights(&stock.visit_weights).context("nobody comes")?,
            borrowers: weights(&stock.loan_weights).context("nobody borrows")?,
            titles: weights(&stock.title_weights).context("nothing is borrowed")?,
            guests: (0..500).map(|_| names::person(&mut rng)).collect(),
            places: names::places(),
            room: "R01".into(),
            blanks: [None, None, None, Some("".into()), Some("  ".into())],
            stock,
        })
    }

    /// Those who are members now.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        present(&self.stock.members)
    }

    /// The catalogue.
    pub fn biblios(&self) -> impl Iterator<Item = &Biblio> {
        self.stock.biblios.iter()
    }

    /// The copies that are there now.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        present(&self.stock.items)
    }

    /// The visits of a day.
    pub fn visits(&self, day: &Day) -> Vec<Visit> {
        let mut rng = of_day(day.date, 0);
        let mut seconds: Vec<u32> = day
            .ids
            .clone()
            .map(|_| second_of_day(day.date, &mut rng))
            .collect();
        seconds.sort_unstable();
        for at in (100..seconds.len().saturating_sub(1)).step_by(SWAPPED) {
            seconds.swap(at, at + 1);
        }
        let rows = day.ids.clone().zip(seconds);
        rows.map(|(id, second)| self.visit(day.date, id, second, &mut rng))
            .collect()
    }

    fn visit(&self, day: NaiveDate, id: u32, second: u32, rng: &mut ChaCha8Rng) -> Visit {
        let at = day.and_time(NaiveTime::MIN) + TimeDelta::seconds(second.into());
        let (member_id, member_name, institution) = if rng.random_bool(GUESTS) {
            let blank = &self.blanks[rng.random_range(0..self.blanks.len())];
            let guest = &self.guests[rng.random_range(0..self.guests.len())];
            let place = &self.places[rng.random_range(0..self.places.len())];
            (blank.clone(), guest.clone(), Some(place.clone()))
        } else {
            let member = &self.stock.members[self.visitors.sample(rng)];
            let (id, name) = (member.member_id.clone(), member.member_name.clone());
            (Some(id), name, member.inst_name.clone())
        };
        let mut visit = Visit {
            visitor_id: id,
            member_id,
            member_name,
            institution,
            room_code: Some(self.room.clone()),
            checkin_date: WallTime::from(at),
        };
        dirt::on_visit(&mut visit, day);
        visit
    }

    /// The loans of a day.
    pub fn loans(&self, day: &Day) -> Vec<Loan> {
        self.lent(day).map(|(loan, ..)| loan).collect()
    }

    /// What the triggers of SLiMS keep of the loans of a day: one row each.
    pub fn histories(&self, day: &Day) -> Vec<History> {
        let rows = self.lent(day).map(|(loan, item, member)| {
            let item = &self.stock.items[item];
            let biblio_id = item.biblio_id.unwrap_or(1);
            let title = &self.stock.biblios[biblio_id as usize - 1].title;
            History {
                loan_id: loan.loan_id,
                item_code: loan.item_code,
                biblio_id,
                title: Some(title.clone()),
                member_id: loan.member_id,
                member_name: Some(self.stock.members[member].member_name.clone()),
                loan_date: loan.loan_date,
            }
        });
        rows.collect()
    }

    /// Loans with the places of their item and their member in the stock.
    fn lent(&self, day: &Day) -> impl Iterator<Item = (Loan, usize, usize)> {
        let (mut rng, date) = (of_day(day.date, 1), day.date);
        day.ids.clone().map(move |id| {
            let item = self.stock.copy_of(self.titles.sample(&mut rng), &mut rng);
            let member = self.borrowers.sample(&mut rng);
            let mut loan = fate(id, date, &mut rng);
            loan.item_code = self.stock.items[item].item_code.clone();
            loan.member_id = Some(self.stock.members[member].member_id.clone());
            dirt::on_loan(&mut loan, date);
            (loan, item, member)
        })
    }
}

/// All but those that have left.
fn present<T>(all: &[T]) -> impl Iterator<Item = &T> {
    let numbered = all.iter().enumerate();
    numbered
        .filter(|(number, _)| number % LEFT != LEFT - 1)
        .map(|(_, one)| one)
}

/// Chance of its own for each day and table, so that a day can be made without those before it.
fn of_day(day: NaiveDate, table: u64) -> ChaCha8Rng {
    let number = u64::from(day.num_days_from_ce().unsigned_abs());
    ChaCha8Rng::seed_from_u64(SEED << 32 | number << 1 | table)
}

/// 29 % renewed, 24 % late, 12 % still open; whose and what is filled in later.
fn fate(loan_id: u32, day: NaiveDate, rng: &mut ChaCha8Rng) -> Loan {
    let renewed: u8 = match rng.random_bool(0.29) {
        true => rng.random_range(1..=2),
        false => 0,
    };
    let due = day + Days::new(7 * (1 + u64::from(renewed)));
    let back = match rng.random_bool(0.24) {
        true => due + Days::new(rng.random_range(1..60)),
        false => due - Days::new(rng.random_range(0..7)),
    };
    let is_return = !rng.random_bool(0.12);
    Loan {
        loan_id,
        item_code: None,
        member_id: None,
        loan_date: day.into(),
        due_date: due.into(),
        renewed,
        is_lent: true,
        is_return,
        return_date: is_return.then(|| back.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_same_each_time_and_its_histories_are_of_its_loans() {
        let source = Source::new(&Size::of_rows(10_000)).unwrap();
        let day = Day {
            date: NaiveDate::from_ymd_opt(2026, 11, 20).unwrap(),
            ids: 11_000..14_000,
        };
        let (visits, loans) = (source.visits(&day), source.loans(&day));
        assert_eq!((visits.len(), loans.len()), (3_000, 3_000));
        assert_eq!(visits, source.visits(&day));
        assert!(!visits.is_sorted_by_key(|visit| visit.checkin_date));
        let histories = source.histories(&day);
        for (loan, history) in loans.iter().zip(&histories) {
            assert_eq!(
                (loan.loan_id, &loan.item_code),
                (history.loan_id, &history.item_code)
            );
        }
        assert!(
            visits
                .iter()
                .any(|visit| visit.checkin_date.calendar().is_none())
        );
    }

    #[test]
    fn some_of_what_is_lent_is_gone() {
        let source = Source::new(&Size::of_rows(10_000)).unwrap();
        let all = source.stock.items.len();
        let gone = all - source.items().count();
        assert!(gone > all / 100 && gone < all / 20, "{gone} of {all}");
    }
}
