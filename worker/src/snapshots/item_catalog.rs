//! Finds the title of an item by the item's code.
//!
//! Loans and items nearly always spell a code alike, so one lookup of its bytes is enough. Codes that are equal only
//! under the collation are resolved later, once for each spelling.

use crate::mysql::books;
use crate::mysql::collation::Collation;
use crate::mysql::connection::Session;
use crate::mysql::scan_settings::ScanSettings;
use crate::snapshots::interner::Interner;
use anyhow::{Context, Result};
use shared::rows::Collection;
use std::borrow::Cow;
use std::collections::HashMap;

/// The result of looking up an item code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemLookup {
    /// The index of the item's title.
    Found(usize),
    /// The item or its title is not in the catalogue.
    DeletedTitle,
    /// Not known before [`ItemCatalog::resolve_pending`]. Holds the symbol of the code.
    Pending(u32),
}

/// Stands for a title that is not in the catalogue.
const DELETED: u32 = u32::MAX;
/// Stands for a title that is not resolved yet.
const PENDING: u32 = u32::MAX - 1;

/// Item codes and their titles, in memory: 28 bytes for each item and some 40 for each title.
pub(super) struct ItemCatalog {
    /// The index of each code's title.
    codes: Interner<u32>,
    /// The ids of the titles by index.
    titles: Vec<i64>,
    /// The indexes of the titles by id.
    indexes: HashMap<i64, u32>,
    items: u64,
    /// Number of spellings that no item has and that are not resolved yet.
    pending: usize,
    collation: Option<Collation>,
}

impl ItemCatalog {
    /// Reads all titles and all items.
    pub(super) async fn read(session: &mut Session, settings: &ScanSettings) -> Result<Self> {
        let mut titles = Vec::new();
        let mut indexes = HashMap::new();
        books::title_ids(session, settings, |id| {
            let index = u32::try_from(titles.len()).ok().filter(|n| *n < PENDING);
            indexes.insert(id, index.context("more titles than fit in 32 bits")?);
            titles.push(id);
            Ok(())
        })
        .await?;
        let mut codes = Interner::default();
        let mut items = 0;
        books::items(session, settings, |code, title| {
            items += 1;
            if !code.is_empty() {
                let title = title.and_then(|id| indexes.get(&id)).copied();
                *codes.get_or_intern(code, || DELETED)?.1 = title.unwrap_or(DELETED);
            }
            Ok(())
        })
        .await?;
        Ok(Self {
            codes,
            titles,
            indexes,
            items,
            pending: 0,
            collation: None,
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

    /// Looks up an item code. A blank code has no title.
    pub(super) fn lookup(&mut self, code: &[u8]) -> Result<ItemLookup> {
        if code.trim_ascii_end().is_empty() {
            return Ok(ItemLookup::DeletedTitle);
        }
        let pending = &mut self.pending;
        let (symbol, title) = self.codes.get_or_intern(code, || {
            *pending += 1;
            PENDING
        })?;
        Ok(match *title {
            PENDING => ItemLookup::Pending(symbol),
            title => to_lookup(title),
        })
    }

    /// The result for a pending code, after [`Self::resolve_pending`].
    pub(super) fn resolved(&self, symbol: u32) -> ItemLookup {
        let title = self.codes.get(self.codes.text(symbol));
        to_lookup(title.copied().unwrap_or(DELETED))
    }

    /// Resolves the spellings that no item has, with the collation of the loans' item codes.
    pub(super) async fn resolve_pending(&mut self, session: &mut Session) -> Result<()> {
        if self.pending == 0 {
            return Ok(());
        }
        let mut collation = match self.collation.take() {
            Some(collation) => collation,
            None => Collation::of(session, "loan", "item_code").await?,
        };
        let codes = self.codes.iter().map(|(code, _)| text(code));
        collation.learn(session, codes).await?;

        let (mut titles, mut key) = (Interner::default(), Vec::new());
        let is_pending = |title: u32| title == PENDING;
        for (code, _) in self.codes.iter().filter(|(_, title)| is_pending(**title)) {
            collation.write_key(&text(code), &mut key);
            titles.get_or_intern(&key, || DELETED)?;
        }
        for (code, title) in self.codes.iter().filter(|(_, title)| !is_pending(**title)) {
            collation.write_key(&text(code), &mut key);
            if let Some(found) = titles.get_mut(&key) {
                *found = (*found).min(*title);
            }
        }
        let codes = self.codes.iter_mut();
        for (code, title) in codes.filter(|(_, title)| is_pending(**title)) {
            collation.write_key(&text(code), &mut key);
            *title = titles.get(&key).copied().unwrap_or(DELETED);
        }
        self.pending = 0;
        self.collation = Some(collation);
        Ok(())
    }
}

fn to_lookup(title: u32) -> ItemLookup {
    match title {
        DELETED => ItemLookup::DeletedTitle,
        index => ItemLookup::Found(index as usize),
    }
}

fn text(code: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(code)
}
