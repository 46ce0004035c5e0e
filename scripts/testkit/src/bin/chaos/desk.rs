//! The loan desk: lends, extends, takes back and deletes, and the circulation that is right afterwards.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{NaiveDate, TimeDelta};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::deployment::{DATABASE, Servers};
use crate::report::Report;
use crate::visits::now;

/// The time between two events at the desk.
const INTERVAL: Duration = Duration::from_millis(500);
const OPEN: &str = "is_lent = 1 AND is_return = 0";

/// Works for ever. A statement that fails is given up, as a librarian does. It may have been executed nevertheless.
pub(crate) async fn work(servers: &Servers, seed: u64, report: &Report) -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    loop {
        let Ok(mut conn) = servers.connect_to_write("loan").await else {
            sleep(INTERVAL).await;
            continue;
        };
        while conn.query_drop(event(servers, &mut random)).await.is_ok() {
            report.count("events at the desk");
            sleep(INTERVAL).await;
        }
    }
}

/// The SQL of a random event. The copies that it lends are due yesterday, today or soon, so that each number changes.
fn event(servers: &Servers, random: &mut ChaCha8Rng) -> String {
    let today = today(servers);
    let due = today + TimeDelta::days(random.random_range(-1..=2));
    let one = format!("WHERE {OPEN} ORDER BY RAND() LIMIT 1");
    match random.random_range(0..10) {
        0..5 => format!(
            "INSERT INTO loan (item_code, member_id, loan_date, due_date, is_lent) SELECT item_code, \
             (SELECT member_id FROM member ORDER BY RAND() LIMIT 1), '{today}', '{due}', 1 FROM item \
             ORDER BY RAND() LIMIT 1"
        ),
        5..7 => format!("UPDATE loan SET is_return = 1, return_date = '{today}' {one}"),
        7..9 => format!("UPDATE loan SET renewed = renewed + 1, due_date = '{due}' {one}"),
        _ => format!("DELETE FROM loan {one}"),
    }
}

/// What `/api/books/circulation` must serve now, counted by the server in one statement.
pub(crate) async fn circulation(servers: &Servers) -> Result<Value> {
    let today = today(servers);
    let sql = format!(
        "SELECT COUNT(IF({OPEN}, 1, NULL)), COUNT(IF({OPEN} AND due_date < '{today}', 1, NULL)), \
         COUNT(IF({OPEN} AND due_date = '{today}', 1, NULL)), \
         COUNT(IF(is_lent = 1 AND loan_date = '{today}', 1, NULL)), \
         COUNT(IF(is_lent = 1 AND is_return = 1 AND return_date = '{today}', 1, NULL)) FROM loan"
    );
    let mut conn = Conn::new(servers.mariadb.opts(Some(DATABASE))).await?;
    let row: Option<(u64, u64, u64, u64, u64)> = conn.query_first(sql).await?;
    conn.disconnect().await?;
    let (on_loan, overdue, due_today, lent_today, returned_today) = row.context("no row")?;
    Ok(json!({
        "on_loan": on_loan,
        "overdue": overdue,
        "due_today": due_today,
        "lent_today": lent_today,
        "returned_today": returned_today,
    }))
}

fn today(servers: &Servers) -> NaiveDate {
    now().with_timezone(&servers.zone).date_naive()
}
