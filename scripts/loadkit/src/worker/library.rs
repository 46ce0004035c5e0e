//! A generated library in a database of its own.

use anyhow::{Context as _, Result};
use chrono::NaiveDateTime;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts};
use shared::time::Clock;
use std::sync::Arc;
use testkit::library::Library as Rows;
use testkit::load::load;
use testkit::mariadb::MariaDb;
use testkit::schema::{Engine, Shape};

/// The password of the worker's account, which may only read.
pub(crate) const PASSWORD: &str = "a long password";

/// A library that is loaded.
pub(crate) struct Library {
    /// The name of its database, and of the worker's account. It is the name of the engine.
    pub(crate) database: String,
    /// The engine of every table.
    pub(crate) engine: Engine,
    /// The number of visits.
    pub(crate) visits: usize,
    last_visit: u32,
    root: Opts,
}

impl Library {
    /// Creates the database, and loads it without indexes on dates.
    pub(crate) async fn load(maria: &MariaDb, engine: Engine, rows: &Arc<Rows>) -> Result<Self> {
        let database = engine.to_string().to_lowercase();
        let shape = Shape {
            engine,
            ..Shape::default()
        };
        load(maria.opts(None), &database, rows, &shape, |_, _, _| ()).await?;
        maria.grant_select(&database, PASSWORD, &database).await?;
        Ok(Self {
            root: maria.opts(Some(&database)),
            database,
            engine,
            visits: rows.visits.len(),
            last_visit: rows.next_visitor_id() - 1,
        })
    }

    /// Opens a connection as root.
    pub(crate) async fn connect(&self) -> Result<Conn> {
        let conn = Conn::new(self.root.clone()).await;
        let mut conn = conn.context("connecting to the private MariaDB")?;
        // A strict mode refuses to build an index over the zero dates.
        let relaxed = conn.query_drop("SET SESSION sql_mode = ''").await;
        relaxed.context("setting the SQL mode")?;
        Ok(conn)
    }

    /// Executes a statement as root.
    pub(crate) async fn execute(&self, sql: &str) -> Result<()> {
        let mut conn = self.connect().await?;
        let executed = conn.query_drop(sql).await;
        executed.with_context(|| format!("executing {sql}"))?;
        conn.disconnect().await.context("disconnecting")
    }

    /// Adds or drops the indexes on `checkin_date` and `loan_date`.
    pub(crate) async fn set_date_indexes(&self, indexed: bool) -> Result<()> {
        for (table, column) in [("visitor_count", "checkin_date"), ("loan", "loan_date")] {
            let change = if indexed {
                format!("ADD KEY IF NOT EXISTS {column} ({column})")
            } else {
                format!("DROP KEY IF EXISTS {column}")
            };
            self.execute(&format!("ALTER TABLE {table} {change}"))
                .await?;
        }
        Ok(())
    }

    /// Deletes the visits that were added after loading.
    pub(crate) async fn delete_added_visits(&self) -> Result<()> {
        let last = self.last_visit;
        self.execute(&format!(
            "DELETE FROM visitor_count WHERE visitor_id > {last}"
        ))
        .await
    }
}

/// The present time in the library. Its time zone is UTC.
pub(crate) fn now() -> NaiveDateTime {
    Clock::system().now().utc().naive_utc()
}
