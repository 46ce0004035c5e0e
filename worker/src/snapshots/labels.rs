//! Groups texts (institutions, codes of rooms) that the database holds equal, and chooses how each group is spelled.

use crate::mysql::collation::{Collation, CollationKey};
use std::cmp::Reverse;
use std::collections::HashMap;

/// A group of equal texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Label {
    /// All its visits.
    pub(super) visits: u64,
    spellings: HashMap<String, u64>,
}

/// Texts by what the database holds equal.
pub(super) struct Labels<'a> {
    collation: &'a Collation,
    groups: HashMap<CollationKey, Label>,
}

impl<'a> Labels<'a> {
    /// Creates an empty grouping. `collation` must have learnt every text.
    pub(super) fn new(collation: &'a Collation) -> Self {
        Self {
            collation,
            groups: HashMap::new(),
        }
    }

    /// Adds visits of a text, and returns the key of its group.
    pub(super) fn add(&mut self, text: &str, visits: u64) -> CollationKey {
        let key = self.collation.key(text);
        let label = self.groups.entry(key.clone()).or_default();
        label.visits += visits;
        *label.spellings.entry(text.to_owned()).or_default() += visits;
        key
    }

    /// The groups, each with its key.
    pub(super) fn into_groups(self) -> impl Iterator<Item = (CollationKey, Label)> {
        self.groups.into_iter()
    }
}

impl Label {
    /// The spelling on most visits; among equals the smallest in byte order.
    pub(super) fn most_used(&self) -> &str {
        let spellings = self.spellings.iter();
        let used = spellings.min_by_key(|(text, visits)| (Reverse(**visits), text.as_str()));
        used.map_or("", |(text, _)| text)
    }

    /// The smallest spelling in byte order.
    pub(super) fn smallest(&self) -> &str {
        self.spellings.keys().min().map_or("", String::as_str)
    }
}
