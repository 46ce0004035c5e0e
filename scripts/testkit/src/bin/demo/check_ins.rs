//! Inserts visits into `visitor_count` at random moments, as the check-in page of SLiMS does.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::NaiveDateTime;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp};
use testkit::library::Member;
use testkit::wall_clock::WallTime;

/// One check-in in two seconds.
const PER_SECOND: f64 = 0.5;
/// The share of guests among the visitors.
const GUESTS: f64 = 0.1;

#[derive(Debug)]
pub(crate) struct CheckIns {
    members: Vec<Member>,
    random: ChaCha8Rng,
}

impl CheckIns {
    pub(crate) fn new(members: Vec<Member>, seed: u64) -> Self {
        Self {
            members,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// The time until the next visitor: exponentially distributed, since visitors are independent.
    pub(crate) fn interval(&mut self) -> Duration {
        let intervals = Exp::new(PER_SECOND).expect("the rate is positive");
        Duration::from_secs_f64(intervals.sample(&mut self.random))
    }

    /// Inserts a visit at `at`, the library's wall time, and returns the visitor's name.
    pub(crate) async fn insert(&mut self, conn: &mut Conn, at: NaiveDateTime) -> Result<String> {
        let guest = self.random.random_bool(GUESTS);
        let member = self.members.choose(&mut self.random).filter(|_| !guest);
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
        Ok(name.to_owned())
    }
}
