//! Rows as `LOAD DATA` reads them by default: tabs between fields, `\N` for NULL, a backslash before what is special.

use std::io::Write as _;
use testkit::library::{Biblio, History, Item, Loan, Member, Visit};

/// A row that can be written for `LOAD DATA`.
pub trait Tsv {
    /// The table.
    const TABLE: &'static str;
    /// The columns that [`write`](Self::write) gives values for, in its order.
    const COLUMNS: &'static str;
    /// Appends the row, its line break included.
    fn write(&self, out: &mut Vec<u8>);
}

impl Tsv for Visit {
    const TABLE: &'static str = "visitor_count";
    const COLUMNS: &'static str =
        "visitor_id, member_id, member_name, institution, room_code, checkin_date";

    fn write(&self, out: &mut Vec<u8>) {
        plain(out, self.visitor_id, b'\t');
        optional(out, self.member_id.as_deref());
        text(out, &self.member_name);
        optional(out, self.institution.as_deref());
        optional(out, self.room_code.as_deref());
        plain(out, self.checkin_date, b'\n');
    }
}

impl Tsv for Loan {
    const TABLE: &'static str = "loan";
    const COLUMNS: &'static str = "loan_id, item_code, member_id, loan_date, due_date, renewed, is_lent, is_return, \
         return_date, input_date, last_update, uid";

    fn write(&self, out: &mut Vec<u8>) {
        plain(out, self.loan_id, b'\t');
        optional(out, self.item_code.as_deref());
        optional(out, self.member_id.as_deref());
        plain(out, self.loan_date, b'\t');
        plain(out, self.due_date, b'\t');
        plain(out, self.renewed, b'\t');
        plain(out, u8::from(self.is_lent), b'\t');
        plain(out, u8::from(self.is_return), b'\t');
        match self.return_date {
            Some(date) => plain(out, date, b'\t'),
            None => out.extend(b"\\N\t"),
        }
        // The times of the two bookkeeping columns are nobody's metric.
        plain(out, self.loan_date, b'\t');
        plain(out, self.return_date.unwrap_or(self.loan_date), b'\t');
        out.extend(b"1\n");
    }
}

impl Tsv for History {
    const TABLE: &'static str = "loan_history";
    const COLUMNS: &'static str = "loan_id, item_code, biblio_id, title, member_id, member_name, loan_date, due_date, is_lent";

    fn write(&self, out: &mut Vec<u8>) {
        plain(out, self.loan_id, b'\t');
        optional(out, self.item_code.as_deref());
        plain(out, self.biblio_id, b'\t');
        optional(out, self.title.as_deref());
        optional(out, self.member_id.as_deref());
        optional(out, self.member_name.as_deref());
        plain(out, self.loan_date, b'\t');
        // SLiMS does not keep the due date of the history up to date.
        plain(out, self.loan_date, b'\t');
        out.extend(b"1\n");
    }
}

impl Tsv for Item {
    const TABLE: &'static str = "item";
    const COLUMNS: &'static str =
        "item_id, biblio_id, item_code, coll_type_id, location_id, item_status_id";

    fn write(&self, out: &mut Vec<u8>) {
        plain(out, self.item_id, b'\t');
        plain(out, self.biblio_id.unwrap_or_default(), b'\t');
        optional(out, self.item_code.as_deref());
        out.extend(b"1\tSL\t0\n");
    }
}

impl Tsv for Biblio {
    const TABLE: &'static str = "biblio";
    const COLUMNS: &'static str =
        "biblio_id, title, opac_hide, promoted, classification, publish_year";

    fn write(&self, out: &mut Vec<u8>) {
        plain(out, self.biblio_id, b'\t');
        text(out, &self.title);
        plain(out, u8::from(self.opac_hide), b'\t');
        out.extend(b"0\t");
        // Spread by the id: the key on this column should look like one.
        plain(out, self.biblio_id % 1000, b'\t');
        plain(out, 1980 + self.biblio_id % 45, b'\n');
    }
}

impl Tsv for Member {
    const TABLE: &'static str = "member";
    const COLUMNS: &'static str =
        "member_id, member_name, inst_name, gender, member_type_id, register_date, expire_date";

    fn write(&self, out: &mut Vec<u8>) {
        text(out, &self.member_id);
        text(out, &self.member_name);
        optional(out, self.inst_name.as_deref());
        out.extend(b"1\t1\t2020-01-01\t2099-12-31\n");
    }
}

/// A value whose text has nothing special in it, such as a date, and what comes after it.
fn plain(out: &mut Vec<u8>, value: impl std::fmt::Display, after: u8) {
    write!(out, "{value}").expect("writing to memory cannot fail");
    out.push(after);
}

fn text(out: &mut Vec<u8>, value: &str) {
    for byte in value.bytes() {
        if matches!(byte, b'\t' | b'\n' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'\t');
}

fn optional(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(value) => text(out, value),
        None => out.extend(b"\\N\t"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_is_escaped_and_an_empty_text_is_not_null() {
        let mut out = Vec::new();
        text(&mut out, "a\tb\\c\nd'é");
        optional(&mut out, Some(""));
        optional(&mut out, None);
        assert_eq!(out, "a\\\tb\\\\c\\\nd'é\t\t\\N\t".as_bytes());
    }
}
