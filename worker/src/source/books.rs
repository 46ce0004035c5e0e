//! Reads `biblio` (titles) and `item` (their copies).

use crate::source::database::Session;
use crate::source::{BATCH, marks, params};
use anyhow::Result;
use mysql_async::Params;
use shared::rows::Collection;
use std::collections::HashMap;

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

/// The code of each copy with its title's id, when that title is in the catalogue.
///
/// # Errors
/// As the database says.
pub async fn items(session: &mut Session) -> Result<Vec<(String, i64)>> {
    let sql = "SELECT item.item_code, biblio.biblio_id FROM item JOIN biblio ON biblio.biblio_id = item.biblio_id \
               WHERE item.item_code <> ''";
    let mut items = Vec::new();
    session
        .each("copies", sql, Params::Empty, |cells| {
            if let (Some(code), Some(biblio_id)) = (cells.text(0), cells.integer(1)?) {
                items.push((code, biblio_id));
            }
            Ok(())
        })
        .await?;
    Ok(items)
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
                    text: cells.text(1),
                    hidden: cells.integer(2)? == Some(1),
                };
                titles.insert(cells.integer(0)?.unwrap_or(0), title);
                Ok(())
            })
            .await?;
    }
    Ok(titles)
}
