//! Every property on its seeds, and on what becomes of them by chance; the same chance each time.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use fuzz::ALL;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Some tenths of a second for each property.
const TRIES: usize = 1_000;
/// Changes of one input, at most.
const CHANGES: usize = 6;
/// What parsers trip over.
const WORDS: [&[u8]; 16] = [
    b"\0",
    b"\r\n",
    b"\n\n",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\"",
    b"\\u0000",
    b"*",
    b",",
    b";q=",
    b"[",
    b"{",
    b"-",
    b"99999999999999999999",
    b"%00",
    b"//",
];

fn change(input: &mut Vec<u8>, other: &[u8], chance: &mut impl Rng) {
    let at = chance.random_range(0..=input.len());
    let end = chance.random_range(at..=input.len());
    match chance.random_range(0..6) {
        0 if at < input.len() => input[at] = chance.random(),
        1 if at < input.len() => input[at] ^= 1 << chance.random_range(0..8),
        2 => drop(input.drain(at..end)),
        3 => {
            let part = input[at..end].to_vec();
            input.splice(at..at, part);
        }
        4 => {
            let from = chance.random_range(0..=other.len());
            input.splice(at..end, other[from..].iter().copied());
        }
        _ => {
            let word = WORDS.choose(chance).unwrap();
            input.splice(at..at, word.iter().copied());
        }
    }
}

#[test]
fn every_property_holds_of_what_chance_makes_of_its_seeds() {
    for property in ALL {
        let mut chance = ChaCha8Rng::seed_from_u64(5);
        for seed in property.seeds {
            (property.check)(seed.as_bytes());
        }
        for _ in 0..TRIES {
            let mut input = property
                .seeds
                .choose(&mut chance)
                .unwrap()
                .as_bytes()
                .to_vec();
            for _ in 0..chance.random_range(1..=CHANGES) {
                let other = property.seeds.choose(&mut chance).unwrap().as_bytes();
                change(&mut input, other, &mut chance);
            }
            let held = std::panic::catch_unwind(|| (property.check)(&input));
            assert!(held.is_ok(), "{}: {}", property.name, input.escape_ascii());
        }
    }
}
