//! What the library says about itself (`LIBRARY_FILE`): name, opening hours, notices and logo.
//!
//! # Files
//! - [`information`]: the format of the file
//! - [`validation`]: checks of its fields
//! - [`logo`]: recognizes the format of the logo
//! - [`reader`]: reads both files from the disk
//! - [`content`]: the last good version, ready to send
//! - [`watcher`]: reads the files at the start and after each change

pub mod content;
pub mod information;
pub mod logo;
pub mod reader;
pub mod validation;
pub mod watcher;
