//! Which texts the database holds equal, learnt from the database: it is asked what each character weighs.
//!
//! Ids and codes are counted here, not by `GROUP BY`, but `'M001' = 'm001 '` must hold as it does there.

use crate::source::column::TextColumn;
use crate::source::database::Session;
use anyhow::Result;
use mysql_async::Params;
use std::collections::{BTreeSet, HashMap};

/// Equal for texts that the database holds equal.
pub type Key = Box<[u8]>;

/// Characters that one statement asks for.
const BATCH: usize = 200;
const PRINTABLE_ASCII: std::ops::RangeInclusive<char> = ' '..='~';

/// The collation of one column. Trailing spaces count for nothing, whatever the database holds of them.
pub struct Collation {
    column: TextColumn,
    ascii: Vec<Box<[u8]>>,
    others: HashMap<char, Box<[u8]>>,
}

impl Collation {
    /// Learns the collation of `table.column`, printable ASCII to begin with.
    ///
    /// # Errors
    /// When the column is not there as text, or the database does not answer.
    pub async fn of(session: &mut Session, table: &str, column: &str) -> Result<Self> {
        let mut collation = Self {
            column: TextColumn::of(session, table, column).await?,
            ascii: Vec::new(),
            others: HashMap::new(),
        };
        let ascii: BTreeSet<char> = PRINTABLE_ASCII.collect();
        let weights = collation.weights(session, &ascii).await?;
        collation.ascii = PRINTABLE_ASCII.map(|c| weights[&c].clone()).collect();
        Ok(collation)
    }

    /// Learns the characters of `texts` that it does not know yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn learn(
        &mut self,
        session: &mut Session,
        texts: impl Iterator<Item = impl AsRef<str>>,
    ) -> Result<()> {
        let mut unknown = BTreeSet::new();
        for text in texts {
            let chars = text.as_ref().chars();
            unknown.extend(chars.filter(|c| self.weight(*c).is_none()));
        }
        let weights = self.weights(session, &unknown).await?;
        self.others.extend(weights);
        Ok(())
    }

    /// The key of a text. A character that was not learnt is equal to itself alone.
    pub fn key(&self, text: &str) -> Key {
        let mut key = Vec::with_capacity(4 * text.len());
        self.write_key(text, &mut key);
        key.into_boxed_slice()
    }

    /// Writes the key of a text in place of what `key` held.
    pub fn write_key(&self, text: &str, key: &mut Vec<u8>) {
        key.clear();
        for c in text.chars() {
            match self.weight(c) {
                Some(weight) => key.extend_from_slice(weight),
                None => key.extend_from_slice(&own_weight(c)),
            }
        }
        let space = self.weight(' ').unwrap_or_default();
        while !space.is_empty() && key.ends_with(space) {
            key.truncate(key.len() - space.len());
        }
    }

    fn weight(&self, c: char) -> Option<&[u8]> {
        let index = (c as usize).wrapping_sub(*PRINTABLE_ASCII.start() as usize);
        let weight = self.ascii.get(index).or_else(|| self.others.get(&c));
        weight.map(AsRef::as_ref)
    }

    async fn weights(
        &self,
        session: &mut Session,
        chars: &BTreeSet<char>,
    ) -> Result<HashMap<char, Box<[u8]>>> {
        let chars: Vec<char> = chars.iter().copied().collect();
        let mut weights = HashMap::with_capacity(chars.len());
        for batch in chars.chunks(BATCH) {
            let asked = batch.iter().map(|c| {
                let (literal, holds) = (
                    self.column.literal(&c.to_string()),
                    self.column.holds(&c.to_string()),
                );
                format!("IF({holds}, HEX(WEIGHT_STRING({literal})), NULL)")
            });
            let sql = format!("SELECT {}", asked.collect::<Vec<_>>().join(", "));
            session
                .each("the weights of characters", &sql, Params::Empty, |cells| {
                    for (index, c) in batch.iter().enumerate() {
                        let weight: Box<[u8]> = cells
                            .text(index)
                            .map_or_else(|| own_weight(*c).into(), |hex| hex.as_bytes().into());
                        weights.insert(*c, weight);
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(weights)
    }
}

/// Of a character that the column cannot hold: it is equal to itself alone.
fn own_weight(c: char) -> [u8; 4] {
    u32::from(c).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a case-insensitive, padding collation weighs.
    fn collation() -> Collation {
        let weight = |c: char| [0, c.to_ascii_uppercase() as u8].into();
        Collation {
            column: TextColumn::default(),
            ascii: PRINTABLE_ASCII.map(weight).collect(),
            others: HashMap::from([('é', weight('e')), ('\u{1}', [].into())]),
        }
    }

    #[test]
    fn keys_are_equal_as_the_weights_are() {
        let collation = collation();
        assert_eq!(collation.key("m001  "), collation.key("M001"));
        assert_eq!(collation.key("réf"), collation.key("REF"));
        assert_eq!(collation.key("a\u{1}b"), collation.key("ab"));
        assert_ne!(collation.key(" M001"), collation.key("M001"));
        assert_ne!(collation.key("M0 01"), collation.key("M001"));
        assert_eq!(collation.key("  "), collation.key(""));
    }

    #[test]
    fn a_character_that_was_not_learnt_is_told_apart() {
        let collation = collation();
        assert_ne!(collation.key("ø1"), collation.key("å1"));
    }
}
