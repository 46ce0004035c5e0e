//! From rows to figures, without a database: counting, ranking, and what is shown of a name.

pub mod batch;
pub mod names;
pub mod people;
pub mod rank;
pub mod series;
pub mod texts;
