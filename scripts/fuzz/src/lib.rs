//! What holds of everything that parses what comes from outside, whatever comes.
//!
//! Each property takes any bytes and panics where it does not hold. `cargo test -p fuzz` tries them on seeds and changed
//! seeds; `cargo +nightly fuzz run --fuzz-dir scripts/fuzz/targets NAME` searches for as long as one likes.
//!
//! # Layout
//! - [`requests`]: targets and headers
//! - [`redis`]: messages and values
//! - [`settings`]: the environment of both processes

pub mod redis;
pub mod requests;
pub mod settings;

/// One property, by the name of its target, with inputs from which a search may begin.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Panics where it does not hold.
    pub check: fn(&[u8]),
    /// Inputs that get far.
    pub seeds: &'static [&'static str],
}

/// All of them.
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
