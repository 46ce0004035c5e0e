//! Loads a library into a database by large INSERTs, which one thread writes while the server executes earlier ones.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::sync::mpsc;

use crate::library::Library;
use crate::redaction;
use crate::schema::{Engine, Shape, tables};
use crate::sql::{Row, insert};

/// Statements of about this many bytes: larger ones gain nothing.
const STATEMENT: usize = 1 << 20;

/// How many statements wait for the server; the writing thread is held up beyond that.
const AHEAD: usize = 4;

/// One INSERT and how many rows of its table are in when it is done.
struct Batch {
    sql: String,
    rows: usize,
}

/// Creates the tables that `shape` and `library` have in `database` and fills them. The database is created if it does not exist, and its
/// old tables are dropped. After each statement, `progress` gets the table, its loaded rows and all its rows.
pub async fn load(
    opts: Opts,
    database: &str,
    library: &Arc<Library>,
    shape: &Shape,
    mut progress: impl FnMut(&'static str, usize, usize),
) -> Result<()> {
    redaction::protect(library);
    let mut conn = Conn::new(OptsBuilder::from_opts(opts).db_name(None::<&str>))
        .await
        .context("connecting to load")?;
    let create = format!(
        "CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci"
    );
    conn.query_drop(create)
        .await
        .with_context(|| format!("making the database {database}"))?;
    conn.query_drop(format!("USE `{database}`"))
        .await
        .with_context(|| format!("entering the database {database}"))?;
    // Zero dates are refused by every mode but the empty one.
    conn.query_drop("SET SESSION sql_mode = '', unique_checks = 0, foreign_key_checks = 0")
        .await
        .context("preparing the session for a load")?;
    for table in tables(&Shape::default()) {
        let name = table.name;
        let drop = format!("DROP TABLE IF EXISTS `{name}`");
        conn.query_drop(drop)
            .await
            .with_context(|| format!("dropping {name}"))?;
    }
    for table in tables(shape) {
        let name = table.name;
        let is_missing = match name {
            "mst_member_type" => library.member_types.is_none(),
            "mst_visitor_room" => library.rooms.is_none(),
            _ => false,
        };
        if is_missing {
            continue;
        }
        conn.query_drop(table.create(shape.engine))
            .await
            .with_context(|| format!("making the table {name}"))?;
        let total = rows(library, name);
        let (sender, mut batches) = mpsc::channel(AHEAD);
        let (source, shape) = (Arc::clone(library), *shape);
        let writer =
            tokio::task::spawn_blocking(move || write_table(&source, name, &shape, &sender));
        let lock = shape.engine != Engine::InnoDb;
        if lock {
            // With the lock held, MyISAM and Aria flush their key cache once and not after each statement.
            conn.query_drop(format!("LOCK TABLES `{name}` WRITE"))
                .await
                .with_context(|| format!("locking {name}"))?;
        }
        while let Some(Batch { sql, rows }) = batches.recv().await {
            conn.query_drop(sql)
                .await
                .with_context(|| format!("filling {name} up to row {rows}"))?;
            progress(name, rows, total);
        }
        writer.await.context("writing the statements of a load")?;
        if lock {
            conn.query_drop("UNLOCK TABLES")
                .await
                .with_context(|| format!("unlocking {name}"))?;
        }
        if let Some(keys) = table.add_keys() {
            conn.query_drop(keys)
                .await
                .with_context(|| format!("adding the keys of {name}"))?;
        }
    }
    conn.disconnect().await.context("ending a load")
}

/// How many rows a table will hold.
fn rows(library: &Library, table: &str) -> usize {
    match table {
        "visitor_count" => library.visits.len(),
        "loan" => library.loans.len(),
        "item" => library.items.len(),
        "biblio" => library.biblios.len(),
        "member" => library.members.len(),
        "mst_member_type" => library.member_types.as_ref().map_or(0, Vec::len),
        "mst_visitor_room" => library.rooms.as_ref().map_or(0, Vec::len),
        _ => library.histories.len(),
    }
}

/// Writes all INSERTs of one table.
fn write_table(
    library: &Library,
    table: &'static str,
    shape: &Shape,
    sender: &mpsc::Sender<Batch>,
) {
    match table {
        "visitor_count" => write_rows(table, &library.visits, shape, sender),
        "loan" => write_rows(table, &library.loans, shape, sender),
        "item" => write_rows(table, &library.items, shape, sender),
        "biblio" => write_rows(table, &library.biblios, shape, sender),
        "member" => write_rows(table, &library.members, shape, sender),
        "mst_member_type" => {
            let types = library.member_types.as_deref().unwrap_or_default();
            write_rows(table, types, shape, sender);
        }
        "mst_visitor_room" => {
            let rooms = library.rooms.as_deref().unwrap_or_default();
            write_rows(table, rooms, shape, sender);
        }
        _ => write_rows(table, &library.histories, shape, sender),
    }
}

/// Writes rows into statements of about a megabyte, until all are written or the receiver is gone.
fn write_rows<R: Row>(table: &str, rows: &[R], shape: &Shape, sender: &mpsc::Sender<Batch>) {
    let head = insert::<R>(table, shape);
    let mut sql = String::with_capacity(STATEMENT + STATEMENT / 8);
    for (at, row) in rows.iter().enumerate() {
        sql.push_str(if sql.is_empty() { &head } else { "," });
        row.write(shape, &mut sql);
        if sql.len() >= STATEMENT || at + 1 == rows.len() {
            let full =
                std::mem::replace(&mut sql, String::with_capacity(STATEMENT + STATEMENT / 8));
            if sender
                .blocking_send(Batch {
                    sql: full,
                    rows: at + 1,
                })
                .is_err()
            {
                return;
            }
        }
    }
}
