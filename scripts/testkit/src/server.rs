//! Private Redis servers. Each has a free port and a folder, and ends with its owner, even if that is killed. MariaDB
//! has its own module.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::eventually::eventually;
use crate::process::{free_port, search_path};
use crate::supervisor::Supervisor;

/// A server is up in a second or two; on a busy machine crash recovery may take longer.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(60);

/// Another process can take a port between our look and the server's bind; five times in a row it will not.
pub(crate) const PORT_TRIES: u32 = 5;

/// One probe of a starting server; a stranger on our port may never answer.
pub(crate) const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// A private Redis server without persistence. Dropping it ends the server and removes its folder.
#[derive(Debug)]
pub struct Redis {
    supervisor: Arc<Supervisor>,
    port: u16,
}

impl Redis {
    /// Starts a server and waits until it answers.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same with more flags, such as `--maxmemory`, `1mb`.
    pub async fn start_with(extra: &[&str]) -> Result<Self> {
        Self::launch("", extra).await
    }

    /// The same with a file of `settings`, which the server may overwrite.
    pub(crate) async fn launch(settings: &str, extra: &[&str]) -> Result<Self> {
        let redis = program("redis-server", "redis-server")?;
        let supervisor = Supervisor::new("redis")?;
        let file = supervisor.dir().join("redis.conf");
        std::fs::write(&file, settings).context("configuring a private Redis")?;
        let file = file.display().to_string();
        let mut last = None;
        for _ in 0..PORT_TRIES {
            let server = Self {
                supervisor: Arc::clone(&supervisor),
                port: free_port()?,
            };
            let dir = supervisor.dir().display().to_string();
            let port = server.port.to_string();
            let flags = [
                &file,
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
                .chain(extra.iter().copied())
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

    /// Runs redis-cli with these arguments against this server, and returns its output.
    ///
    /// # Errors
    /// If redis-cli cannot be run or fails. The error has its output.
    pub async fn ask(&self, args: &[&str]) -> Result<String> {
        let mut cli = tokio::process::Command::new(program("redis-cli", "redis-tools")?);
        // With -e its exit status is an error if the server replies with one.
        cli.args(["-p", &self.port.to_string(), "-e"]).args(args);
        let output = timeout(START_LIMIT, cli.kill_on_drop(true).output()).await;
        let output = output.context("redis-cli does not end")?;
        let output = output.context("running redis-cli")?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("redis-cli {args:?}: {error}{printed}");
        }
        Ok(printed)
    }

    /// Waits until it is a replica that has all data of its primary.
    pub async fn await_in_sync(&self) {
        eventually("the replica is in sync", START_LIMIT, async || {
            let info = self.ask(&["INFO", "replication"]).await;
            let info = info.ok()?;
            info.contains("master_link_status:up").then_some(())
        })
        .await;
    }

    /// Stops the server (SIGTERM) and waits for its end.
    pub async fn stop(&self) -> Result<()> {
        self.supervisor.say("stop").await.map(drop)
    }

    /// Kills the server (SIGKILL).
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

    /// Freezes the server (SIGSTOP): it keeps its connections and answers nothing.
    pub fn freeze(&self) -> Result<()> {
        self.supervisor.ask("freeze").map(drop)
    }

    /// Continues a frozen server (SIGCONT).
    pub fn thaw(&self) -> Result<()> {
        self.supervisor.ask("thaw").map(drop)
    }
}

/// The section `server` of INFO, which has the pid of the server that answers.
fn redis_info(port: u16) -> Result<String> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PROBE_LIMIT)?;
    stream.set_read_timeout(Some(PROBE_LIMIT))?;
    // A Sentinel knows no QUIT: an answer ends with an empty line at the latest.
    stream.write_all(b"INFO server\r\n")?;
    let mut answer = String::new();
    for line in BufReader::new(stream).lines() {
        match line?.as_str() {
            "" => break,
            line => answer.extend([line, "\r\n"]),
        }
    }
    Ok(answer)
}

/// The Redis that all tests of a binary share. Each test uses its own key prefix, made by [`unique`].
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

/// Finds a program in PATH and in the folders where Debian has servers.
///
/// # Errors
/// If it is not installed. The error names the package.
pub fn program(name: &str, package: &str) -> Result<String> {
    let path = search_path()
        .map(|path| path.to_string_lossy().into_owned())
        .unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/usr/bin", "/usr/local/bin"])
        .map(|folder| Path::new(folder).join(name))
        .find(|candidate| candidate.is_file())
        .map(|found| found.display().to_string())
        .with_context(|| {
            format!("{name} is not installed; on Debian it is in the package {package}")
        })
}
