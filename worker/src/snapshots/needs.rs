//! What a figure needs of the database.

use crate::window::Window;

/// What a figure needs. A pass reads what all its figures together need.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// The columns without which the figure cannot be computed, besides those of its source, each with its table.
    pub(super) columns: Vec<(&'static str, &'static str)>,
    /// Whether it needs the totals by day (`Counts::days`).
    pub(super) days: bool,
    /// Whether it needs the totals by member (`Counts::members`).
    pub(super) members: bool,
    /// Whether it needs the catalogue of members (`Counts::member_catalog`).
    pub(super) member_catalog: bool,
    /// Whether it needs the totals by title (`Counts::titles`).
    pub(super) titles: bool,
    /// The days of which it takes every row; `None` if it takes none.
    pub(super) rows: Option<Window>,
}

impl Needs {
    /// Includes the needs of another figure.
    pub(super) fn include(&mut self, other: &Self) {
        self.columns.extend(&other.columns);
        self.days |= other.days;
        self.members |= other.members;
        self.member_catalog |= other.member_catalog;
        self.titles |= other.titles;
        let rows = self.rows.into_iter().chain(other.rows);
        self.rows = rows.reduce(Window::cover);
    }

    /// Whether a figure needs this column.
    pub(super) fn has(&self, table: &str, column: &str) -> bool {
        self.columns.contains(&(table, column))
    }

    /// The needed columns of a table.
    pub(super) fn columns_of(&self, table: &str) -> Vec<&'static str> {
        let columns = self.columns.iter().filter(|(name, _)| *name == table);
        columns.map(|(_, column)| *column).collect()
    }
}
