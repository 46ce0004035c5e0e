//! The last good copy of everything that Redis holds, encoded and ready to send.

pub mod cached_count;
pub mod cached_response;
pub mod csv;
pub mod live_cache;
pub mod representation;
pub mod state;
pub mod summary;
