//! Load for the gateway, large libraries for the worker, and the controls that they are compared with. Only `scripts/bench` uses it.
//!
//! # Layout
//! - [`crowd`], [`subscriber`], [`heard`]: many streams of events in one thread, and what they heard
//! - [`redis`], [`figures`], [`snapshots`]: the worker's part, played: snapshots, counts, messages
//! - [`http`], [`wrk`]: one request at a time, and as many as a server takes
//! - [`gateway`], [`nginx`], [`control`], [`bare`]: the servers under load, each held to its cores by [`cores`]
//! - [`library`]: databases of millions of visits and loans
//! - [`worker`], [`desk`], [`statements`]: the worker on one of them, check-ins meanwhile, and what the server says of both
//! - [`meter`], [`neighbours`]: what a process uses, and what others use, out of /proc
//! - [`measure`], [`report`]: medians with their spread, and the table

pub mod bare;
pub mod control;
pub mod cores;
pub mod crowd;
pub mod desk;
pub mod figures;
pub mod gateway;
pub mod heard;
pub mod http;
pub mod library;
pub mod measure;
pub mod meter;
pub mod neighbours;
pub mod nginx;
pub mod redis;
pub mod report;
pub mod snapshots;
pub mod statements;
pub mod subscriber;
pub mod worker;
pub mod wrk;
