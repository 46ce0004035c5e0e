//! Check-ins: INSERTs into `visitor_count` at a steady rate, and how long each of them waits.

use super::Setup;
use super::library::{self, Library};
use super::slow_log::DO_NOT_LOG;
use crate::report;
use crate::samples::Samples;
use anyhow::{Context as _, Result};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use std::pin::pin;
use std::time::{Duration, Instant};
use testkit::names;
use testkit::wall_clock::WallTime;
use tokio::time::{sleep, sleep_until};

/// Check-ins per second: far more than any library has.
const RATE: u32 = 50;
/// The members who check in, one after the other.
const MEMBERS: usize = 20_000;
const CHECK_IN: &str = "INSERT INTO visitor_count (member_id, member_name, institution, room_code, checkin_date) \
     VALUES (?, 'Pengunjung', 'Umum', 'R01', ?)";

/// Compares check-ins during daily passes with check-ins in a quiet time of the same length.
pub(super) async fn measure(setup: &Setup, library: &Library) -> Result<()> {
    let measured = compare(setup, library).await;
    library
        .execute("SET GLOBAL concurrent_insert = DEFAULT")
        .await?;
    library.delete_added_visits().await?;
    measured
}

async fn compare(setup: &Setup, library: &Library) -> Result<()> {
    // MyISAM appends rows beside readers only to a table without deleted rows. This makes every INSERT wait.
    library
        .execute("SET GLOBAL concurrent_insert = NEVER")
        .await?;
    let worker = setup.worker(library);
    worker.run_pass().await?;
    let began = Instant::now();
    let passes = async {
        let mut passes = 0;
        while began.elapsed() < setup.check_in_time {
            worker.run_pass().await?;
            passes += 1;
        }
        Ok(passes)
    };
    let (waits, passes) = check_in_during(library, RATE, passes).await?;
    let lasted = began.elapsed();
    let quiet = async {
        sleep(lasted).await;
        Ok(())
    };
    let (quiet, ()) = check_in_during(library, RATE, quiet).await?;
    for (name, percent) in [("p50", 50), ("p99", 99), ("longest", 100)] {
        let [waits, quiet] = [&waits, &quiet].map(|waits| waits.percentile(percent).into());
        let name = format!("wait of a check-in during a pass, {name}");
        report::print_comparison(&name, "ms", &waits, &[("a quiet time", &quiet)]);
    }
    let (count, seconds) = (waits.len(), lasted.as_secs_f64());
    report::print_note(&format!(
        "{count} check-ins in {seconds:.0} s, {passes} passes with the default pauses"
    ));
    Ok(())
}

/// Makes `rate` check-ins per second until `work` ends. Returns how long each waited, in milliseconds.
pub(super) async fn check_in_during<T>(
    library: &Library,
    rate: u32,
    work: impl Future<Output = Result<T>>,
) -> Result<(Samples, T)> {
    let mut waits = Samples::default();
    let mut conn = library.connect().await?;
    let prepared = conn.query_drop(DO_NOT_LOG).await;
    prepared.context("preparing the session for check-ins")?;
    let (mut work, mut due) = (pin!(work), Instant::now());
    for member in (0..MEMBERS).map(names::member_id).cycle() {
        due += Duration::from_secs(1) / rate;
        tokio::select! {
            result = &mut work => return Ok((waits, result?)),
            waited = check_in(&mut conn, &member, due) => waits.add_ms(waited?),
        }
    }
    unreachable!("the members come again and again")
}

/// Makes one check-in at `due`. If that is in the past because the one before had to wait, this one waits since `due`.
async fn check_in(conn: &mut Conn, member: &str, due: Instant) -> Result<Duration> {
    let mut began = due;
    if Instant::now() < due {
        sleep_until(due.into()).await;
        // Waking late is not a wait for the database.
        began = Instant::now();
    }
    insert(conn, member).await?;
    Ok(began.elapsed())
}

/// Makes one check-in now.
pub(crate) async fn insert(conn: &mut Conn, member: &str) -> Result<()> {
    let time = WallTime::from(library::now()).to_string();
    let inserted = conn.exec_drop(CHECK_IN, (member, time)).await;
    inserted.context("checking in")
}
