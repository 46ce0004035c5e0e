//! Large SLiMS libraries, built once and kept: made row by row, streamed into a private MariaDB, and grown by a day a day.
//!
//! # Layout
//! - [`kept`], [`tend`]: the running library, and what is done to it between two figures
//! - [`marker`], [`room`]: what stands beside its data, and what it takes of the machine
//! - [`build`], [`fill`], [`progress`]: how rows get in, and what is told of it
//! - [`size`], [`days`], [`rows`], [`dirt`], [`tsv`]: how many rows, on which days, which, and how they are written

pub mod build;
pub mod days;
pub mod dirt;
pub mod fill;
pub mod kept;
pub mod marker;
pub mod progress;
pub mod room;
pub mod rows;
pub mod size;
pub mod tend;
pub mod tsv;
