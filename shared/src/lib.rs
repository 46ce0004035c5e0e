//! The contract between the worker and the gateway, and the plumbing that both use.
//!
//! # Layout
//! - [`catalog`]: the list of snapshots, from which everything else follows
//! - [`keys`]: the names of all Redis keys and channels
//! - [`snapshot`], [`rows`], [`today`], [`unavailable`]: the values stored under them
//! - [`time`]: the clock and the timestamps
//! - plumbing: [`environment`], [`variable`], [`mod@file`], [`redis`], [`tls`], [`telemetry`], [`shutdown`],
//!   [`listener`], [`manual`], [`probe`]
//!
//! Code that only one of the two processes uses does not belong here.

pub mod catalog;
pub mod environment;
pub mod file;
pub mod keys;
pub mod listener;
pub mod manual;
pub mod probe;
pub mod redis;
pub mod rows;
pub mod shutdown;
pub mod snapshot;
pub mod telemetry;
pub mod time;
pub mod tls;
pub mod today;
pub mod unavailable;
pub mod variable;
