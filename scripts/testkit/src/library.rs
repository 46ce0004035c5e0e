//! The rows of a SLiMS library, as plain values that a test may edit before they are loaded.
//! Texts are shared, so that ten million visits fit in about one gigabyte.

use std::sync::Arc;

use crate::wall_clock::{WallDate, WallTime};

/// One row of `visitor_count`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The primary key.
    pub visitor_id: u32,
    /// At most 20 characters; `None` (or blank, in old data) is a guest.
    pub member_id: Option<Arc<str>>,
    /// The copy made at check-in, at most 255 characters.
    pub member_name: Arc<str>,
    /// The copy made at check-in, at most 100 characters.
    pub institution: Option<Arc<str>>,
    /// At most 5 characters.
    pub room_code: Option<Arc<str>>,
    /// Wall time in the library's zone.
    pub checkin_date: WallTime,
}

/// One row of `loan`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loan {
    /// The primary key.
    pub loan_id: u32,
    /// At most 20 characters.
    pub item_code: Option<Arc<str>>,
    /// At most 20 characters.
    pub member_id: Option<Arc<str>>,
    /// The day it was lent.
    pub loan_date: WallDate,
    /// The day it is due, renewals included.
    pub due_date: WallDate,
    /// The number of renewals.
    pub renewed: u8,
    /// False only in dirty data.
    pub is_lent: bool,
    /// Whether it was returned.
    pub is_return: bool,
    /// May be set although `is_return` is false: a renewal leaves it.
    pub return_date: Option<WallDate>,
}

impl Loan {
    /// Whether the copy is out.
    pub fn is_open(&self) -> bool {
        self.is_lent && !self.is_return
    }
}

/// One row of `item`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The primary key.
    pub item_id: u32,
    /// The title that it is a copy of.
    pub biblio_id: Option<u32>,
    /// At most 20 characters, unique under the collation.
    pub item_code: Option<Arc<str>>,
    /// When the row was written; an import overwrites it.
    pub input_date: Option<WallTime>,
}

/// One row of `biblio`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Biblio {
    /// The primary key.
    pub biblio_id: u32,
    /// Any length.
    pub title: Arc<str>,
    /// Hidden from the public catalogue.
    pub opac_hide: bool,
    /// At most 40 characters, such as `658.4`, `2X4` or `REF`.
    pub classification: Option<Arc<str>>,
    /// When the title was entered.
    pub input_date: Option<WallTime>,
}

/// One row of `member`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The primary key, at most 20 characters, unique under the collation.
    pub member_id: Arc<str>,
    /// At most 100 characters.
    pub member_name: Arc<str>,
    /// At most 100 characters.
    pub inst_name: Option<Arc<str>>,
    /// The type of member, which may be deleted.
    pub member_type_id: Option<u32>,
    /// The last day of the membership.
    pub expire_date: WallDate,
    /// The first day of the membership, typed by the staff.
    pub member_since_date: Option<WallDate>,
    /// The day on which the row was written.
    pub input_date: Option<WallDate>,
    /// Whether the member may not borrow yet, or no longer.
    pub is_pending: bool,
}

/// One row of `mst_member_type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberType {
    /// The primary key.
    pub member_type_id: u32,
    /// At most 50 characters, unique under the collation.
    pub member_type_name: Arc<str>,
}

/// One row of `mst_visitor_room`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The primary key.
    pub id: u32,
    /// At most 50 characters.
    pub name: Arc<str>,
    /// At most 5 characters, unique under the collation; visits name it in `room_code`.
    pub unique_code: Arc<str>,
}

/// One row of `loan_history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The primary key: the loan's.
    pub loan_id: u32,
    /// The copy's code when it was lent.
    pub item_code: Option<Arc<str>>,
    /// The title's id when it was lent.
    pub biblio_id: u32,
    /// The title when it was lent, at most 300 characters.
    pub title: Option<Arc<str>>,
    /// The borrower's id when it was lent.
    pub member_id: Option<Arc<str>>,
    /// The borrower's name when it was lent, at most 100 characters.
    pub member_name: Option<Arc<str>>,
    /// The day it was lent.
    pub loan_date: WallDate,
}

/// All rows of one library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// `visitor_count`, by `visitor_id`.
    pub visits: Vec<Visit>,
    /// `loan`, by `loan_id`.
    pub loans: Vec<Loan>,
    /// `item`, by `item_id`.
    pub items: Vec<Item>,
    /// `biblio`, by `biblio_id`.
    pub biblios: Vec<Biblio>,
    /// `member`.
    pub members: Vec<Member>,
    /// `mst_member_type`; `None` is a database without this table.
    pub member_types: Option<Vec<MemberType>>,
    /// `mst_visitor_room`, by `id`; `None` is a database without this table.
    pub rooms: Option<Vec<Room>>,
    /// `loan_history`, by `loan_id`.
    pub histories: Vec<History>,
}

impl Library {
    /// A library on its first day: all tables, no rows.
    pub fn empty() -> Self {
        Self {
            visits: Vec::new(),
            loans: Vec::new(),
            items: Vec::new(),
            biblios: Vec::new(),
            members: Vec::new(),
            member_types: Some(Vec::new()),
            rooms: Some(Vec::new()),
            histories: Vec::new(),
        }
    }

    /// Returns the oldest open loans on the day that they are due, until `count` are open. Of ten million generated
    /// loans, more than a million are open; a library has a few tens of thousands.
    pub fn leave_open(&mut self, count: usize) {
        let mut open: Vec<&mut Loan> = self.loans.iter_mut().filter(|it| it.is_open()).collect();
        let returned = open.len().saturating_sub(count);
        for loan in open.iter_mut().take(returned) {
            loan.is_return = true;
            loan.return_date = Some(loan.due_date);
        }
    }

    /// Removes all visits and loans of one month, so that its rankings are empty.
    pub fn clear_month(&mut self, year: u16, month: u8) {
        self.visits.retain(|visit| {
            (visit.checkin_date.date.year, visit.checkin_date.date.month) != (year, month)
        });
        self.loans
            .retain(|loan| (loan.loan_date.year, loan.loan_date.month) != (year, month));
        self.histories
            .retain(|row| (row.loan_date.year, row.loan_date.month) != (year, month));
    }

    /// A `visitor_id` above all existing ones.
    pub fn next_visitor_id(&self) -> u32 {
        self.visits
            .iter()
            .map(|visit| visit.visitor_id)
            .max()
            .unwrap_or(0)
            + 1
    }

    /// A `loan_id` above all existing ones.
    pub fn next_loan_id(&self) -> u32 {
        self.loans
            .iter()
            .map(|loan| loan.loan_id)
            .max()
            .unwrap_or(0)
            + 1
    }
}
