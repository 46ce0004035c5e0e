//! When visitors come: how busy a day is, and its busy hours.

use chrono::{Datelike as _, Days, NaiveDate, Weekday};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// Monday to Sunday.
const WEEKDAYS: [f64; 7] = [1.25, 1.15, 1.05, 1.0, 0.75, 0.4, 0.0];

/// January to December: semester starts and holidays.
const MONTHS: [f64; 12] = [0.4, 1.4, 1.4, 1.0, 1.0, 1.0, 0.4, 1.4, 1.4, 1.4, 1.0, 1.0];

/// The first hour of [`HOURS`].
const OPENING: u32 = 8;

/// 8 to 17 o'clock, with peaks at 10 and 14.
const HOURS: [u32; 10] = [8, 11, 15, 12, 8, 11, 14, 11, 8, 4];

/// The weight of noon on a Friday.
const FRIDAY_NOON: u32 = 2;

/// How many of [`HOURS`] the library is open on a Saturday.
const SATURDAY_HOURS: usize = 6;

/// First days of Ramadan, to a day.
const RAMADAN: [(i32, u32, u32); 13] = [
    (2016, 6, 6),
    (2017, 5, 27),
    (2018, 5, 17),
    (2019, 5, 6),
    (2020, 4, 24),
    (2021, 4, 13),
    (2022, 4, 3),
    (2023, 3, 23),
    (2024, 3, 12),
    (2025, 3, 1),
    (2026, 2, 18),
    (2027, 2, 8),
    (2028, 1, 28),
];

/// How busy a day is: about 1 on an ordinary day, 0 on Sundays.
pub fn day_weight(day: NaiveDate) -> f64 {
    let weekday = WEEKDAYS[day.weekday().num_days_from_monday() as usize];
    let month = MONTHS[day.month0() as usize];
    let fasting = RAMADAN.iter().any(|&(y, m, d)| {
        let first = NaiveDate::from_ymd_opt(y, m, d).expect("the list holds real dates");
        (first..first + Days::new(30)).contains(&day)
    });
    // From April 2020 to August 2021 the libraries were shut.
    let shut = ((2020, 4)..=(2021, 8)).contains(&(day.year(), day.month()));
    weekday * month * if fasting { 0.6 } else { 1.0 } * if shut { 0.01 } else { 1.0 }
}

/// Draws a second of an open day, counted from midnight.
pub fn second_of_day(day: NaiveDate, rng: &mut ChaCha8Rng) -> u32 {
    let weight = |at: usize| match day.weekday() {
        Weekday::Fri if at == 4 => FRIDAY_NOON,
        Weekday::Sat if at >= SATURDAY_HOURS => 0,
        _ => HOURS[at],
    };
    let all: u32 = (0..HOURS.len()).map(weight).sum();
    let mut left = rng.random_range(0..all);
    let mut hour = OPENING;
    for at in 0..HOURS.len() {
        if left < weight(at) {
            break;
        }
        left -= weight(at);
        hour += 1;
    }
    hour * 3600 + rng.random_range(0..3600)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn sundays_are_empty_and_hours_are_open() {
        let sunday = NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date");
        assert_eq!(day_weight(sunday), 0.0);
        assert!(day_weight(sunday + Days::new(1)) > 1.0);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..1000 {
            let second = second_of_day(sunday, &mut rng);
            assert!((8 * 3600..18 * 3600).contains(&second));
        }
    }
}
