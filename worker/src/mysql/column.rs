//! Converts ids to the character set and collation of a text column, so that they can be compared with it.
//!
//! The tables of one library may differ in both. Comparing a column with a text that its character set cannot represent
//! would be an error.

use crate::mysql::connection::Session;
use crate::mysql::error::Missing;
use crate::mysql::params;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;

/// The character set and collation of a text column. A column of another type (`INT`, `VARBINARY`) is compared as text,
/// byte by byte.
#[derive(Clone, Debug, Default)]
pub struct TextColumn {
    charset: String,
    collation: String,
    is_text: bool,
}

impl TextColumn {
    /// Reads the character set and collation of `table.column`.
    ///
    /// # Errors
    /// If there is no such column, or the database does not answer.
    pub async fn load(session: &mut Session, table: &str, column: &str) -> Result<Self> {
        let sql = "SELECT character_set_name, collation_name FROM information_schema.columns \
                   WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?";
        let names = session.first("the columns", sql, params([table, column]), |row| {
            Ok((row.owned_text(0), row.owned_text(1)))
        });
        let names = names.await?;
        let missing = || Missing(format!("column {table}.{column}"));
        let (charset, collation) = names.with_context(missing)?;
        let (Some(charset), Some(collation)) = (charset, collation) else {
            return Ok(Self {
                charset: "utf8mb4".to_owned(),
                collation: "utf8mb4_bin".to_owned(),
                is_text: false,
            });
        };
        ensure!(
            is_identifier(&charset) && is_identifier(&collation),
            "column {table}.{column} has a collation with an unexpected name"
        );
        Ok(Self {
            charset,
            collation,
            is_text: true,
        })
    }

    /// Whether it is a column of text.
    pub fn is_text(&self) -> bool {
        self.is_text
    }

    /// SQL for the column `name` as text.
    fn as_text(&self, name: &str) -> String {
        match self.is_text {
            true => name.to_owned(),
            false => format!("CONVERT({name} USING utf8mb4)"),
        }
    }

    /// An SQL condition on the column `name`, and its parameters: the id is one of `ids`, trailing spaces apart. It may
    /// also hold for ids that go on after a space. A text that the column cannot hold is converted to one that matches
    /// no id.
    pub fn is_one_of(&self, name: &str, ids: &[&str]) -> (String, Vec<String>) {
        let trimmed = ids.iter().map(|id| id.trim_end_matches(' '));
        let trimmed: BTreeSet<&str> = trimmed.collect();
        let spellings: BTreeSet<&str> = trimmed.iter().chain(ids).copied().collect();
        let column = self.as_text(name);
        let list = vec![self.converted("?"); spellings.len()].join(", ");
        let mut condition = format!("({column} IN ({list})");
        let mut values: Vec<String> = spellings.into_iter().map(str::to_owned).collect();
        if self.compares_trailing_spaces() {
            for id in trimmed {
                condition += &format!(" OR {column} LIKE {}", self.converted("?"));
                values.push(format!("{} %", escape_pattern(id)));
            }
        }
        condition.push(')');
        (condition, values)
    }

    /// Whether `'a'` and `'a '` differ: in collations of the kind NO PAD, which MySQL 8 has by default.
    fn compares_trailing_spaces(&self) -> bool {
        ["_nopad_", "_0900_"]
            .iter()
            .any(|kind| self.collation.contains(kind))
            || !self.is_text
    }

    /// SQL for `text` as this column would hold it.
    pub fn literal(&self, text: &str) -> String {
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        self.converted(&format!("_utf8mb4 X'{hex}'"))
    }

    /// SQL that is 1 if this column can hold `text`, else 0.
    pub fn can_hold(&self, text: &str) -> String {
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        let charset = &self.charset;
        format!("HEX(CONVERT(CONVERT(_utf8mb4 X'{hex}' USING {charset}) USING utf8mb4)) = '{hex}'")
    }

    /// SQL for the text `text` in the character set and collation of this column.
    pub fn converted(&self, text: &str) -> String {
        let (charset, collation) = (&self.charset, &self.collation);
        format!("CONVERT({text} USING {charset}) COLLATE {collation}")
    }
}

/// Escapes what has a meaning in a pattern of `LIKE`.
fn escape_pattern(text: &str) -> String {
    let escape = |c| matches!(c, '\\' | '%' | '_').then_some('\\');
    text.chars()
        .flat_map(|c| escape(c).into_iter().chain([c]))
        .collect()
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
