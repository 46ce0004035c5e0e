//! What is told while a library is built: rows in, rows a second, what remains.

#![allow(clippy::print_stdout, reason = "it talks to whoever waits")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From one line to the next.
const PERIOD: Duration = Duration::from_secs(5);

/// The tables of one building.
#[derive(Debug)]
pub struct Progress {
    tables: Mutex<BTreeMap<&'static str, Table>>,
}

#[derive(Debug)]
struct Table {
    rows: Arc<AtomicU64>,
    all: u64,
    began: Option<Instant>,
    done: bool,
}

/// How many rows of a table have been sent.
#[derive(Debug)]
pub struct Count(Arc<AtomicU64>);

impl Count {
    /// So many by now.
    pub fn set(&self, rows: u64) {
        self.0.store(rows, Ordering::Relaxed);
    }
}

impl Progress {
    /// Of tables that are to have so many rows.
    pub fn of(tables: &[(&'static str, u64)]) -> Self {
        let table = |all: u64| Table {
            rows: Arc::default(),
            all,
            began: None,
            done: false,
        };
        let tables = tables.iter().map(|(name, all)| (*name, table(*all)));
        Self {
            tables: Mutex::new(tables.collect()),
        }
    }

    /// A table is being filled from now on.
    pub fn begin(&self, name: &'static str) -> Count {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(table) = tables.get_mut(name) else {
            return Count(Arc::default());
        };
        table.began = Some(Instant::now());
        Count(table.rows.clone())
    }

    /// A table is full, its keys made.
    pub fn end(&self, name: &'static str) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = tables.get_mut(name) {
            table.done = true;
            let seconds = table.began.map_or(0.0, |at| at.elapsed().as_secs_f64());
            println!(
                "  {name}: {} rows are in ({seconds:.1} s)",
                thousands(table.all)
            );
        }
    }

    /// Says how far it is, now and then, for ever.
    pub async fn tell(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(PERIOD).await;
            let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
            let under_way = tables
                .iter()
                .filter(|(_, table)| table.began.is_some() && !table.done);
            for (name, table) in under_way {
                println!("  {name}: {}", table.say());
            }
        }
    }
}

impl Table {
    fn say(&self) -> String {
        let rows = self.rows.load(Ordering::Relaxed);
        if rows >= self.all {
            let all = thousands(self.all);
            return format!("all {all} rows are sent, the server makes its keys");
        }
        // Over all of it: a server stops to sort now and then.
        let millis = self.began.map_or(0, |began| began.elapsed().as_millis());
        let rate = rows * 1000 / u64::try_from(millis).unwrap_or(u64::MAX).max(1);
        let left = (self.all - rows) / rate.max(1);
        format!(
            "{} of {} rows, {} rows/s, {left} s to go",
            thousands(rows),
            thousands(self.all),
            thousands(rate),
        )
    }
}

/// `1,234,567`
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown = [0, 999, 1_000, 1_234_567].map(thousands);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }
}
