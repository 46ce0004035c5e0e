//! Reads `biblio` (titles) and `item` (their copies).

use crate::source::cells::Cells;
use crate::source::chunks::{Key, Reading, Walk};
use crate::source::database::{Session, WHOLE_LIMIT};
use crate::source::plan::Plan;
use crate::source::rest::Rest;
use crate::source::{BATCH, marks, params};
use anyhow::Result;
use mysql_async::Params;
use shared::rows::Collection;
use std::collections::HashMap;

/// The key along which titles are walked.
pub const TITLES: Key = Key {
    table: "biblio",
    column: "biblio_id",
};
/// The key along which copies are walked.
pub const COPIES: Key = Key {
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
    reading: &Reading,
    mut each: impl FnMut(i64) -> Result<()>,
) -> Result<()> {
    let plan = Plan::of(session, "biblio").await?;
    let columns = "biblio_id";
    let row = |cells: Cells<'_>| each(cells.integer(0)?.unwrap_or(0));
    walk(session, reading, &plan, TITLES, columns, "titles", row).await
}

/// The code of each copy, empty where it has none, and the id of its title; in chunks.
///
/// # Errors
/// As the database says.
pub async fn copies(
    session: &mut Session,
    reading: &Reading,
    mut each: impl FnMut(&[u8], Option<i64>) -> Result<()>,
) -> Result<()> {
    let plan = Plan::of(session, "item").await?;
    let columns = "CASE WHEN item_code <> '' THEN item_code END, biblio_id";
    let row = |cells: Cells<'_>| each(cells.bytes(0), cells.integer(1)?);
    walk(session, reading, &plan, COPIES, columns, "copies", row).await
}

/// Hands every row of a table to `row`: along its key, or without one in one statement.
async fn walk(
    session: &mut Session,
    reading: &Reading,
    plan: &Plan,
    key: Key,
    columns: &str,
    what: &'static str,
    mut row: impl FnMut(Cells<'_>) -> Result<()>,
) -> Result<()> {
    let Key { table, column } = key;
    let Some(hint) = plan.by_key(column) else {
        session.allow(WHOLE_LIMIT).await?;
        let sql = format!("SELECT {columns} FROM {table}");
        return session.each(what, &sql, Params::Empty, row).await;
    };
    let sql = format!("SELECT {columns} FROM {table} {hint} WHERE {column} >= ? AND {column} <= ?");
    let mut rest = Rest::new(reading);
    let mut walk = Walk::over(what, session, key, reading).await?;
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
            walk.jump(session, key).await?;
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
