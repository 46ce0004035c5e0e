//! The tables of SLiMS that the worker reads, in the variants that real libraries have. Written from the facts of the
//! schema, not copied.

use std::fmt;

use crate::library::Library;

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

/// One table: its columns with their types, its primary key and its other keys.
#[derive(Debug, Clone)]
pub struct Table {
    /// The table's name.
    pub name: &'static str,
    columns: Vec<&'static str>,
    primary: &'static str,
    keys: Vec<&'static str>,
}

impl Table {
    /// The statement that creates the table with only its primary key.
    pub fn create(&self, engine: Engine) -> String {
        // A table of a late release.
        let charset = match self.name {
            "mst_visitor_room" => "utf8mb4",
            _ => "utf8mb3",
        };
        format!(
            "CREATE TABLE `{}` ({}, PRIMARY KEY ({})) ENGINE = {engine} \
             DEFAULT CHARACTER SET {charset} COLLATE {charset}_unicode_ci",
            self.name,
            self.columns.join(", "),
            self.primary,
        )
    }

    /// The statement that adds the other keys, or `None` without other keys. It is far cheaper after a load than
    /// before.
    pub fn add_keys(&self) -> Option<String> {
        let keys: Vec<String> = self.keys.iter().map(|key| format!("ADD {key}")).collect();
        (!keys.is_empty()).then(|| format!("ALTER TABLE `{}` {}", self.name, keys.join(", ")))
    }
}

/// The tables of a shape, small ones first.
pub fn tables(shape: &Shape) -> Vec<Table> {
    let mut tables = vec![mst_member_type(), member(), biblio(), item(), loan(shape)];
    if shape.loan_history {
        tables.push(loan_history());
    }
    if shape.room_code {
        tables.push(mst_visitor_room());
    }
    tables.push(visitor_count(shape));
    tables
}

fn visitor_count(shape: &Shape) -> Table {
    let mut columns = vec![
        "visitor_id int(11) NOT NULL AUTO_INCREMENT",
        "member_id varchar(20) DEFAULT NULL",
        "member_name varchar(255) NOT NULL",
        "institution varchar(100) DEFAULT NULL",
    ];
    let mut keys = vec!["KEY member_id (member_id)"];
    if shape.room_code {
        columns.push("room_code varchar(5) DEFAULT NULL");
        keys.push("KEY room_code (room_code)");
    }
    columns.push("checkin_date datetime NOT NULL");
    if shape.date_index {
        keys.push("KEY checkin_date (checkin_date)");
    }
    Table {
        name: "visitor_count",
        columns,
        primary: "visitor_id",
        keys,
    }
}

fn loan(shape: &Shape) -> Table {
    let mut keys = vec!["KEY item_code (item_code)", "KEY member_id (member_id)"];
    if shape.date_index {
        keys.push("KEY loan_date (loan_date)");
    }
    let mut columns = vec![
        "loan_id int(11) NOT NULL AUTO_INCREMENT",
        "item_code varchar(20) DEFAULT NULL",
        "member_id varchar(20) DEFAULT NULL",
        "loan_date date NOT NULL",
        "due_date date NOT NULL",
        "renewed int(11) NOT NULL DEFAULT 0",
        "loan_rules_id int(11) NOT NULL DEFAULT 0",
        "actual date DEFAULT NULL",
        "is_lent int(11) NOT NULL DEFAULT 0",
        "is_return int(11) NOT NULL DEFAULT 0",
        "return_date date DEFAULT NULL",
    ];
    if shape.loan_history {
        columns.extend([
            "input_date datetime DEFAULT NULL",
            "last_update datetime DEFAULT NULL",
            "uid int(11) DEFAULT NULL",
        ]);
        keys.push("KEY input_date (input_date, last_update, uid)");
    }
    Table {
        name: "loan",
        columns,
        primary: "loan_id",
        keys,
    }
}

fn item() -> Table {
    let columns = vec![
        "item_id int(11) NOT NULL AUTO_INCREMENT",
        "biblio_id int(11) DEFAULT NULL",
        "item_code varchar(20) DEFAULT NULL",
        "coll_type_id int(3) DEFAULT NULL",
        "location_id varchar(3) DEFAULT NULL",
        "item_status_id char(3) DEFAULT NULL",
        "input_date datetime DEFAULT NULL",
        "last_update datetime DEFAULT NULL",
    ];
    let keys = vec![
        "UNIQUE KEY item_code (item_code)",
        "KEY biblio_id (biblio_id)",
    ];
    Table {
        name: "item",
        columns,
        primary: "item_id",
        keys,
    }
}

fn biblio() -> Table {
    let columns = vec![
        "biblio_id int(11) NOT NULL AUTO_INCREMENT",
        "title text NOT NULL",
        "classification varchar(40) DEFAULT NULL",
        "publish_year varchar(20) DEFAULT NULL",
        "opac_hide smallint(1) DEFAULT 0",
        "promoted smallint(1) DEFAULT 0",
        "input_date datetime DEFAULT NULL",
        "last_update datetime DEFAULT NULL",
    ];
    // The full-text key is left out: it is slow to build and no statement of ours uses it.
    let keys = vec![
        "KEY references_idx (opac_hide, promoted)",
        "KEY classification (classification)",
    ];
    Table {
        name: "biblio",
        columns,
        primary: "biblio_id",
        keys,
    }
}

fn member() -> Table {
    let columns = vec![
        "member_id varchar(20) NOT NULL",
        "member_name varchar(100) NOT NULL",
        "gender int(1) NOT NULL DEFAULT 0",
        "member_type_id int(6) DEFAULT NULL",
        "inst_name varchar(100) DEFAULT NULL",
        "member_since_date date DEFAULT NULL",
        "register_date date DEFAULT NULL",
        "expire_date date NOT NULL",
        "is_pending smallint(1) NOT NULL DEFAULT 0",
        "input_date date DEFAULT NULL",
        "last_update date DEFAULT NULL",
    ];
    let keys = vec![
        "KEY member_name (member_name)",
        "KEY member_type_id (member_type_id)",
    ];
    Table {
        name: "member",
        columns,
        primary: "member_id",
        keys,
    }
}

fn mst_member_type() -> Table {
    let columns = vec![
        "member_type_id int(11) NOT NULL AUTO_INCREMENT",
        "member_type_name varchar(50) NOT NULL",
        "member_periode int(11) NOT NULL DEFAULT 0",
    ];
    Table {
        name: "mst_member_type",
        columns,
        primary: "member_type_id",
        keys: vec!["UNIQUE KEY member_type_name (member_type_name)"],
    }
}

fn mst_visitor_room() -> Table {
    let columns = vec![
        "id int(11) NOT NULL AUTO_INCREMENT",
        "name varchar(50) NOT NULL",
        "unique_code varchar(5) NOT NULL",
    ];
    Table {
        name: "mst_visitor_room",
        columns,
        primary: "id",
        keys: vec!["UNIQUE KEY unique_code (unique_code)"],
    }
}

fn loan_history() -> Table {
    let columns = vec![
        "loan_id int(11) NOT NULL",
        "item_code varchar(20) DEFAULT NULL",
        "biblio_id int(11) NOT NULL",
        "title varchar(300) DEFAULT NULL",
        "member_id varchar(20) DEFAULT NULL",
        "member_name varchar(100) DEFAULT NULL",
        "member_type_name varchar(64) DEFAULT NULL",
        "loan_date date NOT NULL",
        "due_date date NOT NULL",
        "renewed int(11) NOT NULL DEFAULT 0",
        "is_lent int(11) NOT NULL DEFAULT 0",
        "is_return int(11) NOT NULL DEFAULT 0",
        "return_date date DEFAULT NULL",
    ];
    let keys = vec!["KEY member_name (member_name)"];
    Table {
        name: "loan_history",
        columns,
        primary: "loan_id",
        keys,
    }
}
