//! The gateway against a real Redis, as clients see it: bytes on sockets.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

mod access;
mod addresses;
mod balancer;
mod clocks;
mod conditional;
mod connections;
mod crowds;
mod docs;
mod doorbell;
mod drain;
mod dribble;
mod fixture;
mod gone;
mod health;
mod hostile;
mod large;
mod metrics;
mod news;
mod outages;
mod pauses;
mod process;
mod reads;
mod rights;
mod stream;
mod surroundings;
mod today;
mod trust;
