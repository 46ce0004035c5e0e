//! Keeps the cache equal to Redis by subscription and periodic reads, and sends refresh requests to the worker.

pub mod cache_updater;
pub mod client;
pub mod encode_batch;
pub mod refresh_request;
pub mod refresh_sender;
pub mod stall_detector;
pub mod subscriber;
