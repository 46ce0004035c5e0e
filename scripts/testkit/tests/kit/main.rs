//! The kit itself: private servers, the generator and the load, the oracle.

mod library;
mod oracle;
mod servers;
