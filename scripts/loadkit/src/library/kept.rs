//! A library in a private MariaDB whose data outlive the run. Its history ends with yesterday, as it does when the daily
//! figures are made; one that is found with an older end is given the days that it lacks, as a real one gets them.

use crate::library::build;
use crate::library::marker::{Marker, remove};
use crate::library::room;
use crate::library::size::Size;
use anyhow::{Context as _, Result};
use chrono::NaiveDate;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use testkit::mariadb::MariaDb;
use testkit::schema::Engine;

/// The database within the server.
pub const DATABASE: &str = "slims";
/// The account of the worker: it may read, and nothing else.
pub const READER: (&str, &str) = ("dashboard", "read-only");

/// A running library.
#[derive(Debug)]
pub struct Kept {
    /// The server.
    pub maria: MariaDb,
    /// Of every table.
    pub engine: Engine,
    /// How long it took to build; `None` when it was found.
    pub built_in: Option<Duration>,
    /// The last visit of the history.
    pub last_visit: u32,
    /// The last loan.
    pub last_loan: u32,
    folder: PathBuf,
}

impl Kept {
    /// Starts the library of `folder`; builds it where there is none, or another one.
    ///
    /// # Errors
    /// No room on the disk, no server, or what the server says.
    pub async fn open(folder: &Path, size: Size, engine: Engine, until: NaiveDate) -> Result<Self> {
        std::fs::create_dir_all(folder).context("making a folder for a library")?;
        let folder = folder.canonicalize().context("finding a library")?;
        let found = Marker::read(&folder).filter(|found| found.fits(&size, engine, until));
        if found.is_none() {
            remove(&folder)?;
            room::on_disk(&folder, &size)?;
        }
        let options = room::in_memory(&size, engine, folder.join("data"))?;
        let (began, is_new) = (Instant::now(), found.is_none());
        let mut marker = found.unwrap_or_else(|| Marker::new(&size, engine, until));
        let mut library = Self {
            maria: MariaDb::start(&options).await?,
            engine,
            built_in: None,
            last_visit: marker.visits().greatest_id(marker.until),
            last_loan: marker.loans().greatest_id(marker.until),
            folder,
        };
        if is_new {
            library.maria.create_database(DATABASE).await?;
            build::make_tables(&mut library.conn().await?, engine).await?;
            build::fill_all(library.opts(), size, &marker).await?;
            library.analyze().await?;
            library.built_in = Some(began.elapsed());
        } else {
            library.forget_later().await?;
            build::grow(library.opts(), size, &marker, until).await?;
            marker.until = until;
            library.last_visit = marker.visits().greatest_id(until);
            library.last_loan = marker.loans().greatest_id(until);
        }
        let (user, password) = READER;
        library.maria.grant_select(user, password, DATABASE).await?;
        library.calm().await?;
        marker.write(&library.folder)?;
        Ok(library)
    }

    /// Root's connection.
    ///
    /// # Errors
    /// As the server says.
    pub async fn conn(&self) -> Result<Conn> {
        let conn = Conn::new(self.opts()).await;
        conn.context("connecting to the private MariaDB")
    }

    /// The same, not yet opened.
    pub fn opts(&self) -> Opts {
        self.maria.opts(Some(DATABASE))
    }

    /// Runs a statement as root, zero dates allowed.
    ///
    /// # Errors
    /// As the server says.
    pub async fn run(&self, sql: &str) -> Result<()> {
        let mut conn = self.conn().await?;
        let mode = conn.query_drop("SET SESSION sql_mode = ''").await;
        mode.context("preparing a session")?;
        let ran = conn.query_drop(sql).await;
        ran.with_context(|| format!("running {sql:.200}"))?;
        conn.disconnect().await.context("leaving the database")
    }

    /// One number that the server gives; 0 when it gives none.
    ///
    /// # Errors
    /// As the server says.
    pub async fn number(&self, sql: &str) -> Result<u64> {
        let mut conn = self.conn().await?;
        let number: Option<Option<u64>> = conn
            .query_first(sql)
            .await
            .with_context(|| format!("asking {sql:.200}"))?;
        conn.disconnect().await.context("leaving the database")?;
        Ok(number.flatten().unwrap_or(0))
    }

    /// Ends the server in good order; removes the data unless `keep`.
    ///
    /// # Errors
    /// When it does not end, or its data stay.
    pub async fn close(self, keep: bool) -> Result<()> {
        self.maria.stop().await?;
        if keep {
            return Ok(());
        }
        remove(&self.folder)
    }
}
