//! Reports on the worker itself: `/health`, `/metrics`, the state behind them, and the clock skew monitor.

pub mod clock_skew;
pub mod health;
pub mod metrics;
pub mod state;
pub mod status;
