//! Writes rows as SQL: column lists and literals, escaped for the default modes of MariaDB and MySQL.

use std::fmt::{Display, Write as _};

use crate::library::{Biblio, History, Item, Loan, Member, MemberType, Visit};
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
    fn columns(_shape: &Shape) -> &'static str {
        "loan_id,item_code,member_id,loan_date,due_date,renewed,loan_rules_id,actual,is_lent,is_return,return_date,\
         input_date,last_update,uid"
    }

    fn write(&self, _shape: &Shape, sql: &mut String) {
        open(sql, self.loan_id);
        optional(sql, self.item_code.as_deref());
        optional(sql, self.member_id.as_deref());
        quoted(sql, self.loan_date);
        quoted(sql, self.due_date);
        number(sql, self.renewed);
        sql.push_str(",1,NULL");
        number(sql, u8::from(self.is_lent));
        number(sql, u8::from(self.is_return));
        match self.return_date {
            Some(date) => quoted(sql, date),
            None => sql.push_str(",NULL"),
        }
        // No figure uses the times of the two bookkeeping columns, so they are always mid-morning.
        quoted(sql, self.loan_date.at(10, 0, 0));
        quoted(sql, self.return_date.unwrap_or(self.loan_date).at(10, 0, 0));
        sql.push_str(",1)");
    }
}

impl Row for Item {
    fn columns(_shape: &Shape) -> &'static str {
        "item_id,biblio_id,item_code,coll_type_id,location_id,item_status_id"
    }

    fn write(&self, _shape: &Shape, sql: &mut String) {
        open(sql, self.item_id);
        optional_number(sql, self.biblio_id);
        optional(sql, self.item_code.as_deref());
        sql.push_str(",1,'SL','0')");
    }
}

impl Row for Biblio {
    fn columns(_shape: &Shape) -> &'static str {
        "biblio_id,title,opac_hide,promoted,classification,publish_year"
    }

    fn write(&self, _shape: &Shape, sql: &mut String) {
        open(sql, self.biblio_id);
        text(sql, &self.title);
        number(sql, u8::from(self.opac_hide));
        // Spread by the id: the key on this column should look like one.
        write!(
            sql,
            ",0,'{:03}','{}')",
            self.biblio_id % 1000,
            1980 + self.biblio_id % 45
        )
        .expect(TO_STRING);
    }
}

impl Row for Member {
    fn columns(_shape: &Shape) -> &'static str {
        "member_id,member_name,gender,member_type_id,inst_name,register_date,expire_date"
    }

    fn write(&self, _shape: &Shape, sql: &mut String) {
        sql.push('(');
        escaped(sql, &self.member_id);
        text(sql, &self.member_name);
        sql.push_str(",1");
        optional_number(sql, self.member_type_id);
        optional(sql, self.inst_name.as_deref());
        sql.push_str(",'2020-01-01','2099-12-31')");
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
