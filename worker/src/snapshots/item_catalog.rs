//! Finds the title of an item by the item's code.

use crate::mysql::books;
use crate::mysql::connection::Session;
use crate::mysql::scan_settings::ScanSettings;
use crate::snapshots::spelling_map::{Lookup, MAX_NUMBERS, SpellingMap};
use anyhow::{Context, Result};
use shared::rows::Collection;
use std::collections::HashMap;

/// Item codes and their titles, in memory: 28 bytes for each item and some 40 for each title.
pub(super) struct ItemCatalog {
    /// The index of each code's title; none if the title is not in the catalogue.
    codes: SpellingMap,
    /// The ids of the titles by index.
    titles: Vec<i64>,
    /// The indexes of the titles by id.
    indexes: HashMap<i64, u32>,
    items: u64,
}

impl ItemCatalog {
    /// Reads all titles and all items.
    pub(super) async fn read(session: &mut Session, settings: &ScanSettings) -> Result<Self> {
        let mut titles = Vec::new();
        let mut indexes = HashMap::new();
        books::title_ids(session, settings, |id| {
            let index = u32::try_from(titles.len()).ok();
            let index = index.filter(|index| *index < MAX_NUMBERS);
            indexes.insert(id, index.context("more titles than fit in 32 bits")?);
            titles.push(id);
            Ok(())
        })
        .await?;
        let mut codes = SpellingMap::new("loan", "item_code");
        let mut items = 0;
        books::items(session, settings, |code, title| {
            items += 1;
            if code.is_empty() {
                return Ok(());
            }
            codes.insert(code, title.and_then(|id| indexes.get(&id)).copied())
        })
        .await?;
        Ok(Self {
            codes,
            titles,
            indexes,
            items,
        })
    }

    /// The number of titles and items.
    pub(super) fn collection(&self) -> Collection {
        Collection {
            total_titles: self.titles.len() as u64,
            total_items: self.items,
        }
    }

    /// The ids of the titles by index.
    pub(super) fn titles(&self) -> &[i64] {
        &self.titles
    }

    /// The index of a title; `None` if it is not in the catalogue.
    pub(super) fn title_index(&self, id: i64) -> Option<usize> {
        self.indexes.get(&id).map(|index| *index as usize)
    }

    /// Looks up the index of the title of an item code. A blank code has no title.
    pub(super) fn lookup(&mut self, code: &[u8]) -> Result<Lookup> {
        if code.trim_ascii_end().is_empty() {
            return Ok(Lookup::Missing);
        }
        self.codes.lookup(code)
    }

    /// The result for a pending code, after [`Self::resolve_pending`].
    pub(super) fn resolved(&self, symbol: u32) -> Lookup {
        self.codes.resolved(symbol)
    }

    /// Resolves the spellings that no item has, with the collation of the loans' item codes.
    pub(super) async fn resolve_pending(&mut self, session: &mut Session) -> Result<()> {
        self.codes.resolve_pending(session).await
    }
}
