//! A private MariaDB server. It is behind a feature, so that the gateway's tests need no MySQL client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::sync::OnceCell;

use crate::flags::{mariadb_command, mariadb_common};
use crate::process::free_port;
use crate::server::{PORT_TRIES, PROBE_LIMIT, START_LIMIT, program};
use crate::supervisor::Supervisor;

/// The options of a MariaDB.
#[derive(Debug, Clone)]
pub struct MariaDbOptions {
    /// `innodb_buffer_pool_size`, in MiB.
    pub buffer_pool_mib: u32,
    /// A folder for data that outlive the server. By default they are in the server's own folder and deleted with it.
    pub data: Option<PathBuf>,
    /// More flags for `mariadbd`, such as `--max-statement-time=1`.
    pub extra: Vec<String>,
}

impl Default for MariaDbOptions {
    fn default() -> Self {
        Self {
            buffer_pool_mib: 256,
            data: None,
            extra: Vec::new(),
        }
    }
}

/// One statement of the general log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The account's name.
    pub user: String,
    /// `Query`, `Execute`, `Prepare`, `Connect`, `Quit`, …
    pub command: String,
    /// The statement, or the text of another command.
    pub text: String,
}

/// A private MariaDB server. Dropping it ends the server and removes its folder.
#[derive(Debug)]
pub struct MariaDb {
    supervisor: Arc<Supervisor>,
    data: PathBuf,
    port: u16,
}

impl MariaDb {
    /// Installs (unless it finds data) and starts a server, and waits until it accepts connections.
    pub async fn start(options: &MariaDbOptions) -> Result<Self> {
        let install = program("mariadb-install-db", "mariadb-server")?;
        program("mariadbd", "mariadb-server")?;
        let supervisor = Supervisor::new("mariadb")?;
        let dir = supervisor.dir().to_owned();
        std::fs::create_dir(dir.join("tmp"))
            .context("making MariaDB's folder for temporary tables")?;
        let data = options.data.clone().unwrap_or_else(|| dir.join("data"));
        let common = mariadb_common(&dir, &data, options);
        let mut command = vec![install, "--no-defaults".to_owned()];
        command.extend(
            ["--auth-root-authentication-method=normal", "--skip-test-db"].map(str::to_owned),
        );
        command.extend(common.iter().cloned());
        if !data.join("mysql").is_dir() {
            supervisor.write("prepare", &command)?;
            supervisor
                .say("prepare")
                .await
                .context("installing a private MariaDB")?;
        }
        let mut last = None;
        for _ in 0..PORT_TRIES {
            let server = Self {
                supervisor: Arc::clone(&supervisor),
                data: data.clone(),
                port: free_port()?,
            };
            supervisor.write(
                "serve",
                &mariadb_command(&dir, server.port, &common, options)?,
            )?;
            match server.start_again().await {
                Ok(()) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no port was tried")?)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The pid of the server.
    pub fn pid(&self) -> u32 {
        self.supervisor.server_pid()
    }

    /// The folder of the server.
    pub fn dir(&self) -> &Path {
        self.supervisor.dir()
    }

    /// The options of a connection as root over TCP, to `database` or to none.
    pub fn opts(&self, database: Option<&str>) -> Opts {
        self.account("root", "", database)
    }

    /// The options of a connection as another account over TCP.
    pub fn account(&self, user: &str, password: &str, database: Option<&str>) -> Opts {
        OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.port)
            .user(Some(user))
            .pass(Some(password))
            .db_name(database)
            // Else a connection to 127.0.0.1 jumps to the Unix socket that the server names.
            .prefer_socket(Some(false))
            .into()
    }

    /// The log of the server.
    pub fn log(&self) -> String {
        self.supervisor.log()
    }

    /// Stops the server (SIGTERM) and waits for its end.
    pub async fn stop(&self) -> Result<()> {
        self.supervisor.say("stop").await.map(drop)
    }

    /// Kills the server (SIGKILL).
    pub async fn kill(&self) -> Result<()> {
        self.supervisor.say("kill").await.map(drop)
    }

    /// Starts a stopped or killed server again with the same port and data, and waits until it accepts connections.
    pub async fn start_again(&self) -> Result<()> {
        self.supervisor.clear_log()?;
        self.supervisor.start().await?;
        let began = Instant::now();
        while began.elapsed() < START_LIMIT {
            if let Ok(Ok(())) = tokio::time::timeout(PROBE_LIMIT, self.probe()).await {
                return Ok(());
            }
            if self.supervisor.say("alive").await? == "no" {
                bail!(
                    "MariaDB ended while starting; the end of its log:\n{}",
                    self.supervisor.log_tail()
                );
            }
        }
        bail!(
            "MariaDB does not answer after {START_LIMIT:?}; the end of its log:\n{}",
            self.supervisor.log_tail()
        )
    }

    /// Freezes the server (SIGSTOP): it keeps its connections and answers nothing.
    pub fn freeze(&self) -> Result<()> {
        self.supervisor.ask("freeze").map(drop)
    }

    /// Continues a frozen server (SIGCONT).
    pub fn thaw(&self) -> Result<()> {
        self.supervisor.ask("thaw").map(drop)
    }

    /// Whether our own server, and no stranger on the same port, answers.
    async fn probe(&self) -> Result<()> {
        let mut conn = Conn::new(self.opts(None))
            .await
            .context("connecting to a starting MariaDB")?;
        let data: Option<String> = conn
            .query_first("SELECT @@datadir")
            .await
            .context("asking for the data folder")?;
        conn.disconnect()
            .await
            .context("leaving a starting MariaDB")?;
        let ours = data.is_some_and(|data| Path::new(&data) == self.data);
        if ours {
            Ok(())
        } else {
            bail!("another server has port {}", self.port)
        }
    }
}

/// The MariaDB that all tests of a binary share. Each test creates its own database, named by
/// [`crate::server::unique`].
pub async fn shared_mariadb() -> &'static MariaDb {
    static SERVER: OnceCell<MariaDb> = OnceCell::const_new();
    let server = SERVER
        .get_or_try_init(async || MariaDb::start(&MariaDbOptions::default()).await)
        .await;
    server.expect("the tests need a private MariaDB")
}
