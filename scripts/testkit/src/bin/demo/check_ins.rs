//! Inserts visits into `visitor_count` at random moments, as the check-in page of SLiMS does, and lets visitors lend,
//! extend and return.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{NaiveDate, NaiveDateTime};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp};
use testkit::desk;
use testkit::library::Library;
use testkit::wall_clock::WallTime;

/// One check-in in two seconds.
const PER_SECOND: f64 = 0.5;
/// The share of guests among the visitors.
const GUESTS: f64 = 0.1;
/// The share of visitors who go to the desk.
const TO_THE_DESK: f64 = 0.6;

#[derive(Debug)]
pub(crate) struct CheckIns {
    library: Library,
    random: ChaCha8Rng,
}

impl CheckIns {
    pub(crate) fn new(library: Library, seed: u64) -> Self {
        Self {
            library,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// The time until the next visitor: exponentially distributed, since visitors are independent.
    pub(crate) fn interval(&mut self) -> Duration {
        let intervals = Exp::new(PER_SECOND).expect("the rate is positive");
        Duration::from_secs_f64(intervals.sample(&mut self.random))
    }

    /// Inserts a visit at `at`, the library's wall time.
    pub(crate) async fn insert(&mut self, conn: &mut Conn, at: NaiveDateTime) -> Result<()> {
        let guest = self.random.random_bool(GUESTS);
        let members = &self.library.members;
        let member = members.choose(&mut self.random).filter(|_| !guest);
        let (id, name, institution) = match member {
            Some(member) => (
                Some(&*member.member_id),
                &*member.member_name,
                member.inst_name.as_deref(),
            ),
            None => (None, "Tamu", Some("Umum")),
        };
        let sql = "INSERT INTO visitor_count (member_id, member_name, institution, room_code, checkin_date) \
                   VALUES (?, ?, ?, 'R01', ?)";
        let row = (id, name, institution, WallTime::from(at).to_string());
        let inserted = conn.exec_drop(sql, row).await;
        inserted.context("inserting a visit")?;
        if self.random.random_bool(TO_THE_DESK) {
            self.go_to_the_desk(conn, at.date()).await?;
        }
        Ok(())
    }

    /// Lends, takes back or extends at random.
    async fn go_to_the_desk(&mut self, conn: &mut Conn, today: NaiveDate) -> Result<()> {
        let (library, random) = (&mut self.library, &mut self.random);
        let statements = match random.random_range(0..10) {
            0..5 => desk::lend(library, today, random),
            5..8 => desk::take_back(library, today, random),
            _ => desk::extend(library, today, random),
        };
        for statement in statements {
            let executed = conn.query_drop(statement).await;
            executed.context("changing a loan")?;
        }
        Ok(())
    }
}
