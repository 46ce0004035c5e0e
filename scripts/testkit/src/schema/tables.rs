//! Each table with its columns, types and keys.

use super::{Engine, Shape};

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
