//! The only code that writes to Redis: snapshots and today's count. Only the holder of the lease may write, and a
//! script in Redis checks that for every write.

mod cache;
pub mod cached_snapshot;
pub mod fence;
pub mod lease;
pub mod lease_keeper;
pub mod publisher;
pub mod redis_errors;
mod stored_snapshots;
mod today_count;
mod unavailable;
