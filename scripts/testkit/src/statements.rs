//! Statements of a test as root of its MariaDB: databases, accounts, the general log.

use anyhow::{Context as _, Result};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;

use crate::mariadb::{LogLine, MariaDb};
use crate::sql::escaped;

impl MariaDb {
    /// Executes one statement as root on a new connection.
    pub async fn execute(&self, database: Option<&str>, sql: &str) -> Result<()> {
        let mut conn = Conn::new(self.opts(database))
            .await
            .context("connecting to the private MariaDB")?;
        conn.query_drop(sql)
            .await
            .with_context(|| format!("running {sql:.200}"))?;
        conn.disconnect()
            .await
            .context("leaving the private MariaDB")
    }

    /// Creates an account that can only SELECT in `database`.
    pub async fn grant_select(&self, user: &str, password: &str, database: &str) -> Result<()> {
        let mut account = String::new();
        escaped(&mut account, user);
        account.push_str("@'%'");
        let mut secret = String::new();
        escaped(&mut secret, password);
        for sql in [
            format!("DROP USER IF EXISTS {account}"),
            format!("CREATE USER {account} IDENTIFIED BY {secret}"),
        ] {
            self.execute(None, &sql).await?;
        }
        // In a GRANT, an underscore matches any character.
        let database = database.replace('_', "\\_");
        self.execute(
            None,
            &format!("GRANT SELECT ON `{database}`.* TO {account}"),
        )
        .await
    }

    /// Ends all connections of an account.
    pub async fn kill_connections(&self, user: &str) -> Result<()> {
        let mut conn = Conn::new(self.opts(None))
            .await
            .context("connecting to kill connections")?;
        let sql = "SELECT id FROM information_schema.processlist WHERE user = ?";
        let ids: Vec<u64> = conn
            .exec(sql, (user,))
            .await
            .context("finding connections")?;
        for id in ids {
            // It may have ended by itself.
            conn.query_drop(format!("KILL {id}")).await.ok();
        }
        conn.disconnect().await.context("leaving after kills")
    }

    /// Empties the general log and switches it on, or switches it off.
    pub async fn general_log(&self, on: bool) -> Result<()> {
        self.execute(None, "SET GLOBAL general_log = OFF").await?;
        if on {
            self.execute(None, "SET GLOBAL log_output = 'TABLE'")
                .await?;
            self.execute(None, "TRUNCATE mysql.general_log").await?;
            self.execute(None, "SET GLOBAL general_log = ON").await?;
        }
        Ok(())
    }

    /// The general log since it was switched on, in order of time, without our own query of it.
    pub async fn general_log_lines(&self) -> Result<Vec<LogLine>> {
        let mut conn = Conn::new(self.opts(None))
            .await
            .context("connecting to read the general log")?;
        let me = conn.id();
        let sql = format!(
            "SELECT thread_id, CONVERT(user_host USING utf8mb4), command_type, CONVERT(argument USING utf8mb4) \
             FROM mysql.general_log WHERE thread_id <> {me} ORDER BY event_time"
        );
        let rows: Vec<(u64, String, String, String)> =
            conn.query(sql).await.context("reading the general log")?;
        conn.disconnect().await.context("leaving the general log")?;
        let line = |(connection, host, command, text): (u64, String, String, String)| {
            let user = host
                .split(['[', '@'])
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned();
            LogLine {
                connection,
                user,
                command,
                text,
            }
        };
        Ok(rows.into_iter().map(line).collect())
    }
}
