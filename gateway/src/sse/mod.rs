//! Serves the event stream: permits limit the streams, hubs write to them, frames are what they write.

pub mod change_notice;
pub mod frame;
pub mod hub;
pub mod permits;
pub mod response_head;
pub mod stream;
