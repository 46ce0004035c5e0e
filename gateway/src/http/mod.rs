//! Turns a request into a response: resources, router, headers, dashboard.

pub mod access_log;
pub mod assets;
pub mod badge;
pub mod conditional;
pub mod cors;
pub mod dashboard_files;
pub mod frame_ancestors;
pub mod health;
pub mod listener_role;
pub mod resource;
pub mod response;
pub mod router;
pub mod security_headers;
