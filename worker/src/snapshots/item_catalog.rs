//! Which title a copy is of, by its code.
//!
//! Loans and items spell a code alike nearly always, so that one look at its bytes is enough. What only the collation
//! holds equal is worked out later, once for each spelling.

use crate::mysql::books;
use crate::mysql::collation::Collation;
use crate::mysql::connection::Session;
use crate::mysql::scan::ScanSettings;
use crate::snapshots::interner::Interner;
use anyhow::{Context, Result};
use shared::rows::Collection;
use std::borrow::Cow;
use std::collections::HashMap;

/// Where a code leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemLookup {
    /// To the title of this number.
    Of(usize),
    /// To none: the copy, or its title, is not in the catalogue.
    DeletedTitle,
    /// To what is yet to be settled. It is the code of this number.
    Unknown(u32),
}

const GONE: u32 = u32::MAX;
const UNKNOWN: u32 = u32::MAX - 1;

/// The catalogue as loans need it: 28 bytes for each copy and some 40 for each title.
pub(super) struct ItemCatalog {
    /// The number of each code's title.
    codes: Interner<u32>,
    /// The ids of the titles by their numbers.
    titles: Vec<i64>,
    numbers: HashMap<i64, u32>,
    items: u64,
    /// Spellings that no copy has and that are not settled.
    unknown: usize,
    collation: Option<Collation>,
}

impl ItemCatalog {
    /// Reads all titles and all copies.
    pub(super) async fn read(session: &mut Session, reading: &ScanSettings) -> Result<Self> {
        let mut titles = Vec::new();
        let mut numbers = HashMap::new();
        books::title_ids(session, reading, |id| {
            let number = u32::try_from(titles.len()).ok().filter(|n| *n < UNKNOWN);
            numbers.insert(id, number.context("more titles than can be numbered")?);
            titles.push(id);
            Ok(())
        })
        .await?;
        let mut codes = Interner::default();
        let mut items = 0;
        books::copies(session, reading, |code, title| {
            items += 1;
            if !code.is_empty() {
                let title = title.and_then(|id| numbers.get(&id)).copied();
                *codes.get_or_intern(code, || GONE)?.1 = title.unwrap_or(GONE);
            }
            Ok(())
        })
        .await?;
        Ok(Self {
            codes,
            titles,
            numbers,
            items,
            unknown: 0,
            collation: None,
        })
    }

    /// How many there are.
    pub(super) fn collection(&self) -> Collection {
        Collection {
            total_titles: self.titles.len() as u64,
            total_items: self.items,
        }
    }

    /// The ids of the titles by their numbers.
    pub(super) fn titles(&self) -> &[i64] {
        &self.titles
    }

    /// The number of a title that is in the catalogue.
    pub(super) fn number(&self, title: i64) -> Option<usize> {
        self.numbers.get(&title).map(|number| *number as usize)
    }

    /// Where a code leads. A blank one leads nowhere.
    pub(super) fn of(&mut self, code: &[u8]) -> Result<ItemLookup> {
        if code.trim_ascii_end().is_empty() {
            return Ok(ItemLookup::DeletedTitle);
        }
        let unknown = &mut self.unknown;
        let (number, title) = self.codes.get_or_intern(code, || {
            *unknown += 1;
            UNKNOWN
        })?;
        Ok(match *title {
            UNKNOWN => ItemLookup::Unknown(number),
            title => copy(title),
        })
    }

    /// Where the code of this number leads, once it is settled.
    pub(super) fn numbered(&self, code: u32) -> ItemLookup {
        let title = self.codes.get(self.codes.text(code));
        copy(title.copied().unwrap_or(GONE))
    }

    /// Asks the collation about the spellings that no copy has.
    pub(super) async fn resolve_pending(&mut self, session: &mut Session) -> Result<()> {
        if self.unknown == 0 {
            return Ok(());
        }
        let mut collation = match self.collation.take() {
            Some(collation) => collation,
            None => Collation::of(session, "loan", "item_code").await?,
        };
        let codes = self.codes.iter().map(|(code, _)| text(code));
        collation.learn(session, codes).await?;

        let (mut titles, mut key) = (Interner::default(), Vec::new());
        let unknown = |title: u32| title == UNKNOWN;
        for (code, _) in self.codes.iter().filter(|(_, title)| unknown(**title)) {
            collation.write_key(&text(code), &mut key);
            titles.get_or_intern(&key, || GONE)?;
        }
        for (code, title) in self.codes.iter().filter(|(_, title)| !unknown(**title)) {
            collation.write_key(&text(code), &mut key);
            if let Some(found) = titles.get_mut(&key) {
                *found = (*found).min(*title);
            }
        }
        let settled = self.codes.iter_mut();
        for (code, title) in settled.filter(|(_, title)| unknown(**title)) {
            collation.write_key(&text(code), &mut key);
            *title = titles.get(&key).copied().unwrap_or(GONE);
        }
        self.unknown = 0;
        self.collation = Some(collation);
        Ok(())
    }
}

fn copy(title: u32) -> ItemLookup {
    match title {
        GONE => ItemLookup::DeletedTitle,
        number => ItemLookup::Of(number as usize),
    }
}

fn text(code: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(code)
}
