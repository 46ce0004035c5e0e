//! Private servers, which a test can stop, kill, freeze and start again, and Redis. MariaDB has its own module.

use std::fs;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::eventually::eventually;
use crate::process::{Process, chosen, folder, free_port, guard, program, unpacked};

/// A server is up in a second or two; on a busy machine crash recovery may take longer.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(60);
/// One probe of a starting server.
pub(crate) const PROBE_LIMIT: Duration = Duration::from_secs(2);
/// MariaDB writes its pages first.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A server process in its own folder. Dropping it kills the process and removes the folder; so does the end of this
/// process.
#[derive(Debug)]
pub struct Server {
    folder: Arc<TempDir>,
    program: PathBuf,
    args: Vec<String>,
    process: Mutex<Option<Process>>,
    /// A shell that removes the folder at the end of this process, even if the server is stopped then.
    guard: Child,
}

impl Server {
    pub(crate) fn new(folder: Arc<TempDir>, program: PathBuf, args: Vec<String>) -> Result<Self> {
        let guard = guard(r#"read -r word; rm -rf "$1""#, &[folder.path().as_ref()])?;
        Ok(Self {
            folder,
            program,
            args,
            process: Mutex::default(),
            guard,
        })
    }

    /// Starts the process, and waits until `is_ready` returns true for its pid.
    pub(crate) async fn start(&self, mut is_ready: impl AsyncFnMut(u32) -> bool) -> Result<()> {
        drop(self.process().take());
        let mut process = Process::spawn_in(&self.folder, &self.program, &self.args, &[])?;
        let pid = process.pid();
        let ready = async || {
            let probe = timeout(PROBE_LIMIT, is_ready(pid));
            probe.await.unwrap_or(false)
        };
        process.wait_ready(START_LIMIT, ready).await?;
        *self.process() = Some(process);
        Ok(())
    }

    /// The pid of the running server.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pid(&self) -> u32 {
        self.process().as_ref().expect("a running server").pid()
    }

    /// Stops the server (SIGTERM) and waits for its end.
    pub async fn stop(&self) -> Result<()> {
        self.end(Signal::SIGTERM).await
    }

    /// Kills the server (SIGKILL).
    pub async fn kill(&self) -> Result<()> {
        self.end(Signal::SIGKILL).await
    }

    /// Freezes the server (SIGSTOP): it keeps its connections and answers nothing.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Continues a frozen server (SIGCONT).
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Kills the process and removes the folder, as dropping the server does.
    pub fn remove(&self) {
        drop(self.process().take());
        fs::remove_dir_all(self.folder.path()).ok();
    }

    async fn end(&self, signal: Signal) -> Result<()> {
        let process = self.process().take();
        let Some(mut process) = process else {
            return Ok(());
        };
        process.signal(signal)?;
        // A frozen process handles SIGTERM only after this.
        process.signal(Signal::SIGCONT)?;
        process.wait_exit(STOP_LIMIT).await.map(drop)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let process = self.process();
        process
            .as_ref()
            .context("the server does not run")?
            .signal(signal)
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process().take());
        drop(self.guard.stdin.take());
        self.guard.wait().ok();
    }
}

/// The program of a Redis server: the system's, or the one that `TEST_REDIS` names and `scripts/install` has unpacked:
/// `redis-8`, `valkey-8` or `valkey-9`.
pub(crate) fn redis_program() -> Result<PathBuf> {
    match chosen("TEST_REDIS").as_deref() {
        None | Some("redis") => program("redis-server", "redis-server"),
        Some(package) if package.starts_with("valkey-") => unpacked("valkey-server", package),
        Some(package) => unpacked("redis-server", package),
    }
}

/// A private Redis server without persistence.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    port: u16,
}

impl Deref for Redis {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Redis {
    /// Starts a server and waits until it answers.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same with more flags, such as `--maxmemory`, `1mb`.
    pub async fn start_with(flags: &[&str]) -> Result<Self> {
        Self::start_with_file("", flags).await
    }

    /// The same with a configuration file, which the server may overwrite.
    pub(crate) async fn start_with_file(configuration: &str, flags: &[&str]) -> Result<Self> {
        let folder = folder("redis")?;
        let file = folder.path().join("redis.conf");
        std::fs::write(&file, configuration).context("configuring a private Redis")?;
        let port = free_port()?;
        let own = format!(
            "--port {port} --bind 127.0.0.1 -::1 --appendonly no --dir {}",
            folder.path().display()
        );
        let mut args = vec![file.display().to_string()];
        args.extend(own.split(' ').chain(["--save", ""]).map(str::to_owned));
        args.extend(flags.iter().copied().map(str::to_owned));
        let server = Server::new(folder, redis_program()?, args)?;
        let redis = Self { server, port };
        redis.start_again().await?;
        Ok(redis)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts a stopped or killed server again on the same port, empty, and waits until it answers.
    pub async fn start_again(&self) -> Result<()> {
        let is_ready = async |pid| {
            let info = self.command(&["INFO", "server"]).await;
            info.is_ok_and(|info| info.contains(&format!("process_id:{pid}\r\n")))
        };
        self.start(is_ready).await
    }

    /// Runs redis-cli with these arguments against this server, and returns its output.
    ///
    /// # Errors
    /// If redis-cli cannot be run or fails. The error has its output.
    pub async fn command(&self, args: &[&str]) -> Result<String> {
        self.long_command(args, START_LIMIT).await
    }

    /// The same with another limit than a minute.
    pub(crate) async fn long_command(&self, args: &[&str], limit: Duration) -> Result<String> {
        let mut cli = tokio::process::Command::new(program("redis-cli", "redis-tools")?);
        // With -e its exit status is an error if the server replies with one.
        cli.args(["-p", &self.port.to_string(), "-e"]).args(args);
        let output = timeout(limit, cli.kill_on_drop(true).output()).await;
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
            let info = self.command(&["INFO", "replication"]).await;
            let info = info.ok()?;
            info.contains("master_link_status:up").then_some(())
        })
        .await;
    }
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
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{}_{count}", std::process::id())
}
