//! A private, strict and fast MariaDB server, or another one that `TEST_DATABASE` names. It is behind a feature, so that
//! the gateway's tests need no MySQL client.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::sync::OnceCell;

use crate::flavour::Flavour;
use crate::process::{folder, free_port};
use crate::server::Server;

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
    /// The server's id of the connection.
    pub connection: u64,
    /// The account's name.
    pub user: String,
    /// `Query`, `Execute`, `Prepare`, `Connect`, `Quit`, …
    pub command: String,
    /// The statement, or the text of another command.
    pub text: String,
}

/// A private MariaDB server.
#[derive(Debug)]
pub struct MariaDb {
    server: Server,
    flavour: Flavour,
    data: PathBuf,
    port: u16,
}

impl Deref for MariaDb {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl MariaDb {
    /// Installs (unless it finds data) and starts a server, and waits until it accepts connections.
    pub async fn start(options: &MariaDbOptions) -> Result<Self> {
        let folder = folder("mariadb")?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let data = options.data.clone();
        let data = data.unwrap_or_else(|| folder.path().join("data"));
        // Two servers with one folder for temporary tables would remove each other's.
        std::fs::create_dir(path("tmp")).context("creating a folder for temporary tables")?;
        let flavour = Flavour::chosen()?;
        let mut common = vec![format!("--tmpdir={}", path("tmp"))];
        common.extend(flavour.common_flags(options.buffer_pool_mib)?);
        if !data.join("mysql").is_dir() {
            let extra = &options.extra;
            flavour.install(&folder, &data, &common, extra).await?;
        }
        let port = free_port()?;
        let mut args = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={}", data.display()),
        ];
        args.extend(common);
        args.extend([
            format!("--port={port}"),
            format!("--socket={}", path("sock")),
            format!("--pid-file={}", path("pid")),
        ]);
        args.extend(flavour.server_flags().into_iter().map(str::to_owned));
        args.extend(options.extra.iter().cloned());
        let server = Server::new(folder, flavour.program()?, args)?;
        let mariadb = Self {
            server,
            flavour,
            data,
            port,
        };
        mariadb.start_again().await?;
        Ok(mariadb)
    }

    /// Whether it is MySQL.
    pub fn is_mysql(&self) -> bool {
        self.flavour == Flavour::MySql
    }

    /// The folder of its data, in which MySQL has the certificates that it made itself.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
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
            // Otherwise a connection to 127.0.0.1 moves to the Unix socket that the server names.
            .prefer_socket(Some(false))
            .into()
    }

    /// Starts a stopped or killed server again with the same port and data, and waits until it accepts connections.
    pub async fn start_again(&self) -> Result<()> {
        self.server
            .start(async |_| self.is_ready().await.unwrap_or(false))
            .await
    }

    /// Whether this server, and no other on the same port, answers.
    async fn is_ready(&self) -> Result<bool> {
        let mut conn = Conn::new(self.opts(None)).await?;
        let data: Option<String> = conn.query_first("SELECT @@datadir").await?;
        conn.disconnect().await?;
        Ok(data.is_some_and(|data| Path::new(&data) == self.data))
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
