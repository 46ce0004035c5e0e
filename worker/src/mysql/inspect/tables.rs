//! Reads the engine, size and indexes of tables from `information_schema`.

use crate::mysql::connection::Session;
use crate::mysql::{is_usable_index, params, placeholders};
use anyhow::Result;
use std::collections::BTreeMap;

/// One table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The engine, such as `InnoDB`, `MyISAM` or `Aria`; `None` for a view.
    pub engine: Option<String>,
    /// Number of rows: exact for MyISAM and Aria, an estimate for InnoDB; `None` for a view.
    pub rows: Option<u64>,
    /// Bytes of rows and indexes; `None` for a view.
    pub bytes: Option<u64>,
    /// The columns of each index that the server may use, the primary key first. A functional index has an expression
    /// in place of a column.
    pub indexes: Vec<Vec<String>>,
}

impl Table {
    /// Whether an index begins with `column`.
    pub fn is_indexed_by(&self, column: &str) -> bool {
        let leads = |index: &Vec<String>| index.first().is_some_and(|first| first == column);
        self.indexes.iter().any(leads)
    }
}

/// The tables `names` that exist and are visible to the account, by name.
///
/// # Errors
/// If the database does not answer.
pub async fn of(session: &mut Session, names: &[&str]) -> Result<BTreeMap<String, Table>> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let placeholders = placeholders(names.len());
    let sql = format!(
        "SELECT table_name, engine, table_rows, data_length + index_length FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name IN ({placeholders})"
    );
    let names = || params(names.iter().copied());
    let read = session.each("the tables", &sql, names(), |row| {
        let number =
            |index| Ok::<_, anyhow::Error>(row.integer(index)?.and_then(|n| u64::try_from(n).ok()));
        let table = Table {
            engine: row.owned_text(1),
            rows: number(2)?,
            bytes: number(3)?,
            indexes: Vec::new(),
        };
        tables.insert(row.owned_text(0).unwrap_or_default(), table);
        Ok(())
    });
    read.await?;
    let is_usable = is_usable_index!("part");
    let sql = format!(
        "SELECT table_name, index_name, seq_in_index, COALESCE(column_name /*!80013 , expression */) \
         FROM information_schema.statistics AS part \
         WHERE table_schema = DATABASE() AND table_name IN ({placeholders}) AND {is_usable} \
         ORDER BY table_name, index_name <> 'PRIMARY', index_name, seq_in_index"
    );
    let read = session.each("the indexes", &sql, names(), |row| {
        let name = row.text(0).unwrap_or_default();
        if let Some(table) = tables.get_mut(&*name) {
            if row.count(2)? == 1 {
                table.indexes.push(Vec::new());
            }
            if let Some(index) = table.indexes.last_mut() {
                index.push(row.text(3).unwrap_or_default().to_ascii_lowercase());
            }
        }
        Ok(())
    });
    read.await?;
    Ok(tables)
}
