//! The titles and items of the library, in memory: finds the title of an item by the item's code.

use crate::mysql::books::{self, CatalogColumns};
use crate::mysql::connection::Session;
use crate::mysql::row::{DailyTotals, WallTime};
use crate::mysql::scan_settings::ScanSettings;
use crate::snapshots::spelling_map::{Lookup, NUMBER_LIMIT, SpellingMap};
use anyhow::{Context, Result};
use std::collections::HashMap;

/// The main classes of the Dewey Decimal Classification, and one for all else.
pub const CLASSES: usize = 11;
/// The class of titles without a classification, and of what has no title.
pub const NO_CLASS: usize = CLASSES - 1;

/// The catalogue, in memory: 28 bytes for each item and some 54 for each title.
pub struct TitleCatalog {
    /// The index of each code's title; none if the title is not in the catalogue.
    codes: SpellingMap,
    titles: Vec<CatalogTitle>,
    /// The indexes of the titles by id.
    indexes: HashMap<i64, u32>,
    /// Number of items of the titles of each class.
    pub items_by_class: [u64; CLASSES],
    /// Titles by the day on which they were catalogued.
    pub titles_by_day: DailyTotals,
    /// Items, likewise.
    pub items_by_day: DailyTotals,
}

/// A title. What was not requested is empty.
pub struct CatalogTitle {
    /// Its id.
    pub id: i64,
    /// The index of its class.
    pub class: usize,
    /// Whether it has an item.
    pub has_item: bool,
    /// When it was catalogued, which may be a zero date.
    pub added: WallTime,
}

impl TitleCatalog {
    /// Reads all titles and all items.
    ///
    /// # Errors
    /// If the database does not answer, or there are too many of them.
    pub async fn read(
        session: &mut Session,
        settings: &ScanSettings,
        columns: CatalogColumns,
    ) -> Result<Self> {
        let mut catalog = Self {
            codes: SpellingMap::new("loan", "item_code"),
            titles: Vec::new(),
            indexes: HashMap::new(),
            items_by_class: [0; CLASSES],
            titles_by_day: DailyTotals::new(),
            items_by_day: DailyTotals::new(),
        };
        books::each_title(session, settings, columns, |title| {
            let index = u32::try_from(catalog.titles.len()).ok();
            let index = index.filter(|index| *index < NUMBER_LIMIT);
            let index = index.context("more titles than fit in 32 bits")?;
            catalog.indexes.insert(title.id, index);
            if let Some(day) = title.added.date() {
                *catalog.titles_by_day.entry(day).or_default() += 1;
            }
            catalog.titles.push(CatalogTitle {
                id: title.id,
                class: class(title.classification),
                has_item: false,
                added: title.added,
            });
            Ok(())
        })
        .await?;
        books::each_item(session, settings, columns, |item| {
            let index = item.title.and_then(|id| catalog.indexes.get(&id)).copied();
            let title = index.map(|index| &mut catalog.titles[index as usize]);
            let class = title.map_or(NO_CLASS, |title| {
                title.has_item = true;
                title.class
            });
            catalog.items_by_class[class] += 1;
            if let Some(day) = item.added.date() {
                *catalog.items_by_day.entry(day).or_default() += 1;
            }
            match item.code {
                [] => Ok(()),
                code => catalog.codes.insert(code, index),
            }
        })
        .await?;
        Ok(catalog)
    }

    /// The titles; their order gives their indexes.
    pub fn titles(&self) -> &[CatalogTitle] {
        &self.titles
    }

    /// The number of items.
    pub fn items(&self) -> u64 {
        self.items_by_class.iter().sum()
    }

    /// The index of a title; `None` if it is not in the catalogue.
    pub fn title_index(&self, id: i64) -> Option<usize> {
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

/// The index of the class: that of the first digit of `classification`, after white space.
fn class(classification: &[u8]) -> usize {
    match String::from_utf8_lossy(classification)
        .trim()
        .bytes()
        .next()
    {
        Some(digit @ b'0'..=b'9') => usize::from(digit - b'0'),
        _ => NO_CLASS,
    }
}
