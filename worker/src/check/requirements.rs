//! The tables and columns that the worker reads, and the figures that are lost without them.

use crate::check::format;
use crate::snapshots::compute;
use crate::snapshots::figure::Requirement;

/// What every figure needs, today's count first.
fn all() -> Vec<Requirement> {
    let today = Requirement {
        name: "today's count",
        snapshots: &[],
        columns: vec![("visitor_count", "checkin_date")],
    };
    let mut all = compute::requirements();
    all.insert(0, today);
    all
}

/// A table that the worker reads.
#[derive(Debug)]
pub struct Table {
    /// The name of the table.
    pub name: &'static str,
    /// The columns by which the worker scans it or looks rows up: an index should begin with each. The first is the
    /// primary key.
    pub keys: &'static [&'static str],
    /// The columns that no figure needs, and that make figures more complete.
    pub optional: &'static [&'static str],
    /// What is lost without the optional columns.
    pub loss: &'static str,
}

impl Table {
    /// The names of all columns that the worker reads.
    pub fn column_names(&self) -> Vec<&'static str> {
        let needed = all();
        let needed = needed.iter().flat_map(|figure| &figure.columns);
        let needed = needed.filter(|(table, _)| *table == self.name);
        let needed = needed.map(|(_, column)| column);
        let mut names: Vec<_> = needed.chain(self.optional).copied().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The figures that are lost when these columns are missing.
    pub fn lost_without(&self, missing: &[&str]) -> Vec<Requirement> {
        let is_missing =
            |(table, column): &(&str, &str)| *table == self.name && missing.contains(column);
        let mut all = all();
        all.retain(|figure| figure.columns.iter().any(is_missing));
        all
    }
}

/// Names the figures in a sentence: `today's count and the rankings of visitors`.
pub fn names(figures: &[Requirement]) -> String {
    let names: Vec<&str> = figures.iter().map(|figure| figure.name).collect();
    format::list(&names)
}

/// Every table that the worker reads.
pub const TABLES: [Table; 8] = [
    Table {
        name: "visitor_count",
        keys: &["visitor_id", "member_id"],
        optional: &["visitor_id"],
        loss: "visits are read by the column id, or in one statement",
    },
    Table {
        name: "mst_visitor_room",
        keys: &["unique_code"],
        optional: &["unique_code", "name"],
        loss: "rooms have no names",
    },
    Table {
        name: "member",
        keys: &["member_id"],
        optional: &["inst_name", "is_pending", "member_since_date"],
        loss: "members have no institution, none is pending, and a member joined when the row was made",
    },
    Table {
        name: "mst_member_type",
        keys: &["member_type_id"],
        optional: &["member_type_id", "member_type_name"],
        loss: "member types are named by their ids",
    },
    Table {
        name: "loan",
        keys: &["loan_id", "member_id"],
        optional: &[],
        loss: "",
    },
    Table {
        name: "item",
        keys: &["item_id"],
        optional: &[],
        loss: "",
    },
    Table {
        name: "biblio",
        keys: &["biblio_id"],
        optional: &["opac_hide"],
        loss: "lists also show titles that the catalogue hides",
    },
    Table {
        name: "loan_history",
        keys: &["loan_id"],
        optional: &["loan_id", "biblio_id", "title", "member_name"],
        loss: "rankings leave out loans of deleted copies, and name deleted borrowers as their visits do",
    },
];
