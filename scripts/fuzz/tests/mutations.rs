//! Checks every property with its seeds and with random changes of them, the same ones each time.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use fuzz::ALL;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// This takes some tenths of a second for each property.
const TRIES: usize = 1_000;
/// The largest number of changes to one input.
const CHANGES: usize = 6;
/// Texts that parsers often get wrong.
#[rustfmt::skip]
const WORDS: [&[u8]; 16] = [
    b"\0", b"\r\n", b"\n\n", b"\xff\xfe", b"\xed\xa0\x80", b"\"", b"\\u0000", b"*", b",", b";q=", b"[", b"{", b"-",
    b"99999999999999999999", b"%00", b"//",
];

fn change(input: &mut Vec<u8>, other: &[u8], random: &mut impl Rng) {
    let at = random.random_range(0..=input.len());
    let end = random.random_range(at..=input.len());
    match random.random_range(0..6) {
        0 if at < input.len() => input[at] = random.random(),
        1 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
        2 => drop(input.drain(at..end)),
        3 => {
            let part = input[at..end].to_vec();
            input.splice(at..at, part);
        }
        4 => {
            let from = random.random_range(0..=other.len());
            input.splice(at..end, other[from..].iter().copied());
        }
        _ => {
            let word = WORDS.choose(random).unwrap();
            input.splice(at..at, word.iter().copied());
        }
    }
}

#[test]
fn every_property_holds_for_mutated_seeds() {
    for property in ALL {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for seed in property.seeds {
            (property.check)(seed.as_bytes());
        }
        for _ in 0..TRIES {
            let seed = |random: &mut ChaCha8Rng| property.seeds.choose(random).unwrap().as_bytes();
            let mut input = seed(&mut random).to_vec();
            for _ in 0..random.random_range(1..=CHANGES) {
                change(&mut input, seed(&mut random), &mut random);
            }
            let result = std::panic::catch_unwind(|| (property.check)(&input));
            assert!(
                result.is_ok(),
                "{}: {}",
                property.name,
                input.escape_ascii()
            );
        }
    }
}
