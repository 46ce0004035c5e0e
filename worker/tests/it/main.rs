//! The worker against a real MariaDB and a real Redis: every number, every mode, every fault.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic where it stands"
)]

mod documents;
mod fixture;
mod healing;
mod midnight;
mod modes;
mod numbers;
mod pace;
mod process;
mod servers;
mod together;
