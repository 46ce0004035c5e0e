//! Reads `biblio` (titles) and `item` (their copies).

use crate::mysql::connection::{Session, WHOLE_LIMIT};
use crate::mysql::row::RowDecoder;
use crate::mysql::scan::{ChunkedScan, ScanKey, ScanSettings};
use crate::mysql::schema::TableSchema;
use crate::mysql::throttle::Throttle;
use crate::mysql::{BATCH, marks, params};
use anyhow::Result;
use mysql_async::Params;
use shared::rows::Collection;
use std::collections::HashMap;

/// The key along which titles are walked.
pub const TITLES: ScanKey = ScanKey {
    table: "biblio",
    column: "biblio_id",
};
/// The key along which copies are walked.
pub const COPIES: ScanKey = ScanKey {
    table: "item",
    column: "item_id",
};

/// A title of the catalogue.
#[derive(Clone, Debug)]
pub struct Title {
    /// Its text, whole.
    pub text: Option<String>,
    /// Whether the catalogue hides it from the public.
    pub hidden: bool,
}

/// How many titles and copies there are.
///
/// # Errors
/// As the database says.
pub async fn collection(session: &mut Session) -> Result<Collection> {
    let sql = "SELECT (SELECT COUNT(*) FROM biblio), (SELECT COUNT(*) FROM item)";
    let counts = session.first("the size of the collection", sql, Params::Empty, |cells| {
        Ok(Collection {
            total_titles: cells.count(0)?,
            total_items: cells.count(1)?,
        })
    });
    Ok(counts.await?.unwrap_or(Collection {
        total_titles: 0,
        total_items: 0,
    }))
}

/// The ids of all titles, in chunks.
///
/// # Errors
/// As the database says.
pub async fn title_ids(
    session: &mut Session,
    reading: &ScanSettings,
    mut each: impl FnMut(i64) -> Result<()>,
) -> Result<()> {
    let plan = TableSchema::of(session, "biblio").await?;
    let columns = "biblio_id";
    let row = |cells: RowDecoder<'_>| each(cells.integer(0)?.unwrap_or(0));
    walk(session, reading, &plan, TITLES, columns, "titles", row).await
}

/// The code of each copy, empty where it has none, and the id of its title; in chunks.
///
/// # Errors
/// As the database says.
pub async fn copies(
    session: &mut Session,
    reading: &ScanSettings,
    mut each: impl FnMut(&[u8], Option<i64>) -> Result<()>,
) -> Result<()> {
    let plan = TableSchema::of(session, "item").await?;
    let columns = "CASE WHEN item_code <> '' THEN item_code END, biblio_id";
    let row = |cells: RowDecoder<'_>| each(cells.bytes(0), cells.integer(1)?);
    walk(session, reading, &plan, COPIES, columns, "copies", row).await
}

/// Hands every row of a table to `row`: along its key, or without one in one statement.
async fn walk(
    session: &mut Session,
    reading: &ScanSettings,
    plan: &TableSchema,
    key: ScanKey,
    columns: &str,
    what: &'static str,
    mut row: impl FnMut(RowDecoder<'_>) -> Result<()>,
) -> Result<()> {
    let ScanKey { table, column } = key;
    let Some(hint) = plan.by_key(column) else {
        session.allow(WHOLE_LIMIT).await?;
        let sql = format!("SELECT {columns} FROM {table}");
        return session.each(what, &sql, Params::Empty, row).await;
    };
    let sql = format!("SELECT {columns} FROM {table} {hint} WHERE {column} >= ? AND {column} <= ?");
    let mut rest = Throttle::new(reading);
    let mut walk = ChunkedScan::over(what, session, key, reading).await?;
    while let Some(ids) = walk.next_chunk(session) {
        let mut found = false;
        let ids = params([*ids.start(), *ids.end()]);
        session
            .each(what, &sql, ids, |cells| {
                found = true;
                row(cells)
            })
            .await?;
        if !found {
            walk.skip_gap(session, key).await?;
        }
        walk.rest(session, &mut rest).await?;
    }
    Ok(())
}

/// Those of the titles `ids` that are in the catalogue.
///
/// # Errors
/// As the database says.
pub async fn titles(session: &mut Session, ids: &[i64]) -> Result<HashMap<i64, Title>> {
    let mut titles = HashMap::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        let sql = format!(
            "SELECT biblio_id, title, opac_hide = 1 FROM biblio WHERE biblio_id IN ({})",
            marks(batch.len())
        );
        session
            .each("titles", &sql, params(batch.iter().copied()), |cells| {
                let title = Title {
                    text: cells.owned_text(1),
                    hidden: cells.integer(2)? == Some(1),
                };
                titles.insert(cells.integer(0)?.unwrap_or(0), title);
                Ok(())
            })
            .await?;
    }
    Ok(titles)
}
