//! Inserts visits into `visitor_count` at random moments, as the check-in page of SLiMS does.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::NaiveDateTime;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Value};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp};
use testkit::library::Member;
use testkit::wall::WallTime;

/// One check-in in two seconds.
const PER_SECOND: f64 = 0.5;

/// One visitor in ten is a guest.
const GUESTS: f64 = 0.1;

/// The check-in desk: the members, and the random numbers.
#[derive(Debug)]
pub(crate) struct Desk {
    members: Vec<Member>,
    rng: ChaCha8Rng,
}

impl Desk {
    pub(crate) fn new(members: Vec<Member>, seed: u64) -> Self {
        Self {
            members,
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// How long until the next visitor: exponential, as independent people come.
    pub(crate) fn gap(&mut self) -> Duration {
        let gaps = Exp::new(PER_SECOND).expect("the rate is positive");
        Duration::from_secs_f64(gaps.sample(&mut self.rng))
    }

    /// Inserts a visit at `at`, the library's wall time, and returns the visitor's name.
    pub(crate) async fn check_in(&mut self, conn: &mut Conn, at: NaiveDateTime) -> Result<String> {
        let at = WallTime::from(at).to_string();
        let guest = self.members.is_empty() || self.rng.random_bool(GUESTS);
        let (id, name, institution) = if guest {
            (Value::NULL, "Tamu".to_owned(), Some("Umum".to_owned()))
        } else {
            let member = &self.members[self.rng.random_range(0..self.members.len())];
            let institution = member.inst_name.as_deref().map(str::to_owned);
            (
                Value::from(&*member.member_id),
                member.member_name.to_string(),
                institution,
            )
        };
        let sql = "INSERT INTO visitor_count (member_id, member_name, institution, room_code, checkin_date) \
                   VALUES (?, ?, ?, 'R01', ?)";
        conn.exec_drop(sql, (id, &name, institution, at))
            .await
            .context("writing a check-in")?;
        Ok(name)
    }
}
