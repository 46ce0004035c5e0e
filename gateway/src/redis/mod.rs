//! Keeps the cache equal to Redis: subscription, reads, refresh requests.

pub mod cache_updater;
pub mod client;
pub mod encode_batch;
pub mod refresh_request;
pub mod stall_detector;
pub mod subscriber;
