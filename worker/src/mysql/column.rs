//! A column of text: its character set and collation, in which it can be asked for ids from elsewhere.
//!
//! Tables of one library may differ in both, and a text that a column cannot hold would be an error when it is compared
//! as it is.

use crate::mysql::connection::Session;
use crate::mysql::params;
use anyhow::{Context, Result, ensure};

/// One column of text.
#[derive(Clone, Debug, Default)]
pub struct TextColumn {
    charset: String,
    collation: String,
}

impl TextColumn {
    /// Looks `table.column` up.
    ///
    /// # Errors
    /// When it is not there as text, or the database does not answer.
    pub async fn of(session: &mut Session, table: &str, column: &str) -> Result<Self> {
        let sql = "SELECT character_set_name, collation_name FROM information_schema.columns \
                   WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?";
        let names = session.first("the columns", sql, params([table, column]), |cells| {
            Ok((cells.owned_text(0), cells.owned_text(1)))
        });
        let (charset, collation) = names.await?.with_context(|| {
            format!("{table}.{column} is not there: does this SLiMS version lack it?")
        })?;
        let not_text = || format!("{table}.{column} does not hold text with a collation");
        let (charset, collation) = (
            charset.with_context(not_text)?,
            collation.with_context(not_text)?,
        );
        ensure!(
            is_identifier(&charset) && is_identifier(&collation),
            "{table}.{column} has a strange collation"
        );
        Ok(Self { charset, collation })
    }

    /// So many parameters for an `IN` list over this column. What it cannot hold becomes a text that is nobody's id.
    pub fn marks(&self, count: usize) -> String {
        vec![self.converted("?"); count].join(", ")
    }

    /// A text as this column would hold it.
    pub fn literal(&self, text: &str) -> String {
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        self.converted(&format!("_utf8mb4 X'{hex}'"))
    }

    /// Whether this column can hold a text: SQL that gives 1 or 0.
    pub fn holds(&self, text: &str) -> String {
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        let charset = &self.charset;
        format!("HEX(CONVERT(CONVERT(_utf8mb4 X'{hex}' USING {charset}) USING utf8mb4)) = '{hex}'")
    }

    fn converted(&self, text: &str) -> String {
        let (charset, collation) = (&self.charset, &self.collation);
        format!("CONVERT({text} USING {charset}) COLLATE {collation}")
    }
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
