//! Random histories of a library: rows are inserted, deleted, edited, dated back and renamed while the figures are
//! computed. After the last change the figures equal the brute-force answer.
//!
//! `HISTORIES=1000 cargo test -p worker histories` runs 1,000 histories instead of 3.

use crate::fixture::{Fixture, TINY_CHUNKS};
use chrono::{Days, NaiveDate};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use testkit::desk;
use testkit::library::{History, Item, Library, Loan, Visit};
use testkit::oracle::Names;
use testkit::schema::{Engine, Shape};
use testkit::wall_clock::{WallDate, WallTime};

const DEFAULT_COUNT: u32 = 3;
/// How many histories one library goes through. After them, few of its first members are left.
const HISTORIES_PER_LIBRARY: usize = 50;
/// The number of changes in one history.
const CHANGES: u32 = 25;

/// A library in the database, and its copy in memory.
struct Twin {
    library: Library,
    conn: Conn,
    rng: StdRng,
    today: NaiveDate,
}

#[expect(clippy::print_stdout, reason = "shows the history of a failure")]
async fn histories(shape: Shape) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the number of tests is no configuration of a process"
    )]
    let count = std::env::var("HISTORIES").map_or(DEFAULT_COUNT, |count| count.parse().unwrap());
    for first in (0..count).step_by(HISTORIES_PER_LIBRARY) {
        let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", shape).await;
        let mut twin = Twin {
            library: (*fixture.library).clone(),
            conn: fixture.conn().await,
            rng: StdRng::seed_from_u64(0),
            today: fixture.day(),
        };
        for history in (first..count).take(HISTORIES_PER_LIBRARY) {
            twin.rng = StdRng::seed_from_u64(history.into());
            fixture.scan = (history % 4 == 0).then_some(TINY_CHUNKS);
            let (changes, refreshed) = tokio::join!(twin.change(), fixture.refresh());
            println!("history {history} of {shape:?}: {}", changes.join("; "));
            refreshed.unwrap();
            fixture.refresh().await.unwrap();
            fixture.library = Arc::new(twin.library.clone());
            fixture.assert_all(Names::Full).await;
        }
    }
}

#[tokio::test]
async fn on_myisam() {
    histories(Shape::default()).await;
}

#[tokio::test]
async fn on_innodb() {
    histories(Shape {
        engine: Engine::InnoDb,
        ..Shape::default()
    })
    .await;
}

#[tokio::test]
async fn with_date_indexes() {
    histories(Shape {
        engine: Engine::InnoDb,
        date_index: true,
        ..Shape::default()
    })
    .await;
}

impl Twin {
    /// Makes random changes in the database and in memory, and returns the statements.
    async fn change(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        for _ in 0..CHANGES {
            let statements = match self.rng.random_range(0..26) {
                0..4 => self.check_in(),
                4 => self.forget_visit(),
                5 => self.redate_visit(),
                6..9 => self.lend(),
                9.. if self.library.loans.len() < 100 => self.lend(),
                9 => self.forget_loan(),
                10 => self.correct_loan(),
                11 => self.rename_member(),
                12 => self.leave(),
                13 => self.discard_copy(),
                14 => self.change_title(),
                15 => self.purge(),
                16 => desk::lend(&mut self.library, self.today, &mut self.rng),
                17 => desk::extend(&mut self.library, self.today, &mut self.rng),
                18 => desk::take_back(&mut self.library, self.today, &mut self.rng),
                19 => desk::delete_loan(&mut self.library, &mut self.rng),
                20 => desk::change_type(&mut self.library, &mut self.rng),
                21 => desk::edit_types(&mut self.library, &mut self.rng),
                22 => desk::change_institution(&mut self.library, &mut self.rng),
                23 => desk::change_membership(&mut self.library, self.today, &mut self.rng),
                24 => desk::reclassify(&mut self.library, &mut self.rng),
                _ => desk::edit_rooms(&mut self.library, &mut self.rng),
            };
            for statement in statements {
                let result = self.conn.query_drop(&statement).await;
                result.unwrap_or_else(|error| panic!("{statement}: {error}"));
                done.push(statement);
            }
        }
        done
    }

    /// A random index below `count`.
    fn any(&mut self, count: usize) -> usize {
        self.rng.random_range(0..count)
    }

    /// A random date: mostly recent, sometimes years ago or ahead, now and then a zero date.
    fn date(&mut self) -> WallDate {
        let days = Days::new(self.rng.random_range(0..200));
        match self.rng.random_range(0..12) {
            0 => WallDate::default(),
            1 => WallDate::new(2025, 9, 0),
            2 => (self.today + days).into(),
            3 => (self.today - Days::new(365 * 3) - days).into(),
            _ => (self.today - days).into(),
        }
    }

    fn time(&mut self) -> WallTime {
        let date = self.date();
        date.at(self.rng.random_range(0..24), 59, 59)
    }

    /// A random member's id: mostly as stored, sometimes in another spelling, sometimes unknown.
    fn member_id(&mut self) -> Option<Arc<str>> {
        let member = self.any(self.library.members.len());
        let id = self.library.members[member].member_id.clone();
        match self.rng.random_range(0..10) {
            0 => None,
            1 => Some(format!("{} ", id.to_lowercase().trim_end()).into()),
            2 => Some("NOBODY-1".into()),
            _ => Some(id),
        }
    }

    fn check_in(&mut self) -> Vec<String> {
        let ids = &self.library.visits;
        // The next id, or one that is free again.
        let next = self.library.next_visitor_id();
        let free = (1..next).find(|id| ids.binary_search_by_key(id, |row| row.visitor_id).is_err());
        let id = free.filter(|_| self.rng.random_bool(0.3)).unwrap_or(next);
        let visit = Visit {
            visitor_id: id,
            member_id: self.member_id(),
            member_name: format!("Tamu {id}").into(),
            institution: None,
            room_code: None,
            checkin_date: self.time(),
        };
        let sql = format!(
            "INSERT INTO visitor_count (visitor_id, member_id, member_name, checkin_date) \
             VALUES ({id}, {}, 'Tamu {id}', '{}')",
            text(visit.member_id.as_deref()),
            visit.checkin_date
        );
        let at = self
            .library
            .visits
            .partition_point(|row| row.visitor_id < id);
        self.library.visits.insert(at, visit);
        vec![sql]
    }

    fn forget_visit(&mut self) -> Vec<String> {
        let at = self.any(self.library.visits.len());
        let id = self.library.visits.remove(at).visitor_id;
        vec![format!("DELETE FROM visitor_count WHERE visitor_id = {id}")]
    }

    fn redate_visit(&mut self) -> Vec<String> {
        let (at, time) = (self.any(self.library.visits.len()), self.time());
        let visit = &mut self.library.visits[at];
        visit.checkin_date = time;
        let id = visit.visitor_id;
        vec![format!(
            "UPDATE visitor_count SET checkin_date = '{time}' WHERE visitor_id = {id}"
        )]
    }

    fn lend(&mut self) -> Vec<String> {
        let id = self.library.next_loan_id();
        let item = self.any(self.library.items.len());
        let code = self.library.items[item].item_code.clone();
        let code = match self.rng.random_range(0..8) {
            0 => code.map(|code| format!("{} ", code.to_lowercase()).into()),
            1 => Some(format!("LOST{}", self.any(5)).into()),
            _ => code,
        };
        let (member_id, date) = (self.member_id(), self.date());
        let lent = self.rng.random_bool(0.9);
        let mut statements = vec![format!(
            "INSERT INTO loan (loan_id, item_code, member_id, loan_date, due_date, is_lent) \
             VALUES ({id}, {}, {}, '{date}', '{date}', {})",
            text(code.as_deref()),
            text(member_id.as_deref()),
            u8::from(lent)
        )];
        if self.rng.random_bool(0.8) {
            let biblio_id = u32::try_from(900_000 + self.any(4)).unwrap();
            let title = format!("Judul {id}");
            statements.push(format!(
                "INSERT INTO loan_history (loan_id, item_code, biblio_id, title, member_id, member_name, loan_date, due_date) \
                 VALUES ({id}, {}, {biblio_id}, '{title}', {}, 'Nama {id}', '{date}', '{date}')",
                text(code.as_deref()),
                text(member_id.as_deref()),
            ));
            self.library.histories.push(History {
                loan_id: id,
                item_code: code.clone(),
                biblio_id,
                title: Some(title.into()),
                member_id: member_id.clone(),
                member_name: Some(format!("Nama {id}").into()),
                loan_date: date,
            });
        }
        self.library.loans.push(Loan {
            loan_id: id,
            item_code: code,
            member_id,
            loan_date: date,
            due_date: date,
            renewed: 0,
            is_lent: lent,
            is_return: false,
            return_date: None,
        });
        statements
    }

    fn forget_loan(&mut self) -> Vec<String> {
        let at = self.any(self.library.loans.len());
        let id = self.library.loans.remove(at).loan_id;
        self.library.histories.retain(|row| row.loan_id != id);
        ["loan", "loan_history"]
            .map(|table| format!("DELETE FROM {table} WHERE loan_id = {id}"))
            .into()
    }

    fn correct_loan(&mut self) -> Vec<String> {
        let (at, date) = (self.any(self.library.loans.len()), self.date());
        let loan = &mut self.library.loans[at];
        loan.loan_date = date;
        loan.is_lent = !loan.is_lent || date.day % 2 == 0;
        vec![format!(
            "UPDATE loan SET loan_date = '{date}', is_lent = {} WHERE loan_id = {}",
            u8::from(loan.is_lent),
            loan.loan_id
        )]
    }

    /// The visits and loans keep the old id, as when only the membership card was changed.
    fn rename_member(&mut self) -> Vec<String> {
        let at = self.any(self.library.members.len());
        let new: Arc<str> = format!("R{}", self.rng.random_range(0..u32::MAX)).into();
        let member = &mut self.library.members[at];
        let old = std::mem::replace(&mut member.member_id, new.clone());
        member.member_name = format!("Baru {new}").into();
        vec![format!(
            "UPDATE member SET member_id = '{new}', member_name = 'Baru {new}' WHERE member_id = {}",
            text(Some(&old))
        )]
    }

    fn leave(&mut self) -> Vec<String> {
        if self.library.members.len() < 20 {
            return Vec::new();
        }
        let at = self.any(self.library.members.len());
        let id = self.library.members.remove(at).member_id;
        vec![format!(
            "DELETE FROM member WHERE member_id = {}",
            text(Some(&id))
        )]
    }

    fn discard_copy(&mut self) -> Vec<String> {
        if self.library.items.len() < 20 {
            return Vec::new();
        }
        let at = self.any(self.library.items.len());
        let Item { item_id, .. } = self.library.items.remove(at);
        vec![format!("DELETE FROM item WHERE item_id = {item_id}")]
    }

    fn change_title(&mut self) -> Vec<String> {
        if self.library.biblios.len() < 20 {
            return Vec::new();
        }
        let at = self.any(self.library.biblios.len());
        let id = self.library.biblios[at].biblio_id;
        if self.rng.random_bool(0.3) {
            self.library.biblios.remove(at);
            return vec![format!("DELETE FROM biblio WHERE biblio_id = {id}")];
        }
        let biblio = &mut self.library.biblios[at];
        biblio.title = format!("Judul baru {id}").into();
        biblio.opac_hide = !biblio.opac_hide;
        vec![format!(
            "UPDATE biblio SET title = 'Judul baru {id}', opac_hide = {} WHERE biblio_id = {id}",
            u8::from(biblio.opac_hide)
        )]
    }

    /// Deletes a copy with its loans and their history, as a stock-take does.
    fn purge(&mut self) -> Vec<String> {
        if self.library.items.len() < 20 {
            return Vec::new();
        }
        let at = self.any(self.library.loans.len());
        let Some(code) = self.library.loans[at].item_code.clone() else {
            return Vec::new();
        };
        let is_code = |other: &Option<Arc<str>>| other.as_ref() == Some(&code);
        let gone: Vec<u32> = self
            .library
            .loans
            .iter()
            .filter(|loan| is_code(&loan.item_code))
            .map(|loan| loan.loan_id)
            .collect();
        self.library.loans.retain(|loan| !is_code(&loan.item_code));
        self.library
            .histories
            .retain(|row| !gone.contains(&row.loan_id));
        self.library.items.retain(|item| !is_code(&item.item_code));
        let ids: Vec<String> = gone.iter().map(ToString::to_string).collect();
        let ids = ids.join(", ");
        vec![
            format!("DELETE FROM loan WHERE loan_id IN ({ids})"),
            format!("DELETE FROM loan_history WHERE loan_id IN ({ids})"),
            format!(
                "DELETE FROM item WHERE BINARY item_code = {}",
                text(Some(&code))
            ),
        ]
    }
}

fn text(value: Option<&str>) -> String {
    value.map_or("NULL".to_owned(), |value| {
        format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
    })
}
