//! The stock of a generated library: members, titles and copies, and the demand for each.

use std::collections::HashMap;
use std::sync::Arc;

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Gamma};

use crate::generate::next_id;
use crate::library::{Biblio, History, Item, Loan, Member};
use crate::names;
use crate::wall_clock::WallDate;

/// The share of members who never visit.
const NEVER: f64 = 0.16;

/// The share of titles that have ever been lent.
const LENT_TITLES: f64 = 0.3;

/// Flattens the top of the demand for titles, so that there are near-ties.
const FLAT_TOP: f64 = 30.0;

/// Members, titles and copies, with weights by index for drawing them.
#[derive(Debug)]
pub struct Stock {
    /// All members.
    pub members: Vec<Member>,
    /// All titles, with `biblio_id` from 1.
    pub biblios: Vec<Biblio>,
    /// Sorted by title: the copies of title `i` are `first_copy[i]..first_copy[i + 1]`.
    pub items: Vec<Item>,
    first_copy: Vec<usize>,
    /// How often each member comes.
    pub visit_weights: Vec<f64>,
    /// How often each member borrows.
    pub loan_weights: Vec<f64>,
    /// How often each title is borrowed.
    pub title_weights: Vec<f64>,
}

impl Stock {
    /// The index of a random copy of a title.
    pub fn copy_of(&self, title: usize, rng: &mut ChaCha8Rng) -> usize {
        rng.random_range(self.first_copy[title]..self.first_copy[title + 1])
    }
}

/// Generates members, titles and copies, without their classes and dates.
pub fn stock(members: usize, titles: u32, items: u32, rng: &mut ChaCha8Rng) -> Stock {
    let institutions = names::institutions();
    let members: Vec<Member> = (0..members)
        .map(|number| Member {
            member_id: names::member_id(number),
            member_name: names::person(rng),
            inst_name: match rng.random_range(0..20) {
                0 => None,
                1 => Some("".into()),
                _ => Some(institutions[rng.random_range(0..institutions.len())].clone()),
            },
            member_type_id: names::member_type(number),
            expire_date: WallDate::default(),
            member_since_date: None,
            input_date: None,
            is_pending: false,
        })
        .collect();
    let visit_weights = activity(members.len(), 0.65, rng);
    let loan_weights = activity(members.len(), 0.55, rng);
    let biblios: Vec<Biblio> = (1..=titles)
        .map(|biblio_id| Biblio {
            biblio_id,
            title: names::title(rng),
            opac_hide: false,
            classification: None,
            input_date: None,
        })
        .collect();
    let title_weights = demand(biblios.len(), rng);
    let (items, first_copy) = copies(items, &title_weights);
    Stock {
        members,
        biblios,
        items,
        first_copy,
        visit_weights,
        loan_weights,
        title_weights,
    }
}

/// How often each member comes: gamma, so that the counts are gamma-Poisson; some never do.
fn activity(count: usize, shape: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let gamma = Gamma::new(shape, 1.0).expect("the shape is positive");
    (0..count)
        .map(|_| {
            if rng.random_bool(NEVER) {
                0.0
            } else {
                gamma.sample(rng)
            }
        })
        .collect()
}

/// How much each title is asked for: most never, the rest by a power law with a flat top.
fn demand(count: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut weights: Vec<f64> = (0..next_id(count) - 1)
        .map(f64::from)
        .map(|rank| {
            let lent = rank < f64::from(next_id(count)) * LENT_TITLES;
            if lent {
                (rank + FLAT_TOP).powf(-0.9)
            } else {
                0.0
            }
        })
        .collect();
    weights.shuffle(rng);
    weights
}

/// One copy of each title, and the rest of the `count` copies among those that are in demand.
fn copies(count: u32, weights: &[f64]) -> (Vec<Item>, Vec<usize>) {
    let spare = f64::from(count.saturating_sub(next_id(weights.len()) - 1));
    let all: f64 = weights.iter().map(|weight| weight.sqrt()).sum();
    let (mut items, mut first_copy) = (Vec::new(), vec![0]);
    let mut owed = 0.0;
    for (biblio_id, weight) in (1..).zip(weights) {
        owed += 1.0 + spare * weight.sqrt() / all;
        while owed >= 1.0 || first_copy.last() == Some(&items.len()) {
            owed -= 1.0;
            let item_id = next_id(items.len());
            let item_code = Some(format!("B{item_id:08}").into());
            items.push(Item {
                item_id,
                biblio_id: Some(biblio_id),
                item_code,
                input_date: None,
            });
        }
        first_copy.push(items.len());
    }
    (items, first_copy)
}

/// What the triggers of SLiMS keep of each loan: one row, with the title and the name of that day.
pub(crate) fn histories(loans: &[Loan], stock: &Stock) -> Vec<History> {
    let names: HashMap<&str, &Arc<str>> = stock
        .members
        .iter()
        .map(|member| (&*member.member_id, &member.member_name))
        .collect();
    let titles: HashMap<&str, u32> = stock
        .items
        .iter()
        .filter_map(|item| Some((item.item_code.as_deref()?, item.biblio_id?)))
        .collect();
    let row = |loan: &Loan| {
        let biblio_id = *titles.get(loan.item_code.as_deref()?)?;
        Some(History {
            loan_id: loan.loan_id,
            item_code: loan.item_code.clone(),
            biblio_id,
            title: Some(stock.biblios[biblio_id as usize - 1].title.clone()),
            member_id: loan.member_id.clone(),
            member_name: loan
                .member_id
                .as_deref()
                .and_then(|id| names.get(id))
                .copied()
                .cloned(),
            loan_date: loan.loan_date,
        })
    };
    loans.iter().filter_map(row).collect()
}
