//! Generates a library of any size that resembles real ones. The same plan always gives the same rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Days, Months, NaiveDate, NaiveDateTime};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution as _, Poisson};

use crate::activity::{day_weight, second_of_day};
use crate::dirty::{Extras, extras};
use crate::library::{Library, Loan, Visit};
use crate::stock::{Stock, histories, stock};
use crate::wall_clock::{WallDate, WallTime};
use crate::{
    details, dirty, dirty_details, dirty_members, dirty_places, dirty_titles, names, ties,
};

/// The parameters of a generated library.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How large the library is.
    pub size: Size,
    /// The number of years of visits and loans, up to the end of today.
    pub years: u32,
    /// The current time on the library's wall clock.
    pub now: NaiveDateTime,
    /// The seed of the random numbers.
    pub seed: u64,
    /// Whether to add every kind of dirty row that real libraries have.
    pub dirty: bool,
}

/// How large a library is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 1500 visits and 120 loans a year, for tests.
    Tiny,
    /// 15 thousand visits and 6 thousand loans a year.
    School,
    /// 340 thousand visits and 80 thousand loans a year.
    University,
    /// 880 thousand visits and 120 thousand loans a year.
    National,
}

/// The figures of a size.
#[derive(Debug, Clone, Copy)]
struct Figures {
    members: usize,
    titles: u32,
    items: u32,
    visits_a_year: f64,
    loans_a_year: f64,
    /// The share of visits that are a guest's.
    guests: f64,
}

impl Size {
    fn figures(self) -> Figures {
        let (members, titles, items, visits_a_year, loans_a_year, guests) = match self {
            Self::Tiny => (150, 300, 600, 1_500.0, 120.0, 0.1),
            Self::School => (800, 4_000, 9_000, 15_000.0, 6_000.0, 0.05),
            Self::University => (30_000, 90_000, 155_000, 340_000.0, 80_000.0, 0.01),
            Self::National => (500_000, 1_500_000, 4_000_000, 880_000.0, 120_000.0, 0.3),
        };
        Figures {
            members,
            titles,
            items,
            visits_a_year,
            loans_a_year,
            guests,
        }
    }
}

/// Generates all rows of a library.
pub fn generate(plan: &Plan) -> Library {
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    let figures = plan.size.figures();
    let mut stock = stock(figures.members, figures.titles, figures.items, &mut rng);
    details::fill(&mut stock, plan);
    let mut more = if plan.dirty {
        extras(plan, &stock)
    } else {
        Extras::default()
    };
    more.visits.extend(around_now(plan.now));
    let visits = visits(plan, &stock, more.visits, &mut rng);
    let loans = loans(plan, &stock, more.loans, &mut rng);
    let histories = histories(&loans, &stock);
    let Stock {
        members,
        biblios,
        items,
        ..
    } = stock;
    let mut library = Library {
        visits,
        loans,
        items,
        biblios,
        members,
        member_types: Some(names::member_types()),
        rooms: Some(names::rooms()),
        histories,
    };
    if plan.dirty {
        dirty::spoil(&mut library, plan, &mut rng);
        dirty_members::spoil(&mut library, plan.now);
        dirty_titles::spoil(&mut library, plan.now);
        dirty_details::spoil(&mut library, plan.now);
        dirty_places::spoil(&mut library);
        ties::make(&mut library, plan.now);
    }
    library
}

/// All days of the plan, the first and the last included.
fn days(plan: &Plan) -> impl Iterator<Item = NaiveDate> + use<> {
    let today = plan.now.date();
    let first = today - Months::new(12 * plan.years) + Days::new(1);
    first.iter_days().take_while(move |day| *day <= today)
}

/// What to multiply a day's weight with, so that all days together come to `total`.
fn scale(plan: &Plan, total: f64) -> f64 {
    let all: f64 = days(plan).map(day_weight).sum();
    if all > 0.0 { total / all } else { 0.0 }
}

/// A day's number of rows around its mean.
fn poisson(mean: f64, rng: &mut ChaCha8Rng) -> usize {
    let Ok(distribution) = Poisson::new(mean) else {
        return 0;
    };
    // A day holds thousands of rows at most, far inside an exact float.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small non-negative whole number"
    )]
    let count = distribution.sample(rng) as usize;
    count
}

/// Puts rows under the day that they are to be written on, held within the days of the plan.
fn by_day<T>(plan: &Plan, rows: Vec<(WallTime, T)>) -> BTreeMap<NaiveDate, Vec<(WallTime, T)>> {
    let mut map: BTreeMap<NaiveDate, Vec<(WallTime, T)>> = BTreeMap::new();
    let (first, today) = (
        days(plan).next().unwrap_or(plan.now.date()),
        plan.now.date(),
    );
    for (written, row) in rows {
        let day = written.date.calendar().unwrap_or(today).clamp(first, today);
        map.entry(day).or_default().push((written, row));
    }
    map
}

/// Two visits just before now and two later today, whatever the hour and the weekday.
fn around_now(now: NaiveDateTime) -> Vec<(WallTime, Visit)> {
    let (midnight, last) = (
        now.date().and_hms_opt(0, 0, 0),
        now.date().and_hms_opt(23, 59, 58),
    );
    let visit = |at: Option<NaiveDateTime>| {
        let at = WallTime::from(at.unwrap_or(now));
        (at, dirty::guest_visit("Tamu", at))
    };
    vec![visit(midnight), visit(Some(now)), visit(last), visit(last)]
}

/// All visits, numbered in the order of writing, with now and then two ids the wrong way round.
fn visits(
    plan: &Plan,
    stock: &Stock,
    more: Vec<(WallTime, Visit)>,
    rng: &mut ChaCha8Rng,
) -> Vec<Visit> {
    let figures = plan.size.figures();
    let scale = scale(plan, figures.visits_a_year * f64::from(plan.years));
    let people = WeightedAliasIndex::new(stock.visit_weights.clone()).ok();
    let guests: Vec<Arc<str>> = (0..500).map(|_| names::person(rng)).collect();
    let places = names::places();
    let rooms: Vec<Arc<str>> = ["R01", "R02", "R03"].map(Arc::from).to_vec();
    let mut more = by_day(plan, more);
    let mut visits = Vec::new();
    for day in days(plan) {
        let mut rows = more.remove(&day).unwrap_or_default();
        for _ in 0..poisson(scale * day_weight(day), rng) {
            let second = second_of_day(day, rng);
            let at = WallTime::from(
                day.and_time(chrono::NaiveTime::MIN) + chrono::TimeDelta::seconds(second.into()),
            );
            let member = people.as_ref().filter(|_| !rng.random_bool(figures.guests));
            let mut visit = match member {
                Some(people) => dirty::member_visit(&stock.members[people.sample(rng)], at),
                None => {
                    let mut visit = dirty::guest_visit("", at);
                    visit.member_name = guests[rng.random_range(0..guests.len())].clone();
                    visit.institution = Some(places[rng.random_range(0..places.len())].clone());
                    visit
                }
            };
            visit.room_code = Some(rooms[rng.random_range(0..rooms.len())].clone());
            rows.push((at, visit));
        }
        rows.sort_by_key(|(written, _)| *written);
        for (_, mut visit) in rows {
            visit.visitor_id = next_id(visits.len());
            visits.push(visit);
        }
    }
    // A transaction that commits late is seen late: its id is the smaller, its time the later.
    for at in (100..visits.len().saturating_sub(1)).step_by(211) {
        let (earlier, later) = (visits[at].checkin_date, visits[at + 1].checkin_date);
        (visits[at].checkin_date, visits[at + 1].checkin_date) = (later, earlier);
    }
    visits
}

/// All loans, numbered in the order of writing.
fn loans(
    plan: &Plan,
    stock: &Stock,
    more: Vec<(WallTime, Loan)>,
    rng: &mut ChaCha8Rng,
) -> Vec<Loan> {
    let figures = plan.size.figures();
    let scale = scale(plan, figures.loans_a_year * f64::from(plan.years));
    let mut more = by_day(plan, more);
    let mut loans: Vec<Loan> = Vec::new();
    let (Ok(people), Ok(titles)) = (
        WeightedAliasIndex::new(stock.loan_weights.clone()),
        WeightedAliasIndex::new(stock.title_weights.clone()),
    ) else {
        return loans;
    };
    for day in days(plan) {
        let mut rows: Vec<Loan> = (0..poisson(scale * day_weight(day), rng))
            .map(|_| {
                let item = stock.copy_of(titles.sample(rng), rng);
                let member = &stock.members[people.sample(rng)].member_id;
                one_loan(
                    day,
                    plan.now.date(),
                    &stock.items[item].item_code,
                    member,
                    rng,
                )
            })
            .collect();
        rows.extend(
            more.remove(&day)
                .unwrap_or_default()
                .into_iter()
                .map(|(_, loan)| loan),
        );
        for mut loan in rows {
            loan.loan_id = next_id(loans.len());
            loans.push(loan);
        }
    }
    loans
}

/// A loan with its fate: 29 % renewed, 24 % late, 12 % still open.
fn one_loan(
    day: NaiveDate,
    today: NaiveDate,
    item_code: &Option<Arc<str>>,
    member_id: &Arc<str>,
    rng: &mut ChaCha8Rng,
) -> Loan {
    let renewed: u8 = if rng.random_bool(0.29) {
        rng.random_range(1..=2)
    } else {
        0
    };
    let due = day + Days::new(7 * (1 + u64::from(renewed)));
    let back = if rng.random_bool(0.24) {
        due + Days::new(rng.random_range(1..60))
    } else {
        due - Days::new(rng.random_range(0..7))
    };
    let open = back > today || rng.random_bool(0.12);
    // A renewal may leave a date of return on a loan that is out.
    let left_over =
        (renewed > 0 && rng.random_bool(0.5)).then(|| WallDate::from(day + Days::new(7)));
    Loan {
        loan_id: 0,
        item_code: item_code.clone(),
        member_id: Some(member_id.clone()),
        loan_date: day.into(),
        due_date: due.into(),
        renewed,
        is_lent: true,
        is_return: !open,
        return_date: if open { left_over } else { Some(back.into()) },
    }
}

/// The id of the row after `count` others.
pub(crate) fn next_id(count: usize) -> u32 {
    u32::try_from(count + 1).expect("a library holds fewer rows than an int can number")
}
