//! Writes rows as SQL: column lists and literals, escaped for the default modes of MariaDB and MySQL.

use std::fmt::{Display, Write as _};

use crate::library::{Biblio, History, Item, Loan, Member, MemberType, Room, Visit};
use crate::schema::Shape;

/// A row that can be written into an INSERT.
pub(crate) trait Row {
    /// The columns that [`write`](Self::write) gives values for, in its order.
    fn columns(shape: &Shape) -> &'static str;
    /// Appends `(value,…)`.
    fn write(&self, shape: &Shape, sql: &mut String);
}

impl Row for Visit {
    fn columns(shape: &Shape) -> &'static str {
        if shape.room_code {
            "visitor_id,member_id,member_name,institution,checkin_date,room_code"
        } else {
            "visitor_id,member_id,member_name,institution,checkin_date"
        }
    }

    fn write(&self, shape: &Shape, sql: &mut String) {
        open(sql, self.visitor_id);
        optional(sql, self.member_id.as_deref());
        text(sql, &self.member_name);
        optional(sql, self.institution.as_deref());
        quoted(sql, self.checkin_date);
        if shape.room_code {
            optional(sql, self.room_code.as_deref());
        }
        sql.push(')');
    }
}

impl Row for Loan {
    fn columns(shape: &Shape) -> &'static str {
        if shape.loan_history {
            "loan_id,item_code,member_id,loan_date,due_date,renewed,loan_rules_id,actual,is_lent,is_return,return_date,\
             input_date,last_update,uid"
        } else {
            "loan_id,item_code,member_id,loan_date,due_date,renewed,loan_rules_id,actual,is_lent,is_return,return_date"
        }
    }

    fn write(&self, shape: &Shape, sql: &mut String) {
        open(sql, self.loan_id);
        optional(sql, self.item_code.as_deref());
        optional(sql, self.member_id.as_deref());
        quoted(sql, self.loan_date);
        quoted(sql, self.due_date);
        number(sql, self.renewed);
        sql.push_str(",1,NULL");
        number(sql, u8::from(self.is_lent));
        number(sql, u8::from(self.is_return));
        optional_date(sql, self.return_date);
        if shape.loan_history {
            // No figure uses the times of the two bookkeeping columns, so they are always mid-morning.
            quoted(sql, self.loan_date.at(10, 0, 0));
            quoted(sql, self.return_date.unwrap_or(self.loan_date).at(10, 0, 0));
            sql.push_str(",1");
        }
        sql.push(')');
    }
}

impl Row for Item {
    fn columns(_shape: &Shape) -> &'static str {
        "item_id,biblio_id,item_code,coll_type_id,location_id,item_status_id,input_date"
    }

    fn write(&self, _shape: &Shape, sql: &mut String) {
        open(sql, self.item_id);
        optional_number(sql, self.biblio_id);
        optional(sql, self.item_code.as_deref());
        sql.push_str(",1,'SL','0'");
        optional_date(sql, self.input_date);
        sql.push(')');
    }
}

impl Row for Biblio {
    fn columns(_shape: &Shape) -> &'static str {
        "biblio_id,title,opac_hide,promoted,publish_year,classification,input_date"
    }

    fn write(&self, _shape: &Shape, sql: &mut String) {
        open(sql, self.biblio_id);
        text(sql, &self.title);
        number(sql, u8::from(self.opac_hide));
        write!(sql, ",0,'{}'", 1980 + self.biblio_id % 45).expect(TO_STRING);
        optional(sql, self.classification.as_deref());
        optional_date(sql, self.input_date);
        sql.push(')');
    }
}

impl Row for Member {
    fn columns(_shape: &Shape) -> &'static str {
        "member_id,member_name,gender,member_type_id,inst_name,register_date,expire_date,member_since_date,input_date,\
         is_pending"
    }

    fn write(&self, _shape: &Shape, sql: &mut String) {
        sql.push('(');
        escaped(sql, &self.member_id);
        text(sql, &self.member_name);
        sql.push_str(",1");
        optional_number(sql, self.member_type_id);
        optional(sql, self.inst_name.as_deref());
        // An extension overwrites it; no figure uses it.
        sql.push_str(",'2020-01-01'");
        quoted(sql, self.expire_date);
        optional_date(sql, self.member_since_date);
        optional_date(sql, self.input_date);
        number(sql, u8::from(self.is_pending));
        sql.push(')');
    }
}

impl Row for MemberType {
    fn columns(_shape: &Shape) -> &'static str {
        "member_type_id,member_type_name,member_periode"
    }

    fn write(&self, _shape: &Shape, sql: &mut String) {
        open(sql, self.member_type_id);
        text(sql, &self.member_type_name);
        sql.push_str(",365)");
    }
}

impl Row for Room {
    fn columns(_shape: &Shape) -> &'static str {
        "id,name,unique_code"
    }

    fn write(&self, _shape: &Shape, sql: &mut String) {
        open(sql, self.id);
        text(sql, &self.name);
        text(sql, &self.unique_code);
        sql.push(')');
    }
}

impl Row for History {
    fn columns(_shape: &Shape) -> &'static str {
        "loan_id,item_code,biblio_id,title,member_id,member_name,loan_date,due_date,renewed,is_lent,is_return"
    }

    fn write(&self, _shape: &Shape, sql: &mut String) {
        open(sql, self.loan_id);
        optional(sql, self.item_code.as_deref());
        number(sql, self.biblio_id);
        optional(sql, self.title.as_deref());
        optional(sql, self.member_id.as_deref());
        optional(sql, self.member_name.as_deref());
        quoted(sql, self.loan_date);
        // SLiMS does not keep the due date of the history up to date.
        quoted(sql, self.loan_date);
        sql.push_str(",0,1,0)");
    }
}

/// The start of an INSERT, up to the first row.
pub(crate) fn insert<R: Row>(table: &str, shape: &Shape) -> String {
    format!("INSERT INTO `{table}` ({}) VALUES ", R::columns(shape))
}

/// Why a write cannot fail here.
const TO_STRING: &str = "writing to a String cannot fail";

/// `(` and the first value, a number.
fn open(sql: &mut String, id: u32) {
    write!(sql, "({id}").expect(TO_STRING);
}

fn number(sql: &mut String, value: impl Display) {
    write!(sql, ",{value}").expect(TO_STRING);
}

fn optional_number(sql: &mut String, value: Option<u32>) {
    match value {
        Some(value) => number(sql, value),
        None => sql.push_str(",NULL"),
    }
}

/// A value whose text needs no escaping, such as a date.
fn quoted(sql: &mut String, value: impl Display) {
    write!(sql, ",'{value}'").expect(TO_STRING);
}

/// A date, with or without a time.
fn optional_date(sql: &mut String, value: Option<impl Display>) {
    match value {
        Some(value) => quoted(sql, value),
        None => sql.push_str(",NULL"),
    }
}

fn text(sql: &mut String, value: &str) {
    sql.push(',');
    escaped(sql, value);
}

fn optional(sql: &mut String, value: Option<&str>) {
    match value {
        Some(value) => text(sql, value),
        None => sql.push_str(",NULL"),
    }
}

/// A string literal, quotes included.
pub(crate) fn escaped(sql: &mut String, value: &str) {
    sql.push('\'');
    for part in value.split_inclusive(['\'', '\\', '\0', '\n', '\r', '\u{1a}']) {
        let mut chars = part.chars();
        let special = match chars.next_back() {
            Some('\'') => r"\'",
            Some('\\') => r"\\",
            Some('\0') => r"\0",
            Some('\n') => r"\n",
            Some('\r') => r"\r",
            Some('\u{1a}') => r"\Z",
            _ => {
                sql.push_str(part);
                continue;
            }
        };
        sql.push_str(chars.as_str());
        sql.push_str(special);
    }
    sql.push('\'');
}
