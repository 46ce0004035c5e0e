//! The contract between the worker and the gateway, and the little process plumbing that both use.
//!
//! # Layout
//! - [`catalog`]: the one list of snapshots, from which everything else follows
//! - [`keys`]: every Redis key and channel
//! - [`snapshot`], [`rows`], [`today`]: what is stored under them
//! - [`time`]: the clock and the timestamps
//! - [`environment`] (by [`variable`], with [`mod@file`]), [`redis`] (with [`tls`]), [`telemetry`], [`shutdown`], [`listener`], [`manual`], [`probe`]: plumbing
//!
//! What only one of the two uses does not belong here.

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
pub mod variable;
