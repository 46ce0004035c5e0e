//! One table, filled by one `LOAD DATA`, whose lines are written by a thread while the server reads those before. One
//! statement into an empty table, with the checks off, is what both engines build their indexes for by sorting.

use crate::library::progress::Progress;
use crate::library::tsv::Tsv;
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts};
use std::io;
use tokio::sync::mpsc;

/// What is sent at once: larger pieces gain nothing.
const PIECE: usize = 256 << 10;
/// How many pieces wait for the server; the writing thread is held up beyond that.
const AHEAD: usize = 8;
/// Zero dates are refused by every mode but the empty one.
const SESSION: &str = "SET SESSION sql_mode = '', unique_checks = 0, foreign_key_checks = 0";

/// Puts all rows in that `batches` hands on.
///
/// # Errors
/// What the server says, or that it has not taken every row.
pub async fn fill<R: Tsv>(
    opts: Opts,
    progress: &Progress,
    batches: impl FnOnce(&mut dyn FnMut(&R)) + Send + 'static,
) -> Result<()> {
    let table = R::TABLE;
    let (sender, receiver) = mpsc::channel::<Bytes>(AHEAD);
    let count = progress.begin(table);
    let writer = tokio::task::spawn_blocking(move || {
        let (mut piece, mut rows) = (Vec::with_capacity(PIECE + PIECE / 8), 0);
        batches(&mut |row: &R| {
            row.write(&mut piece);
            rows += 1;
            if piece.len() >= PIECE {
                let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE + PIECE / 8));
                // A server that takes no more says why itself.
                sender.blocking_send(full.into()).ok();
                count.set(rows);
            }
        });
        sender.blocking_send(piece.into()).ok();
        count.set(rows);
        rows
    });
    let lines = unfold(receiver, async |mut receiver: mpsc::Receiver<Bytes>| {
        let piece = receiver.recv().await?;
        Some((Ok::<_, io::Error>(piece), receiver))
    });
    let mut conn = Conn::new(opts).await.context("connecting to load")?;
    conn.query_drop(SESSION)
        .await
        .context("preparing a session for a load")?;
    conn.set_infile_handler(async move { Ok(lines.boxed()) });
    let sql = format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE `{table}` CHARACTER SET utf8mb4 ({})",
        R::COLUMNS
    );
    conn.query_drop(sql)
        .await
        .with_context(|| format!("filling {table}"))?;
    let taken = conn.affected_rows();
    let rows = writer.await.context("writing rows")?;
    // With LOCAL a row that does not fit is left out with a warning.
    ensure!(taken == rows, "{table} took {taken} of {rows} rows");
    progress.end(table);
    conn.disconnect().await.context("ending a load")
}
