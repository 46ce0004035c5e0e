//! Dirty rows as in real libraries: dates at the boundaries of windows, zero dates, future dates, blank ids, late ids.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{Datelike as _, Days, Months, NaiveDate, Weekday};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::generate::Plan;
use crate::library::{Library, Loan, Member, Visit};
use crate::stock::Stock;
use crate::wall_clock::{WallDate, WallTime};

/// How many calendar months back every month's first and last day gets rows: the window of 12 and one before.
const MONTHS: u32 = 13;

/// How many years back every year's first and last day gets rows: the window of 5 and one before.
const YEARS: i32 = 6;

/// How many days up to today get rows: the window of 7 and as many before.
const DAYS: u64 = 14;

/// The days before today of the figure by weekday and hour.
const HOURS_WINDOW: u64 = 56;

/// Rows to be added, each with the time at which it is written: its place in the order of ids.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    pub(crate) visits: Vec<(WallTime, Visit)>,
    pub(crate) loans: Vec<(WallTime, Loan)>,
}

/// A visit of a member, with the copies that a check-in makes; the id is given later.
pub(crate) fn member_visit(member: &Member, at: WallTime) -> Visit {
    Visit {
        visitor_id: 0,
        member_id: Some(member.member_id.clone()),
        member_name: member.member_name.clone(),
        institution: member.inst_name.clone(),
        room_code: None,
        checkin_date: at,
    }
}

/// A visit of a guest; the id is given later.
pub(crate) fn guest_visit(name: &str, at: WallTime) -> Visit {
    Visit {
        visitor_id: 0,
        member_id: None,
        member_name: name.into(),
        institution: None,
        room_code: None,
        checkin_date: at,
    }
}

/// A returned loan; the id is given later.
pub(crate) fn plain_loan(
    item_code: Option<Arc<str>>,
    member_id: Option<Arc<str>>,
    date: WallDate,
) -> Loan {
    Loan {
        loan_id: 0,
        item_code,
        member_id,
        loan_date: date,
        due_date: date,
        renewed: 0,
        is_lent: true,
        is_return: true,
        return_date: Some(date),
    }
}

/// The rows that dates alone make interesting.
pub(crate) fn extras(plan: &Plan, stock: &Stock) -> Extras {
    let mut more = Extras::default();
    let (now, today) = (WallTime::from(plan.now), plan.now.date());
    let member = |number: usize| &stock.members[number % stock.members.len()];
    let loan = |number: usize, date: WallDate| {
        let copy = &stock.items[number % stock.items.len()].item_code;
        plain_loan(copy.clone(), Some(member(number).member_id.clone()), date)
    };
    for (number, day) in boundaries(today).into_iter().enumerate() {
        let date = WallDate::from(day);
        let (first, last) = (date.at(0, 0, 0), date.at(23, 59, 59));
        let guest = guest_visit("Tamu Tengah Malam", first);
        more.visits.push((first, guest));
        more.visits.push((last, member_visit(member(number), last)));
        more.loans.push((first, loan(number, date)));
    }
    more.visits.extend(nights(today));
    for (number, date) in zero_dates(today).into_iter().enumerate() {
        let visit = member_visit(member(number), date.at(0, 0, 0));
        more.visits.push((now, visit));
        more.loans.push((now, loan(number, date)));
    }
    // Written now, at a desk whose clock is wrong.
    let future = [
        today + Days::new(1),
        today + Months::new(1),
        today + Months::new(12),
    ];
    for (number, day) in future.into_iter().enumerate() {
        let date = WallDate::from(day);
        let visit = member_visit(member(number), date.at(9, 30, 0));
        let guest = guest_visit("Tamu Masa Depan", date.at(0, 0, 0));
        more.visits.extend([(now, visit), (now, guest)]);
        more.loans.push((now, loan(number, date)));
    }
    more
}

/// The last days of and the first days after months, years and leap days, all of the last two weeks, and tomorrow.
pub(crate) fn boundaries(today: NaiveDate) -> BTreeSet<NaiveDate> {
    let mut days: BTreeSet<NaiveDate> = (0..DAYS).map(|back| today - Days::new(back)).collect();
    days.insert(today + Days::new(1));
    let first_of_month = today.with_day(1).unwrap_or(today);
    for back in 0..MONTHS {
        let first = first_of_month - Months::new(back);
        days.extend([first, first - Days::new(1)]);
    }
    for year in today.year() - YEARS..=today.year() {
        let ends = [(1, 1), (2, 29), (12, 31)];
        let ends = ends.map(|(month, day)| NaiveDate::from_ymd_opt(year, month, day));
        days.extend(ends.into_iter().flatten().filter(|day| *day <= today));
    }
    days
}

/// Guests at every hour of the day, and around the hours that a change of the clocks skips or repeats.
fn nights(today: NaiveDate) -> impl Iterator<Item = (WallTime, Visit)> {
    let hours = (0..=HOURS_WINDOW).flat_map(|back: u64| {
        let any = u8::try_from(back * 5 % 24).unwrap_or_default();
        let changes = [(1, 59, 59), (2, 0, 0), (2, 59, 59), (3, 0, 0)];
        let recent = changes.into_iter().filter(move |_| back < DAYS);
        recent.chain([(any, 30, 0)]).map(move |time| (back, time))
    });
    hours.map(move |(back, (hour, minute, second))| {
        let at = WallDate::from(today - Days::new(back)).at(hour, minute, second);
        (at, guest_visit("Tamu Malam", at))
    })
}

/// Zero dates, whole and half; next year's sorts between 31 December and 1 January.
fn zero_dates(today: NaiveDate) -> Vec<WallDate> {
    let year = WallDate::from(today).year;
    let mut dates = vec![WallDate::default(), WallDate::new(0, 1, 1)];
    dates.extend((year - 5..=year + 1).map(|year| WallDate::new(year, 0, 0)));
    dates.extend((0..=12).map(|month| WallDate::new(year, month, 0)));
    dates.push(WallDate::new(year + 1, 1, 0));
    dates.push(WallDate::new(year, 0, 15));
    dates
}

/// Loans of nobody and of no copy, so that no ranking has them, with every date and state that the desk can leave.
fn add_desk_loans(library: &mut Library, today: NaiveDate) {
    let (yesterday, tomorrow) = (today - Days::new(1), today + Days::new(1));
    let days = [yesterday, today, tomorrow].map(WallDate::from);
    let half_zero = WallDate { day: 0, ..days[1] };
    let dates = || days.into_iter().chain([WallDate::default(), half_zero]);
    let returned = || dates().map(Some).chain([None]);
    let states = || [(true, false), (true, true), (false, false), (false, true)];
    let all = dates().flat_map(|loan_date| {
        let due = dates().flat_map(move |due| returned().map(move |back| (due, back)));
        due.flat_map(move |(due, back)| states().map(|state| (loan_date, due, back, state)))
    });
    let next = library.next_loan_id();
    for (loan_id, (loan_date, due_date, return_date, state)) in (next..).zip(all) {
        let (is_lent, is_return) = state;
        library.loans.push(Loan {
            loan_id,
            due_date,
            // A renewal leaves the date of return.
            renewed: u8::from(return_date.is_some() && !is_return),
            is_lent,
            is_return,
            return_date,
            ..plain_loan(None, None, loan_date)
        });
    }
}

/// Shuts the library on Sundays, but for the last three weeks: too few open days to say what is usual.
fn shut_sundays(library: &mut Library, today: NaiveDate) {
    let shut = today - Days::new(HOURS_WINDOW)..today - Days::new(21);
    library.visits.retain(|visit| {
        let day = visit.checkin_date.date.calendar();
        let is_sunday = |day: &NaiveDate| day.weekday() == Weekday::Sun;
        !day.is_some_and(|day| is_sunday(&day) && shut.contains(&day))
    });
}

/// Blank ids for guests, and rows that are written long after their date.
pub(crate) fn spoil(library: &mut Library, plan: &Plan, rng: &mut ChaCha8Rng) {
    let (empty, spaces): (Arc<str>, Arc<str>) = ("".into(), "  ".into());
    let mut guests = 0;
    for visit in library
        .visits
        .iter_mut()
        .filter(|visit| visit.member_id.is_none())
    {
        guests += 1;
        match guests % 5 {
            1 => visit.member_id = Some(empty.clone()),
            3 => visit.member_id = Some(spaces.clone()),
            _ => {}
        }
    }
    let today = plan.now.date();
    for back in [0, 1, 6, 7, 40, 400] {
        let date = WallDate::from(today - Days::new(back));
        let member = &library.members[rng.random_range(0..library.members.len())];
        let mut visit = member_visit(member, date.at(8, 0, 0));
        visit.visitor_id = library.next_visitor_id();
        let copy = library.items[rng.random_range(0..library.items.len())]
            .item_code
            .clone();
        let mut loan = plain_loan(copy, Some(member.member_id.clone()), date);
        loan.loan_id = library.next_loan_id();
        library.visits.push(visit);
        library.loans.push(loan);
        let blank = if back % 2 == 0 { &empty } else { &spaces };
        for member_id in [None, Some(blank.clone())] {
            let mut loan = plain_loan(None, member_id, date);
            loan.loan_id = library.next_loan_id();
            library.loans.push(loan);
        }
    }
    // Rows of loans that never happened: they count nowhere.
    for _ in 0..20 {
        let mut loan = library.loans[rng.random_range(0..library.loans.len())].clone();
        loan.loan_id = library.next_loan_id();
        loan.loan_date = today.into();
        loan.is_lent = false;
        library.loans.push(loan);
    }
    add_desk_loans(library, today);
    shut_sundays(library, today);
}
