//! What `worker check` asks of the database, and what it advises to run there. No figure is made of it.

pub mod clock;
pub mod columns;
pub mod grants;
pub mod remedies;
pub mod sample;
pub mod server;
pub mod tables;
