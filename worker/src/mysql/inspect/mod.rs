//! Queries for `worker check`, and the statements that it recommends. No figure depends on them.

pub mod clock;
pub mod columns;
pub mod grants;
pub mod remedies;
pub mod sample;
pub mod server;
pub mod tables;
pub mod writers;
