//! The test kit: private servers, a generated SLiMS library, and the answers counted by brute force.
//! Only tests and the demo use it.
//!
//! # Layout
//! - [`server`], [`sentinel`], [`cluster`], [`mariadb`], [`balancer`], [`prometheus`], [`certificates`], [`process`], [`discretion`], [`eventually`],
//!   [`descriptors`]: what runs beside a test; [`http`], [`scrape`], [`document`] (with [`json_schema`]): what it reads.
//! - [`road`]: what goes wrong between two of them.
//! - [`library`], [`wall`], [`generate`]: the rows, and a generator for them, made of [`stock`], [`activity`], [`names`].
//! - [`oracle`]: what the snapshots must say.
//! - [`schema`], [`load`]: the tables, and how the rows get in.

pub mod activity;
pub mod balancer;
pub mod certificates;
pub mod cluster;
pub mod descriptors;
mod dirty;
mod dirty_members;
mod dirty_titles;
pub mod discretion;
pub mod document;
pub mod eventually;
#[cfg(feature = "mariadb")]
mod flags;
pub mod generate;
pub mod http;
pub mod json_schema;
pub mod library;
#[cfg(feature = "mariadb")]
pub mod load;
#[cfg(feature = "mariadb")]
pub mod mariadb;
pub mod names;
pub mod oracle;
pub mod process;
pub mod prometheus;
pub mod road;
pub mod schema;
pub mod scrape;
pub mod sentinel;
pub mod server;
#[cfg(feature = "mariadb")]
mod sql;
#[cfg(feature = "mariadb")]
mod statements;
pub mod stock;
mod supervisor;
mod tally;
mod ties;
pub mod wall;
