//! The kit itself: private servers, roads to them, the generator and the load, the oracle.

mod discretion;
mod library;
mod oracle;
mod road;
mod servers;
