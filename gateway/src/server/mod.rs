//! Accepts connections, enforces limits and time-outs, and runs HTTP/1.1.

pub mod client_limit;
pub mod connection;
pub mod fd_limit;
pub mod io_threads;
pub mod listener;
pub mod overload;
pub mod timeout_stream;
