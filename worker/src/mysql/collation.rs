//! Compares texts as the database does, with the weights of characters that it learns from the database.
//!
//! Ids and codes are counted in the worker, not by `GROUP BY`, but `'M001' = 'm001 '` must hold as it does in the
//! database.
//!
//! Some collations contract: in Czech `ch` is one letter, in Danish `aa` is `å`. So pairs of letters are checked, and
//! the server weighs a text with a contracting pair as a whole. Others weigh a text in levels: first all letters, then
//! all accents, then all cases. There the server weighs every text as a whole.

use crate::mysql::column::TextColumn;
use crate::mysql::connection::Session;
use anyhow::Result;
use mysql_async::Params;
use std::collections::{BTreeSet, HashMap};

/// The key of a text: two texts have the same key if the database holds them equal.
pub type CollationKey = Box<[u8]>;

/// Texts per statement.
const BATCH: usize = 200;
/// Pairs of characters that are checked as one text: some ten kilobytes of weights.
const PAIR_BATCH: usize = 3_000;
const PRINTABLE_ASCII: std::ops::RangeInclusive<char> = ' '..='~';

/// The collation of one column. Trailing spaces are always ignored, even if the database compares them.
#[derive(Clone)]
pub struct Collation {
    column: TextColumn,
    ascii: Vec<Box<[u8]>>,
    others: HashMap<char, Box<[u8]>>,
    /// The pairs that were checked, and whether they contract: together they weigh something else than one after the
    /// other.
    pairs: HashMap<(char, char), bool>,
    /// Whether it weighs texts in levels.
    is_levelled: bool,
    /// The weights of texts with a contracting pair, each weighed by the server as a whole.
    texts: HashMap<Box<str>, Box<[u8]>>,
}

impl Collation {
    /// Creates the collation of `table.column`, which knows printable ASCII at first.
    ///
    /// # Errors
    /// If there is no such text column, or the database does not answer.
    pub async fn of(session: &mut Session, table: &str, column: &str) -> Result<Self> {
        let mut collation = Self {
            column: TextColumn::load(session, table, column).await?,
            ascii: Vec::new(),
            others: HashMap::new(),
            pairs: HashMap::new(),
            is_levelled: false,
            texts: HashMap::new(),
        };
        let ascii: Vec<char> = PRINTABLE_ASCII.collect();
        collation.ascii = collation.char_weights(session, &ascii).await?;
        let letters = || ascii.iter().copied().filter(char::is_ascii_alphabetic);
        let pairs = letters().flat_map(|first| letters().map(move |second| (first, second)));
        collation.learn_pairs(session, pairs.collect()).await?;
        // No language contracts every pair of letters.
        collation.is_levelled = collation.pairs.values().all(|contracts| *contracts);
        Ok(collation)
    }

    /// Learns the weights of `texts` that are not known yet: of characters, of pairs, and of texts that contract.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn learn(
        &mut self,
        session: &mut Session,
        texts: impl Iterator<Item = impl AsRef<str>>,
    ) -> Result<()> {
        let (mut chars, mut new_pairs) = (BTreeSet::new(), BTreeSet::new());
        let mut unsure = BTreeSet::new();
        for text in texts {
            let text = text.as_ref();
            chars.extend(text.chars().filter(|c| self.weight(*c).is_none()));
            let mut is_unsure = self.is_levelled;
            for pair in pairs(text).filter(|_| !self.is_levelled) {
                match self.pairs.get(&pair) {
                    Some(contracts) => is_unsure |= contracts,
                    None => {
                        new_pairs.insert(pair);
                        is_unsure = true;
                    }
                }
            }
            if is_unsure && !self.texts.contains_key(trimmed(text)) {
                unsure.insert(trimmed(text).to_owned());
            }
        }
        let chars: Vec<char> = chars.into_iter().collect();
        let weights = self.char_weights(session, &chars).await?;
        self.others.extend(chars.into_iter().zip(weights));
        let new_pairs = new_pairs.into_iter().collect();
        self.learn_pairs(session, new_pairs).await?;
        unsure.retain(|text| self.is_levelled || pairs(text).any(|pair| self.contracts(pair)));
        let unsure: Vec<String> = unsure.into_iter().collect();
        let weights = self.weights(session, &unsure).await?;
        for (text, weight) in unsure.into_iter().zip(weights) {
            // A text that the column cannot hold is compared by its characters.
            if let Some(weight) = weight {
                self.texts.insert(text.into(), weight);
            }
        }
        Ok(())
    }

    /// The key of a text. A character that was not learnt is equal only to itself.
    pub fn key(&self, text: &str) -> CollationKey {
        let mut key = Vec::with_capacity(4 * text.len());
        self.write_key(text, &mut key);
        key.into_boxed_slice()
    }

    /// Writes the key of a text into `key`, which is cleared first.
    pub fn write_key(&self, text: &str, key: &mut Vec<u8>) {
        key.clear();
        let whole = match self.texts.is_empty() {
            true => None,
            false => self.texts.get(trimmed(text)),
        };
        match whole {
            Some(weight) => key.extend_from_slice(weight),
            None => self.write_characters(text, key),
        }
        let space = self.weight(' ').unwrap_or_default();
        while !space.is_empty() && key.ends_with(space) {
            key.truncate(key.len() - space.len());
        }
    }

    /// Appends the weights of the characters of `text` to `key`, one after the other.
    fn write_characters(&self, text: &str, key: &mut Vec<u8>) {
        for c in text.chars() {
            match self.weight(c) {
                Some(weight) => key.extend_from_slice(weight),
                None => key.extend_from_slice(&own_weight(c)),
            }
        }
    }

    fn weight(&self, c: char) -> Option<&[u8]> {
        let index = (c as usize).wrapping_sub(*PRINTABLE_ASCII.start() as usize);
        let weight = self.ascii.get(index).or_else(|| self.others.get(&c));
        weight.map(AsRef::as_ref)
    }

    fn contracts(&self, pair: (char, char)) -> bool {
        self.pairs.get(&pair).is_some_and(|contracts| *contracts)
    }

    /// Checks whether pairs of known characters contract. The server weighs all of them as one text first, and each by
    /// itself only if some of them contract.
    async fn learn_pairs(&mut self, session: &mut Session, new: Vec<(char, char)>) -> Result<()> {
        let is_held = |c: char| self.weight(c).is_some_and(|weight| weight != own_weight(c));
        let (new, foreign): (Vec<_>, Vec<_>) = new
            .into_iter()
            .partition(|(first, second)| is_held(*first) && is_held(*second));
        self.pairs
            .extend(foreign.into_iter().map(|pair| (pair, false)));
        for batch in new.chunks(PAIR_BATCH) {
            let spelled: Vec<String> = batch
                .iter()
                .map(|(first, second)| format!("{first}{second}"))
                .collect();
            let all = [spelled.join(" ")];
            let weight = self.weights(session, &all).await?.pop().flatten();
            if self.is_sum(&all[0], weight.as_deref()) {
                self.pairs.extend(batch.iter().map(|pair| (*pair, false)));
                continue;
            }
            let weights = self.weights(session, &spelled).await?;
            for ((pair, text), weight) in batch.iter().zip(&spelled).zip(weights) {
                let contracts = !self.is_sum(text, weight.as_deref());
                self.pairs.insert(*pair, contracts);
            }
        }
        Ok(())
    }

    /// Whether `weight` is what the characters of `text` weigh one after the other.
    fn is_sum(&self, text: &str, weight: Option<&[u8]>) -> bool {
        let mut sum = Vec::new();
        self.write_characters(text, &mut sum);
        weight == Some(&sum)
    }

    /// The weight of each character; [`own_weight`] where the column cannot hold it.
    async fn char_weights(&self, session: &mut Session, chars: &[char]) -> Result<Vec<Box<[u8]>>> {
        let texts: Vec<String> = chars.iter().map(char::to_string).collect();
        let weights = self.weights(session, &texts).await?;
        let weights = weights.into_iter().zip(chars);
        let or_own = |(weight, c): (Option<Box<[u8]>>, &char)| {
            weight.unwrap_or_else(|| own_weight(*c).into())
        };
        Ok(weights.map(or_own).collect())
    }

    /// The weight of each text; `None` where the column cannot hold it.
    async fn weights(
        &self,
        session: &mut Session,
        texts: &[String],
    ) -> Result<Vec<Option<Box<[u8]>>>> {
        let mut weights = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            let columns = batch.iter().map(|text| {
                let (literal, can_hold) = (self.column.literal(text), self.column.can_hold(text));
                format!("IF({can_hold}, HEX(WEIGHT_STRING({literal})), NULL)")
            });
            let sql = format!("SELECT {}", columns.collect::<Vec<_>>().join(", "));
            session
                .each("the weights of texts", &sql, Params::Empty, |row| {
                    weights.extend((0..batch.len()).map(|index| {
                        let hex = row.text(index)?;
                        Some(Box::from(hex.as_bytes()))
                    }));
                    Ok(())
                })
                .await?;
        }
        Ok(weights)
    }
}

/// The pairs of a text that a collation may contract: pairs of letters. No collation contracts digits or signs.
fn pairs(text: &str) -> impl Iterator<Item = (char, char)> {
    let is_letter = |c: char| c.is_ascii_alphabetic() || !c.is_ascii();
    let pairs = text.chars().zip(text.chars().skip(1));
    pairs.filter(move |(first, second)| is_letter(*first) && is_letter(*second))
}

fn trimmed(text: &str) -> &str {
    text.trim_end_matches(' ')
}

/// The weight of a character that the column cannot hold: it is equal only to itself.
fn own_weight(c: char) -> [u8; 4] {
    u32::from(c).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case-insensitive collation that pads with spaces.
    fn collation() -> Collation {
        let weight = |c: char| [0, c.to_ascii_uppercase() as u8].into();
        Collation {
            column: TextColumn::default(),
            ascii: PRINTABLE_ASCII.map(weight).collect(),
            others: HashMap::from([('é', weight('e')), ('\u{1}', [].into())]),
            pairs: HashMap::new(),
            is_levelled: false,
            texts: HashMap::new(),
        }
    }

    #[test]
    fn keys_are_equal_if_the_weights_are_equal() {
        let collation = collation();
        assert_eq!(collation.key("m001  "), collation.key("M001"));
        assert_eq!(collation.key("réf"), collation.key("REF"));
        assert_eq!(collation.key("a\u{1}b"), collation.key("ab"));
        assert_ne!(collation.key(" M001"), collation.key("M001"));
        assert_ne!(collation.key("M0 01"), collation.key("M001"));
        assert_eq!(collation.key("  "), collation.key(""));
    }

    #[test]
    fn unknown_characters_are_different() {
        let collation = collation();
        assert_ne!(collation.key("ø1"), collation.key("å1"));
    }
}
