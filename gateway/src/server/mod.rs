//! Accepts connections, enforces their limits, and runs HTTP/1.1 on them.

pub mod client_limit;
pub mod connection;
pub mod fd_limit;
pub mod forwarded;
pub mod io_threads;
pub mod listener;
pub mod overload;
pub mod timeout_stream;
