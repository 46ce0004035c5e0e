//! The test kit: private servers, a generator of SLiMS libraries, and an oracle that computes every answer by brute
//! force. Only tests, the benchmark and the demo use it.
//!
//! # Layout
//! - [`server`], [`sentinel`], [`cluster`], [`mariadb`], [`balancer`], [`prometheus`], [`certificates`]: private
//!   servers.
//! - [`process`], [`redaction`], [`descriptors`], [`eventually`]: real processes, and waiting for them.
//! - [`http`], [`scrape`], [`document`] (with [`json_schema`]): reading and checking responses.
//! - [`fault_proxy`]: a TCP proxy that behaves like a faulty network.
//! - [`library`], [`wall_clock`], [`generate`]: the rows and their generator, which uses [`stock`], [`activity`] and
//!   [`names`].
//! - [`oracle`]: the right answers.
//! - [`schema`], [`load`]: the tables, and loading the rows.
//! - [`desk`]: random changes to the rows and to the database.

pub mod activity;
pub mod balancer;
pub mod certificates;
pub mod cluster;
pub mod descriptors;
#[cfg(feature = "mariadb")]
pub mod desk;
mod details;
mod dirty;
mod dirty_details;
mod dirty_members;
mod dirty_places;
mod dirty_titles;
pub mod document;
pub mod eventually;
pub mod fault_proxy;
#[cfg(feature = "mariadb")]
mod flavour;
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
mod rankings;
pub mod redaction;
pub mod schema;
pub mod scrape;
pub mod sentinel;
pub mod server;
#[cfg(feature = "mariadb")]
mod sql;
#[cfg(feature = "mariadb")]
mod statements;
pub mod stock;
mod ties;
pub mod wall_clock;
