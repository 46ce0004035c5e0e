//! What a generated library knows of its titles, copies and members beside their names: classes and dates. With random
//! numbers of its own, so that the other rows are the same with and without it.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::generate::{Plan, next_id};
use crate::stock::Stock;
use crate::wall_clock::{WallDate, WallTime};

/// The share of titles in each main class, in percent; the rest has no class.
const CLASSES: [u32; 10] = [7, 4, 21, 27, 4, 5, 18, 3, 5, 3];

/// How long ago the catalogue was imported into SLiMS.
const IMPORT: u64 = 3 * 365 + 40;

/// The percentage of titles that were there already.
const IMPORTED: usize = 60;

/// The longest membership of a generated member.
const MEMBERSHIP: u64 = 6 * 365;

/// Gives every title, copy and member its details.
pub(crate) fn fill(stock: &mut Stock, plan: &Plan) {
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed ^ 0xde7a_1150);
    let today = plan.now.date();
    let codes: Vec<Arc<str>> = (0..5_000)
        .map(|number| match number % 5 {
            0 => format!("{:03}", number / 5).into(),
            tenth => format!("{:03}.{tenth}", number / 5).into(),
        })
        .collect();
    let titles = stock.biblios.len();
    for (at, biblio) in stock.biblios.iter_mut().enumerate() {
        biblio.classification = classification(&codes, &mut rng);
        biblio.input_date = Some(entered(at, titles, today, &mut rng));
    }
    for item in &mut stock.items {
        let title = item
            .biblio_id
            .and_then(|id| stock.biblios.get(id as usize - 1));
        let first = title.and_then(|title| title.input_date);
        // Most copies come with their title, the others later.
        let later = match rng.random_range(0..4) {
            0 => Days::new(rng.random_range(0..400)),
            _ => Days::new(0),
        };
        item.input_date = first.map(|first| {
            let day = first.date.calendar().unwrap_or(today);
            WallTime {
                date: Some(day + later)
                    .filter(|it| *it <= today)
                    .unwrap_or(day)
                    .into(),
                ..first
            }
        });
    }
    for member in &mut stock.members {
        let since = today - Days::new(rng.random_range(0..MEMBERSHIP));
        // Three in five are valid; the others have run out since they joined.
        let expire_date = if rng.random_bool(0.6) {
            today + Days::new(rng.random_range(0..365))
        } else {
            since + Days::new(rng.random_range(0..365))
        };
        member.expire_date = expire_date.into();
        member.member_since_date = rng.random_bool(0.9).then(|| WallDate::from(since));
        member.input_date = Some(since.into());
        member.is_pending = rng.random_bool(0.02);
    }
}

/// A classification: a number of the class, or none.
fn classification(codes: &[Arc<str>], rng: &mut ChaCha8Rng) -> Option<Arc<str>> {
    let mut left = rng.random_range(0..100);
    let share = codes.len() / CLASSES.len();
    for (class, percent) in CLASSES.iter().enumerate() {
        if left < *percent {
            let within = rng.random_range(0..share);
            return Some(codes[class * share + within].clone());
        }
        left -= percent;
    }
    None
}

/// When the title at place `at` of `titles` was entered: on the day of the import, or on a working day since, in the
/// order of the ids.
fn entered(at: usize, titles: usize, today: NaiveDate, rng: &mut ChaCha8Rng) -> WallTime {
    let imported = titles * IMPORTED / 100;
    let since = at.saturating_sub(imported) as u64;
    let days = IMPORT * since / (titles - imported).max(1) as u64;
    let hour = rng.random_range(8..16);
    let second = u8::try_from(next_id(at) % 60).unwrap_or_default();
    WallDate::from(today - Days::new(IMPORT - days)).at(hour, 15, second)
}
