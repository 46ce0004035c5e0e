//! Reads `biblio` (titles) and `item` (the copies of titles).

use crate::mysql::connection::{FULL_SCAN_LIMIT, Session};
use crate::mysql::row::{RowDecoder, WallTime};
use crate::mysql::scan::{ChunkedScan, ScanKey};
use crate::mysql::scan_settings::ScanSettings;
use crate::mysql::schema::TableSchema;
use crate::mysql::throttle::Throttle;
use crate::mysql::{IN_LIST_SIZE, params, placeholders};
use anyhow::Result;
use mysql_async::Params;
use std::collections::HashMap;

/// The key along which titles are scanned.
pub const TITLES: ScanKey = ScanKey {
    table: "biblio",
    column: "biblio_id",
};
/// The key along which items are scanned.
pub const COPIES: ScanKey = ScanKey {
    table: "item",
    column: "item_id",
};

/// A title of the catalogue.
#[derive(Clone, Debug)]
pub struct Title {
    /// The full title.
    pub text: Option<String>,
    /// Whether it is hidden in the public catalogue (`opac_hide`).
    pub hidden: bool,
}

/// One title. What was not requested is empty.
#[derive(Clone, Copy, Debug)]
pub struct TitleRow<'a> {
    /// The id.
    pub id: i64,
    /// The classification as stored.
    pub classification: &'a [u8],
    /// When it was catalogued, which may be a zero date.
    pub added: WallTime,
}

/// One copy of a title. What was not requested is empty.
#[derive(Clone, Copy, Debug)]
pub struct ItemRow<'a> {
    /// The code as stored; empty if it is blank.
    pub code: &'a [u8],
    /// The id of its title.
    pub title: Option<i64>,
    /// When it was catalogued, which may be a zero date.
    pub added: WallTime,
}

/// The columns to read of titles and items besides their ids. Each must exist.
#[derive(Clone, Copy, Debug, Default)]
pub struct CatalogColumns {
    /// The classification of titles.
    pub classification: bool,
    /// When titles were catalogued.
    pub title_added: bool,
    /// The codes of items.
    pub item_code: bool,
    /// The titles of items.
    pub item_title: bool,
    /// When items were catalogued.
    pub item_added: bool,
}

/// Reads all titles in chunks and calls `on_title` for each.
///
/// # Errors
/// If the database does not answer, or the callback fails.
pub async fn each_title(
    session: &mut Session,
    settings: &ScanSettings,
    columns: CatalogColumns,
    mut on_title: impl FnMut(TitleRow<'_>) -> Result<()>,
) -> Result<()> {
    let schema = TableSchema::of(session, TITLES.table).await?;
    let classification = either(columns.classification, "classification");
    let added = either(columns.title_added, "input_date");
    let columns = format!("biblio_id, {classification}, {added}");
    let on_row = |row: RowDecoder<'_>| {
        on_title(TitleRow {
            id: row.integer(0)?.unwrap_or(0),
            classification: row.bytes(1),
            added: row.time(2)?,
        })
    };
    scan(
        session, settings, &schema, TITLES, &columns, "titles", on_row,
    )
    .await
}

/// Reads all items in chunks and calls `on_item` for each.
///
/// # Errors
/// If the database does not answer, or the callback fails.
pub async fn each_item(
    session: &mut Session,
    settings: &ScanSettings,
    columns: CatalogColumns,
    mut on_item: impl FnMut(ItemRow<'_>) -> Result<()>,
) -> Result<()> {
    let schema = TableSchema::of(session, COPIES.table).await?;
    let code = match columns.item_code {
        true => format!(
            "CASE WHEN item_code <> '' THEN {} END",
            schema.as_text("item_code")
        ),
        false => "NULL".to_owned(),
    };
    let title = either(columns.item_title, "biblio_id");
    let added = either(columns.item_added, "input_date");
    let columns = format!("{code}, {title}, {added}");
    let on_row = |row: RowDecoder<'_>| {
        on_item(ItemRow {
            code: row.bytes(0),
            title: row.integer(1)?,
            added: row.time(2)?,
        })
    };
    scan(
        session, settings, &schema, COPIES, &columns, "items", on_row,
    )
    .await
}

/// A column, or NULL.
fn either(is_wanted: bool, column: &'static str) -> &'static str {
    if is_wanted { column } else { "NULL" }
}

/// Calls `on_row` for every row of a table: in chunks along its key, or in one statement if no index leads the key.
async fn scan(
    session: &mut Session,
    settings: &ScanSettings,
    schema: &TableSchema,
    key: ScanKey,
    columns: &str,
    what: &'static str,
    mut on_row: impl FnMut(RowDecoder<'_>) -> Result<()>,
) -> Result<()> {
    let ScanKey { table, column } = key;
    let Some(hint) = schema.by_key(column) else {
        session.allow(FULL_SCAN_LIMIT).await?;
        let sql = format!("SELECT {columns} FROM {table}");
        return session.each(what, &sql, Params::Empty, on_row).await;
    };
    let sql = format!("SELECT {columns} FROM {table} {hint} WHERE {column} >= ? AND {column} <= ?");
    let mut throttle = Throttle::new(settings);
    let mut scan = ChunkedScan::over(what, session, key, settings).await?;
    while let Some(ids) = scan.next_chunk(session) {
        let mut found = false;
        let ids = params([*ids.start(), *ids.end()]);
        session
            .each(what, &sql, ids, |row| {
                found = true;
                on_row(row)
            })
            .await?;
        if !found {
            scan.skip_gap(session, key).await?;
        }
        scan.pause(session, &mut throttle).await?;
    }
    Ok(())
}

/// The titles `ids` that are in the catalogue, by id. No title is hidden if `schema`, that of `biblio`, has no
/// `opac_hide`.
///
/// # Errors
/// If the database does not answer.
pub async fn titles(
    session: &mut Session,
    schema: &TableSchema,
    ids: &[i64],
) -> Result<HashMap<i64, Title>> {
    let hidden = schema.or_null("opac_hide");
    let mut titles = HashMap::with_capacity(ids.len());
    for batch in ids.chunks(IN_LIST_SIZE) {
        let sql = format!(
            "SELECT biblio_id, title, {hidden} = 1 FROM biblio WHERE biblio_id IN ({})",
            placeholders(batch.len())
        );
        session
            .each("titles", &sql, params(batch.iter().copied()), |row| {
                let title = Title {
                    text: row.owned_text(1),
                    hidden: row.integer(2)? == Some(1),
                };
                titles.insert(row.integer(0)?.unwrap_or(0), title);
                Ok(())
            })
            .await?;
    }
    Ok(titles)
}
