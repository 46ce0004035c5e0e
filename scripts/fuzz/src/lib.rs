//! Properties of every parser of external input. Each takes any bytes, and panics where it does not hold.
//!
//! `cargo test --workspace --test mutations` tries them on seeds and changed seeds.
//! `cargo +nightly fuzz run --fuzz-dir scripts/fuzz/targets any` searches for as long as one likes.

pub mod redis;
pub mod requests;
pub mod settings;

/// A property, with inputs from which a search may begin.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Panics where it does not hold.
    pub check: fn(&[u8]),
    /// Inputs that reach much of the code.
    pub seeds: &'static [&'static str],
}

/// All properties.
pub const ALL: [Property; 10] = [
    requests::TARGET,
    requests::CONDITIONAL,
    requests::CODING,
    requests::CORS,
    redis::COUNT,
    redis::SNAPSHOT,
    settings::CRON,
    settings::REDIS_URL,
    settings::GATEWAY,
    settings::WORKER,
];
