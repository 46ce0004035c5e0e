//! What a table looks like: which columns are there, and which of them lead an index. Looked up once for each pass, since
//! SLiMS versions differ, administrators add indexes, and a copy may have lost its keys.

use crate::mysql::connection::Session;
use crate::mysql::params;
use anyhow::{Result, ensure};
use std::collections::HashMap;

/// One table as `information_schema` tells it.
#[derive(Clone, Debug)]
pub struct TableSchema {
    table: &'static str,
    columns: HashMap<String, Column>,
}

#[derive(Clone, Debug)]
struct Column {
    is_integer: bool,
    /// The name of the narrowest B-tree that it leads, the primary key before all others.
    index: Option<String>,
}

impl TableSchema {
    /// Looks `table` up. One that is not there has no columns.
    ///
    /// # Errors
    /// As the database says.
    pub async fn of(session: &mut Session, table: &'static str) -> Result<Self> {
        let mut columns = HashMap::new();
        let sql = "SELECT column_name, data_type LIKE '%int' FROM information_schema.columns \
                   WHERE table_schema = DATABASE() AND table_name = ?";
        session
            .each("the columns", sql, params([table]), |cells| {
                let name = cells.text(0).unwrap_or_default().to_ascii_lowercase();
                let is_integer = cells.count(1)? > 0;
                let index = None;
                columns.insert(name, Column { is_integer, index });
                Ok(())
            })
            .await?;
        // An index that the server was told to ignore cannot be asked for. Each server skips the other's comment.
        let sql = "SELECT head.column_name, head.index_name, COUNT(*) AS width \
                   FROM information_schema.statistics AS head JOIN information_schema.statistics AS part \
                   ON part.table_schema = DATABASE() AND part.table_name = ? AND part.index_name = head.index_name \
                   WHERE head.table_schema = DATABASE() AND head.table_name = ? AND head.seq_in_index = 1 \
                   AND head.index_type = 'BTREE' AND head.sub_part IS NULL \
                   /*M!100600 AND head.ignored = 'NO' */ /*!80000 AND head.is_visible = 'YES' */ \
                   GROUP BY head.column_name, head.index_name \
                   ORDER BY head.index_name = 'PRIMARY' DESC, width, head.index_name";
        session
            .each("the indexes", sql, params([table, table]), |cells| {
                let name = cells.text(0).unwrap_or_default().to_ascii_lowercase();
                if let Some(column) = columns.get_mut(&name) {
                    let index = cells.owned_text(1);
                    column.index = column.index.take().or(index);
                }
                Ok(())
            })
            .await?;
        Ok(Self { table, columns })
    }

    /// Checks that `column` is there for us.
    ///
    /// # Errors
    /// That it is not.
    pub fn require(&self, column: &str) -> Result<()> {
        let table = self.table;
        ensure!(
            self.columns.contains_key(column),
            "{table}.{column} is not there: does this SLiMS version lack it?"
        );
        Ok(())
    }

    /// The hint to read by an index that `column` leads; `None` without one.
    pub fn by(&self, column: &str) -> Option<String> {
        let index = self.columns.get(column)?.index.as_ref()?;
        Some(format!("FORCE INDEX (`{}`)", index.replace('`', "``")))
    }

    /// The same for a key that is walked by number.
    pub fn by_key(&self, column: &str) -> Option<String> {
        let is_integer = self.columns.get(column)?.is_integer;
        is_integer.then(|| self.by(column)).flatten()
    }

    /// Whether rows are added to it while it is read, however long that takes: on MyISAM without holes, which new rows
    /// would have to fill. (What is changed or deleted must wait; InnoDB needs no such kindness.)
    ///
    /// # Errors
    /// As the database says.
    pub async fn grows_while_read(&self, session: &mut Session) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM information_schema.tables \
                   WHERE table_schema = DATABASE() AND table_name = ? AND engine = 'MyISAM' AND data_free = 0 \
                   AND @@concurrent_insert <> 'NEVER'";
        let grows = session.first("the engine", sql, params([self.table]), |cells| {
            cells.count(0)
        });
        Ok(grows.await? == Some(1))
    }
}
