//! Everything that is written to Redis: snapshots and today's count, each write fenced by the lease.

pub mod cached_snapshot;
pub mod fence;
pub mod lease;
pub mod publisher;
pub mod redis_errors;
