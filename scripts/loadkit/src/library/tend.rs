//! What is done to a library between two figures: an index more or less, later rows out again, and quiet.

use crate::library::kept::{DATABASE, Kept};
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// For what a filling leaves to be written out and cleaned up.
const CALM_LIMIT: Duration = Duration::from_secs(600);
/// Pages to be written out, and transactions to be cleaned up after, that are always there.
const CALM: u64 = 500;
const LOOK: Duration = Duration::from_millis(100);
const BUSY: &str = "SELECT CAST(SUM(variable_value) AS UNSIGNED) FROM information_schema.global_status \
     WHERE variable_name IN ('INNODB_BUFFER_POOL_PAGES_DIRTY', 'INNODB_HISTORY_LIST_LENGTH')";
/// The indexes that SLiMS has not and its administrator may have added.
const DATES: [(&str, &str); 2] = [("visitor_count", "checkin_date"), ("loan", "loan_date")];

impl Kept {
    /// Whether there are indexes on the dates.
    ///
    /// # Errors
    /// As the server says.
    pub async fn has_date_indexes(&self) -> Result<bool> {
        let sql = format!(
            "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = '{DATABASE}' \
             AND index_name IN ('checkin_date', 'loan_date')"
        );
        Ok(self.number(&sql).await? == DATES.len() as u64)
    }

    /// Adds the indexes on the dates, or takes them away.
    ///
    /// # Errors
    /// As the server says.
    pub async fn set_date_indexes(&self, wanted: bool) -> Result<()> {
        for (table, column) in DATES {
            let drop = format!("ALTER TABLE {table} DROP KEY IF EXISTS {column}");
            let add = format!("ALTER TABLE {table} ADD KEY IF NOT EXISTS {column} ({column})");
            self.run(if wanted { &add } else { &drop }).await?;
        }
        self.analyze().await?;
        self.calm().await
    }

    /// Lets the optimiser know what there is, so that plain SQL has its best chance.
    ///
    /// # Errors
    /// As the server says.
    pub async fn analyze(&self) -> Result<()> {
        self.run("ANALYZE TABLE visitor_count, loan, loan_history, item, biblio, member")
            .await
    }

    /// Takes out what came after the history's end, so that the next figure is of the same rows.
    ///
    /// # Errors
    /// As the server says.
    pub async fn forget_later(&self) -> Result<()> {
        let (visit, loan) = (self.last_visit, self.last_loan);
        self.run(&format!(
            "DELETE FROM visitor_count WHERE visitor_id > {visit}"
        ))
        .await?;
        self.run(&format!("DELETE FROM loan WHERE loan_id > {loan}"))
            .await?;
        self.run(&format!("DELETE FROM loan_history WHERE loan_id > {loan}"))
            .await?;
        self.calm().await
    }

    /// Waits until the server has nothing left to write out or to clean up, but not for ever. What a DELETE leaves in a
    /// MyISAM table would be read with it: such a table is written anew.
    ///
    /// # Errors
    /// As the server says.
    pub async fn calm(&self) -> Result<()> {
        let holes = format!(
            "SELECT CAST(data_free AS UNSIGNED) FROM information_schema.tables WHERE table_schema = '{DATABASE}' \
             AND table_name = 'visitor_count' AND engine = 'MyISAM'"
        );
        if self.number(&holes).await? > 0 {
            self.run("OPTIMIZE TABLE visitor_count").await?;
        }
        self.run("SET GLOBAL innodb_max_dirty_pages_pct = 0")
            .await?;
        let began = Instant::now();
        while self.number(BUSY).await? > CALM && began.elapsed() < CALM_LIMIT {
            sleep(LOOK).await;
        }
        self.run("SET GLOBAL innodb_max_dirty_pages_pct = DEFAULT")
            .await
    }
}
