//! The event stream: permits, hubs, frames.

pub mod change_notice;
pub mod frame;
pub mod hub;
pub mod permits;
pub mod response_head;
pub mod stream;
