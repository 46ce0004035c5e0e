//! Reads the schema of a table: its columns, and which of them lead an index. It is read before each scan, because
//! SLiMS versions differ, administrators add indexes, and a restored copy may have lost its keys.

use crate::mysql::connection::Session;
use crate::mysql::error::Missing;
use crate::mysql::{is_usable_index, params};
use anyhow::{Result, ensure};
use std::borrow::Cow;
use std::collections::HashMap;

/// One table according to `information_schema`.
#[derive(Clone, Debug)]
pub struct TableSchema {
    table: &'static str,
    columns: HashMap<String, Column>,
}

#[derive(Clone, Debug)]
struct Column {
    is_integer: bool,
    /// The narrowest B-tree index that begins with this column; the primary key is preferred.
    index: Option<String>,
    /// Whether this column alone is the primary key.
    is_primary_key: bool,
}

impl TableSchema {
    /// Reads the schema of `table`. A table that does not exist has no columns.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn of(session: &mut Session, table: &'static str) -> Result<Self> {
        let mut columns = HashMap::new();
        let sql = "SELECT column_name, data_type LIKE '%int' FROM information_schema.columns \
                   WHERE table_schema = DATABASE() AND table_name = ?";
        session
            .each("the columns", sql, params([table]), |row| {
                let name = row.text(0).unwrap_or_default().to_ascii_lowercase();
                let is_integer = row.count(1)? > 0;
                let column = Column {
                    is_integer,
                    index: None,
                    is_primary_key: false,
                };
                columns.insert(name, column);
                Ok(())
            })
            .await?;
        let sql = concat!(
            "SELECT head.column_name, head.index_name, COUNT(*) AS width \
             FROM information_schema.statistics AS head JOIN information_schema.statistics AS part \
             ON part.table_schema = DATABASE() AND part.table_name = ? AND part.index_name = head.index_name \
             WHERE head.table_schema = DATABASE() AND head.table_name = ? AND head.seq_in_index = 1 \
             AND head.sub_part IS NULL AND ",
            is_usable_index!("head"),
            " GROUP BY head.column_name, head.index_name \
             ORDER BY head.index_name = 'PRIMARY' DESC, width, head.index_name"
        );
        session
            .each("the indexes", sql, params([table, table]), |row| {
                let name = row.text(0).unwrap_or_default().to_ascii_lowercase();
                if let Some(column) = columns.get_mut(&name) {
                    let index = row.owned_text(1);
                    column.is_primary_key |=
                        index.as_deref() == Some("PRIMARY") && row.count(2)? == 1;
                    column.index = column.index.take().or(index);
                }
                Ok(())
            })
            .await?;
        Ok(Self { table, columns })
    }

    /// Checks that `column` exists and may be read.
    ///
    /// # Errors
    /// If it does not exist.
    pub fn require(&self, column: &str) -> Result<()> {
        let table = self.table;
        ensure!(
            self.has(column),
            Missing(match self.columns.is_empty() {
                true => format!("table {table}"),
                false => format!("column {table}.{column}"),
            })
        );
        Ok(())
    }

    /// Whether `column` exists and may be read.
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// The column as SQL, or `NULL` if it does not exist: what it holds is then unknown.
    pub fn or_null(&self, column: &'static str) -> &'static str {
        if self.has(column) { column } else { "NULL" }
    }

    /// SQL for the text of an id or a code: some databases have made it a number.
    pub fn as_text(&self, column: &'static str) -> Cow<'static, str> {
        match self.columns.get(column) {
            Some(Column {
                is_integer: true, ..
            }) => format!("CONCAT({column})").into(),
            _ => column.into(),
        }
    }

    /// Whether `column` alone is the primary key.
    pub fn is_primary_key(&self, column: &str) -> bool {
        let column = self.columns.get(column);
        column.is_some_and(|column| column.is_primary_key)
    }

    /// An SQL hint to use an index that begins with `column`; `None` if there is no such index.
    pub fn by(&self, column: &str) -> Option<String> {
        let index = self.columns.get(column)?.index.as_ref()?;
        Some(format!("FORCE INDEX (`{}`)", index.replace('`', "``")))
    }

    /// Like [`Self::by`], but only if the column is an integer, as a scan by key needs.
    pub fn by_key(&self, column: &str) -> Option<String> {
        let is_integer = self.columns.get(column)?.is_integer;
        is_integer.then(|| self.by(column)).flatten()
    }
}
