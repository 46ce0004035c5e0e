//! A map from ids to numbers that also finds an id in another spelling which the database holds equal.
//!
//! Nearly all rows spell an id alike, so one look-up of its bytes is enough. Other spellings are resolved later, once
//! each.

use crate::mysql::collation::Collation;
use crate::mysql::connection::Session;
use crate::snapshots::interner::Interner;
use anyhow::Result;
use std::borrow::Cow;

/// The result of looking up an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The number of the id.
    Found(u32),
    /// The id has no number.
    Missing,
    /// Not known before the pending spellings are resolved. Holds the symbol of the spelling.
    Pending(u32),
}

/// Stands for no number.
const MISSING: u32 = u32::MAX;
/// Stands for a spelling that is not resolved yet.
const PENDING: u32 = u32::MAX - 1;
/// Numbers are below this; the two above are reserved.
pub(super) const NUMBER_LIMIT: u32 = PENDING;

/// Ids and their numbers, in memory: 28 bytes for each id of nine characters.
pub(super) struct SpellingMap {
    ids: Interner<u32>,
    /// Number of spellings that are not resolved yet.
    pending: usize,
    /// The column whose collation decides which ids are equal.
    column: (&'static str, &'static str),
    collation: Option<Collation>,
}

impl SpellingMap {
    /// Creates an empty map for ids that are looked up as `table.column` spells them.
    pub(super) fn new(table: &'static str, column: &'static str) -> Self {
        Self {
            ids: Interner::default(),
            pending: 0,
            column: (table, column),
            collation: None,
        }
    }

    /// Inserts an id with its number, or without one.
    pub(super) fn insert(&mut self, id: &[u8], number: Option<u32>) -> Result<()> {
        *self.ids.get_or_intern(id, || MISSING)?.1 = number.unwrap_or(MISSING);
        Ok(())
    }

    /// Looks up an id.
    pub(super) fn lookup(&mut self, id: &[u8]) -> Result<Lookup> {
        let pending = &mut self.pending;
        let (symbol, number) = self.ids.get_or_intern(id, || {
            *pending += 1;
            PENDING
        })?;
        Ok(match *number {
            PENDING => Lookup::Pending(symbol),
            number => to_lookup(number),
        })
    }

    /// The result for a pending spelling, after [`Self::resolve_pending`].
    pub(super) fn resolved(&self, symbol: u32) -> Lookup {
        self.get(self.ids.text(symbol))
    }

    /// The result for an id that was looked up before the last [`Self::resolve_pending`].
    pub(super) fn get(&self, id: &[u8]) -> Lookup {
        to_lookup(self.ids.get(id).copied().unwrap_or(MISSING))
    }

    /// Resolves the pending spellings.
    pub(super) async fn resolve_pending(&mut self, session: &mut Session) -> Result<()> {
        if self.pending == 0 {
            return Ok(());
        }
        let mut collation = match self.collation.take() {
            Some(collation) => collation,
            None => Collation::of(session, self.column.0, self.column.1).await?,
        };
        let ids = self.ids.iter().map(|(id, _)| text(id));
        collation.learn(session, ids).await?;

        let (mut numbers, mut key) = (Interner::default(), Vec::new());
        let is_pending = |number: u32| number == PENDING;
        for (id, _) in self.ids.iter().filter(|(_, number)| is_pending(**number)) {
            collation.write_key(&text(id), &mut key);
            numbers.get_or_intern(&key, || MISSING)?;
        }
        for (id, number) in self.ids.iter().filter(|(_, number)| !is_pending(**number)) {
            collation.write_key(&text(id), &mut key);
            if let Some(found) = numbers.get_mut(&key) {
                *found = (*found).min(*number);
            }
        }
        let ids = self.ids.iter_mut();
        for (id, number) in ids.filter(|(_, number)| is_pending(**number)) {
            collation.write_key(&text(id), &mut key);
            *number = numbers.get(&key).copied().unwrap_or(MISSING);
        }
        self.pending = 0;
        self.collation = Some(collation);
        Ok(())
    }
}

fn to_lookup(number: u32) -> Lookup {
    match number {
        MISSING => Lookup::Missing,
        number => Lookup::Found(number),
    }
}

fn text(id: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(id)
}
