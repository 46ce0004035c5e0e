//! Private MariaDB and Redis servers: a free port and a folder each, ended by pid when their holder ends, even by SIGKILL.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::sync::OnceCell;

use crate::flags::{mariadb_command, mariadb_common, program};
use crate::process::free_port;
use crate::supervisor::Supervisor;

/// A server is up in a second or two; on a busy machine crash recovery may take longer.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Another process can take a port between our look and the server's bind; five times in a row it will not.
const PORT_TRIES: u32 = 5;

/// One probe of a starting server; a stranger on our port may never answer.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// What a test may choose of its MariaDB.
#[derive(Debug, Clone)]
pub struct MariaDbOptions {
    /// `innodb_buffer_pool_size`, in MiB.
    pub buffer_pool_mib: u32,
    /// More flags for `mariadbd`, such as `--max-statement-time=1`.
    pub extra: Vec<String>,
}

impl Default for MariaDbOptions {
    fn default() -> Self {
        Self {
            buffer_pool_mib: 256,
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
    /// The statement, or what else the command says.
    pub text: String,
}

/// A private MariaDB server. Dropping it ends the server and removes its folder.
#[derive(Debug)]
pub struct MariaDb {
    supervisor: Arc<Supervisor>,
    port: u16,
}

impl MariaDb {
    /// Installs and starts a server, and waits until it accepts connections.
    pub async fn start(options: &MariaDbOptions) -> Result<Self> {
        let install = program("mariadb-install-db", "mariadb-server")?;
        program("mariadbd", "mariadb-server")?;
        let supervisor = Supervisor::new("mariadb")?;
        let dir = supervisor.dir().to_owned();
        std::fs::create_dir(dir.join("tmp"))
            .context("making MariaDB's folder for temporary tables")?;
        let common = mariadb_common(&dir, options);
        let mut command = vec![install, "--no-defaults".to_owned()];
        command.extend(
            ["--auth-root-authentication-method=normal", "--skip-test-db"].map(str::to_owned),
        );
        command.extend(common.iter().cloned());
        supervisor.write("prepare", &command)?;
        supervisor
            .say("prepare")
            .await
            .context("installing a private MariaDB")?;
        let mut last = None;
        for _ in 0..PORT_TRIES {
            let server = Self {
                supervisor: Arc::clone(&supervisor),
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

    /// Root's connection over TCP, to `database` or to none.
    pub fn opts(&self, database: Option<&str>) -> Opts {
        self.account("root", "", database)
    }

    /// Another account's connection over TCP.
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

    /// What the server itself has logged.
    pub fn log(&self) -> String {
        self.supervisor.log()
    }

    /// Ends the server in good order (SIGTERM) and waits for it.
    pub async fn stop(&self) -> Result<()> {
        self.supervisor.say("stop").await.map(drop)
    }

    /// Ends the server at once (SIGKILL).
    pub async fn kill(&self) -> Result<()> {
        self.supervisor.say("kill").await.map(drop)
    }

    /// Starts a stopped or killed server again on the same port and data, and waits until it accepts.
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

    /// Stops the server's clock (SIGSTOP): it holds its connections and answers nothing.
    pub fn freeze(&self) -> Result<()> {
        self.supervisor.ask("freeze").map(drop)
    }

    /// Lets a frozen server go on (SIGCONT).
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
        let ours = data.is_some_and(|data| Path::new(&data).starts_with(self.supervisor.dir()));
        if ours {
            Ok(())
        } else {
            bail!("another server has port {}", self.port)
        }
    }
}

/// A private Redis server without persistence. Dropping it ends the server and removes its folder.
#[derive(Debug)]
pub struct Redis {
    supervisor: Arc<Supervisor>,
    port: u16,
}

impl Redis {
    /// Starts a server and waits until it answers.
    pub async fn start() -> Result<Self> {
        let redis = program("redis-server", "redis-server")?;
        let supervisor = Supervisor::new("redis")?;
        let mut last = None;
        for _ in 0..PORT_TRIES {
            let server = Self {
                supervisor: Arc::clone(&supervisor),
                port: free_port()?,
            };
            let dir = supervisor.dir().display().to_string();
            let port = server.port.to_string();
            let flags = [
                "--port",
                &port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
                &dir,
            ];
            let command: Vec<String> = std::iter::once(redis.as_str())
                .chain(flags)
                .map(str::to_owned)
                .collect();
            supervisor.write("serve", &command)?;
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

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends the server in good order (SIGTERM) and waits for it.
    pub async fn stop(&self) -> Result<()> {
        self.supervisor.say("stop").await.map(drop)
    }

    /// Ends the server at once (SIGKILL).
    pub async fn kill(&self) -> Result<()> {
        self.supervisor.say("kill").await.map(drop)
    }

    /// Starts a stopped or killed server again on the same port, empty, and waits until it answers.
    pub async fn start_again(&self) -> Result<()> {
        self.supervisor.clear_log()?;
        let pid = self.supervisor.start().await?;
        let began = Instant::now();
        while began.elapsed() < START_LIMIT {
            let (port, wanted) = (self.port, format!("process_id:{pid}\r\n"));
            let answer = tokio::task::spawn_blocking(move || redis_info(port))
                .await
                .context("asking Redis")?;
            if answer.is_ok_and(|info| info.contains(&wanted)) {
                return Ok(());
            }
            if self.supervisor.say("alive").await? == "no" {
                bail!(
                    "Redis ended while starting; the end of its log:\n{}",
                    self.supervisor.log_tail()
                );
            }
        }
        bail!(
            "Redis does not answer after {START_LIMIT:?}; the end of its log:\n{}",
            self.supervisor.log_tail()
        )
    }

    /// Stops the server's clock (SIGSTOP): it holds its connections and answers nothing.
    pub fn freeze(&self) -> Result<()> {
        self.supervisor.ask("freeze").map(drop)
    }

    /// Lets a frozen server go on (SIGCONT).
    pub fn thaw(&self) -> Result<()> {
        self.supervisor.ask("thaw").map(drop)
    }
}

/// The section `server` of INFO, which names the pid of who answers.
fn redis_info(port: u16) -> Result<String> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PROBE_LIMIT)?;
    stream.set_read_timeout(Some(PROBE_LIMIT))?;
    stream.write_all(b"INFO server\r\nQUIT\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// One MariaDB for all tests of a binary; each makes its own database, named by [`unique`].
pub async fn shared_mariadb() -> &'static MariaDb {
    static SERVER: OnceCell<MariaDb> = OnceCell::const_new();
    let server = SERVER
        .get_or_try_init(async || MariaDb::start(&MariaDbOptions::default()).await)
        .await;
    server.expect("the tests need a private MariaDB")
}

/// One Redis for all tests of a binary; each uses its own key prefix, made by [`unique`].
pub async fn shared_redis() -> &'static Redis {
    static SERVER: OnceCell<Redis> = OnceCell::const_new();
    SERVER
        .get_or_try_init(Redis::start)
        .await
        .expect("the tests need a private Redis")
}

/// A name that no other test uses: `prefix_PID_COUNT`.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{prefix}_{}_{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}
