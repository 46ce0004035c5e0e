//! What `information_schema` tells of the tables: engine, size, indexes.

use crate::mysql::connection::Session;
use crate::mysql::{marks, params};
use anyhow::Result;
use std::collections::BTreeMap;

/// One table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// `InnoDB`, `MyISAM`, `Aria`; `None` of a view.
    pub engine: Option<String>,
    /// Rows: exact of MyISAM and Aria, an estimate of InnoDB; `None` of a view.
    pub rows: Option<u64>,
    /// Bytes of rows and indexes.
    pub bytes: Option<u64>,
    /// The columns of each index, the primary key first.
    pub indexes: Vec<Vec<String>>,
}

impl Table {
    /// Whether an index begins with `column`.
    pub fn is_indexed_by(&self, column: &str) -> bool {
        let leads = |index: &Vec<String>| index.first().is_some_and(|first| first == column);
        self.indexes.iter().any(leads)
    }
}

/// Those of `names` that are there for us, by name.
///
/// # Errors
/// As the database says.
pub async fn of(session: &mut Session, names: &[&str]) -> Result<BTreeMap<String, Table>> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let list = marks(names.len());
    let sql = format!(
        "SELECT table_name, engine, table_rows, data_length + index_length FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name IN ({list})"
    );
    let names = || params(names.iter().copied());
    let read = session.each("the tables", &sql, names(), |cells| {
        let number = |index| {
            Ok::<_, anyhow::Error>(cells.integer(index)?.and_then(|n| u64::try_from(n).ok()))
        };
        let table = Table {
            engine: cells.owned_text(1),
            rows: number(2)?,
            bytes: number(3)?,
            indexes: Vec::new(),
        };
        tables.insert(cells.owned_text(0).unwrap_or_default(), table);
        Ok(())
    });
    read.await?;
    let sql = format!(
        "SELECT table_name, index_name, seq_in_index, column_name FROM information_schema.statistics \
         WHERE table_schema = DATABASE() AND table_name IN ({list}) \
         ORDER BY table_name, index_name <> 'PRIMARY', index_name, seq_in_index"
    );
    let read = session.each("the indexes", &sql, names(), |cells| {
        let name = cells.text(0).unwrap_or_default();
        if let Some(table) = tables.get_mut(&*name) {
            if cells.count(2)? == 1 {
                table.indexes.push(Vec::new());
            }
            if let Some(index) = table.indexes.last_mut() {
                index.push(cells.text(3).unwrap_or_default().to_ascii_lowercase());
            }
        }
        Ok(())
    });
    read.await?;
    Ok(tables)
}
