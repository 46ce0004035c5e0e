//! The tables of SLiMS that the worker reads, in the variants that real libraries have. Written from the facts of the
//! schema, not copied.

mod tables;

use std::fmt;

use crate::library::Library;

pub use tables::{Table, tables};

/// The storage engine of every table; the installer of SLiMS offers all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The default of SLiMS: table locks, no transactions.
    MyIsam,
    /// Transactions; an id can be seen after a larger one.
    InnoDb,
    /// MariaDB's successor of MyISAM.
    Aria,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MyIsam => "MyISAM",
            Self::InnoDb => "InnoDB",
            Self::Aria => "Aria",
        })
    }
}

/// The variant of the schema: the version of SLiMS, and what an administrator has added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The storage engine of every table.
    pub engine: Engine,
    /// Whether there are `visitor_count.room_code` and the table `mst_visitor_room`, which SLiMS has since 9.6.0.
    pub room_code: bool,
    /// Whether there are the table `loan_history` and the bookkeeping columns of `loan`, which old versions lack.
    pub loan_history: bool,
    /// Whether there are indexes on `visitor_count.checkin_date` and `loan.loan_date`. SLiMS itself has neither.
    pub date_index: bool,
}

impl Default for Shape {
    /// SLiMS 9.7 as it installs itself.
    fn default() -> Self {
        Self::SLIMS_9_6
    }
}

impl Shape {
    /// SLiMS 9.6 and 9.7.
    pub const SLIMS_9_6: Self = Self {
        engine: Engine::MyIsam,
        room_code: true,
        loan_history: true,
        date_index: false,
    };
    /// SLiMS 9.0 to 9.5.
    pub const SLIMS_9_0: Self = Self {
        room_code: false,
        ..Self::SLIMS_9_6
    };
    /// SLiMS 5, 7 and 8 up to 8.4.1.
    pub const SLIMS_5: Self = Self {
        loan_history: false,
        ..Self::SLIMS_9_0
    };

    /// Each release and its shape.
    pub const RELEASES: [(&'static str, Self); 6] = [
        ("5", Self::SLIMS_5),
        ("7", Self::SLIMS_5),
        ("8.3", Self::SLIMS_5),
        ("9.0", Self::SLIMS_9_0),
        ("9.6", Self::SLIMS_9_6),
        ("9.7", Self::SLIMS_9_6),
    ];

    /// Removes what a database of this shape cannot hold, so that the oracle answers for what it does hold.
    pub fn strip(&self, library: &mut Library) {
        if !self.room_code {
            library.rooms = None;
            for visit in &mut library.visits {
                visit.room_code = None;
            }
        }
        if !self.loan_history {
            library.histories.clear();
        }
    }

    /// Whether a database of this shape has all that the figure at `path`, as under `/api/`, needs.
    pub fn has(&self, path: &str) -> bool {
        self.room_code || !path.starts_with("visitors/rooms/")
    }
}

/// What turns a loaded database of [`Shape::SLIMS_5`] into one of the first Senayan 3. Each statement can do without
/// the others.
pub const SENAYAN_3: [&str; 5] = [
    "DROP TABLE visitor_count",
    "ALTER TABLE biblio DROP KEY references_idx, DROP COLUMN opac_hide",
    "ALTER TABLE biblio MODIFY publish_year int(4) DEFAULT NULL",
    "ALTER TABLE member DROP COLUMN is_pending",
    "ALTER TABLE item MODIFY item_code varchar(20) NOT NULL",
];
