//! What the worker reports about itself: health, metrics, status, clock skew.

pub mod clock_skew;
pub mod health;
pub mod metrics;
pub mod status;
