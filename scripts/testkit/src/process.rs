//! Runs real programs as child processes, and finds free ports for them.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::redaction;

/// Below the range that Linux uses for outgoing connections, so that none of those holds a port of ours.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
const PORT_TRIES: u32 = 1000;
/// The time between two checks whether a process has ended.
const POLL: Duration = Duration::from_millis(10);
/// The part of a log that an error shows, in characters.
const LOG_TAIL: usize = 3000;

/// Kills the process group and removes its folder at the end of its input, unless it reads `done` first.
const GUARD: &str = r#"read -r word; [ "$word" = done ] || { kill -KILL "-$1"; rm -rf "$2"; }"#;

/// A running program, such as a binary of this workspace. Dropping it kills its process group; so does the end of this
/// process. A name or a secret in its log fails the test that drops it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// A shell whose input is a pipe from this process, so that it notices the end of this process.
    guard: Child,
    folder: Arc<TempDir>,
    /// The secrets that its log must not contain, or `None` if the log is not checked.
    secrets: Option<Vec<String>>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `binary` from the target folder of the running test. Its environment is `env` and PATH.
    pub fn spawn(binary: &str, env: &[(&str, String)]) -> Result<Self> {
        Self::spawn_at(&binary_path(binary)?, &[], env)
    }

    /// Starts the program at `path`. Its environment is `env` and PATH.
    pub fn spawn_at(path: &Path, args: &[&str], env: &[(&str, String)]) -> Result<Self> {
        let mut process = Self::spawn_in(&folder("process")?, path, args, env)?;
        process.secrets = Some(redaction::secrets(env));
        Ok(process)
    }

    /// The same with its log in `folder`. The log is not checked.
    pub(crate) fn spawn_in(
        folder: &Arc<TempDir>,
        path: &Path,
        args: &[impl AsRef<OsStr>],
        env: &[(&str, String)],
    ) -> Result<Self> {
        let log = File::create(folder.path().join("log")).context("creating a log")?;
        let errors = log.try_clone().context("sharing a log")?;
        let mut child = Command::new(path)
            .args(args)
            .env_clear()
            .envs(search_path().map(|path| ("PATH", path)))
            .envs(env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // A group of its own: Ctrl-C in a terminal must not reach it before us.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", path.display()))?;
        let guard = guard(
            GUARD,
            &[child.id().to_string().as_ref(), folder.path().as_ref()],
        );
        match guard {
            Ok(guard) => Ok(Self {
                name: path.file_name().unwrap_or_default().display().to_string(),
                child,
                guard,
                folder: Arc::clone(folder),
                secrets: None,
                status: None,
            }),
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                Err(error)
            }
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The number of its open file descriptors.
    pub fn open_files(&self) -> Result<usize> {
        let folder = format!("/proc/{}/fd", self.pid());
        let files = fs::read_dir(folder).context("counting descriptors")?;
        Ok(files.count())
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.context("reading its memory")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kib.context("the kernel does not report its memory")? << 10)
    }

    /// The file that receives its standard output and error.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Everything that it has written to its standard output and error.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of the log, for error messages.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let start = log.char_indices().rev().nth(LOG_TAIL);
        log[start.map_or(0, |(at, _)| at)..].to_owned()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If the process has ended and its exit status was read.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if self.status.is_some() {
            bail!("{} has ended already", self.name);
        }
        let pid = i32::try_from(self.child.id()).context("a pid that does not fit")?;
        kill(Pid::from_raw(pid), signal)
            .with_context(|| format!("sending {signal} to {}", self.name))
    }

    /// Its exit status, or `None` while it runs.
    pub fn try_exit(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            let status = self.child.try_wait();
            self.status = status.with_context(|| format!("waiting for {}", self.name))?;
            if self.status.is_some() {
                self.release();
            }
        }
        Ok(self.status)
    }

    /// Waits for its end, for `limit` at most. The error shows the end of its log.
    pub async fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.try_exit()? {
                return Ok(status);
            }
            if began.elapsed() > limit {
                let (name, log) = (&self.name, self.log_tail());
                bail!("{name} still runs after {limit:?}; the end of its log:\n{log}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until `is_ready` returns true.
    ///
    /// # Errors
    /// If the process ends before, or after `limit`. The error shows the end of its log.
    pub async fn wait_ready(
        &mut self,
        limit: Duration,
        mut is_ready: impl AsyncFnMut() -> bool,
    ) -> Result<()> {
        let began = Instant::now();
        while !is_ready().await {
            if self.try_exit()?.is_some() || began.elapsed() > limit {
                bail!("{} does not start: {}", self.name, self.log_tail());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Tells the guarding shell that there is nothing left to kill, before the pid can belong to another process.
    fn release(&mut self) {
        if let Some(mut input) = self.guard.stdin.take() {
            input.write_all(b"done\n").ok();
        }
        self.guard.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.status.is_none() {
            // The group has the pid of its first process.
            if let Ok(group) = i32::try_from(self.child.id()) {
                killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
            }
            // Until the child is waited for, its pid cannot belong to another process.
            self.release();
            self.child.wait().ok();
        }
        let Some(secrets) = &self.secrets else { return };
        if let Some(line) = redaction::find(&self.log(), secrets) {
            let message = format!("a name or a secret is in the log of {}: {line}", self.name);
            // A second panic would abort all tests and hide the first.
            assert!(thread::panicking(), "{message}");
            drop(writeln!(std::io::stderr(), "{message}"));
        }
    }
}

/// Starts a shell that runs `script` when its input ends: at the latest at the end of this process, whatever ends it.
pub(crate) fn guard(script: &str, args: &[&OsStr]) -> Result<Child> {
    let shell = Command::new("sh")
        .args(["-c", script, "testkit"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    shell.context("starting a shell to clean up")
}

/// A new temporary folder, named after `name`.
pub(crate) fn folder(name: &str) -> Result<Arc<TempDir>> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("testkit-{name}-"))
        .tempdir();
    Ok(Arc::new(folder.context("creating a temporary folder")?))
}

/// The path `target/<profile>/<binary>` next to the running test or program.
pub fn binary_path(binary: &str) -> Result<PathBuf> {
    let running = std::env::current_exe().context("finding the running program")?;
    let mut folder = running
        .parent()
        .context("the running program has no folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("the folder deps has no parent")?;
    }
    let path = folder.join(binary);
    // The folder has the name of the profile, except for `dev`.
    let profile = match folder.file_name() {
        Some(name) if name != "debug" => name.display().to_string(),
        _ => "dev".to_owned(),
    };
    anyhow::ensure!(
        path.is_file(),
        "{} does not exist; run `cargo build --profile {profile} -p {binary}` first",
        path.display()
    );
    Ok(path)
}

/// Finds a program in PATH, in the folders where Debian has servers, and where `scripts/install` unpacks packages.
///
/// # Errors
/// If it is not installed. The error names the package.
pub fn program(name: &str, package: &str) -> Result<PathBuf> {
    let path = search_path().unwrap_or_default();
    let installed = std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from));
    let mut candidates = installed.map(|folder| folder.join(name));
    match candidates.find(|candidate| candidate.is_file()) {
        Some(found) => Ok(found),
        None => unpacked(name, package),
    }
}

/// Finds a program where `scripts/install` unpacks the package, and nowhere else.
///
/// # Errors
/// If it is not there. The error names the package.
pub(crate) fn unpacked(name: &str, package: &str) -> Result<PathBuf> {
    let running = std::env::current_exe().context("finding the running program")?;
    let mut candidates = running.ancestors().flat_map(|folder| {
        ["sbin", "bin"].map(|bin| folder.join(format!("bench/{package}/usr/{bin}/{name}")))
    });
    let found = candidates.find(|candidate| candidate.is_file());
    found.with_context(|| {
        format!("{name} is not installed; Debian's package {package} or scripts/install has it")
    })
}

/// The server that a variable such as `TEST_REDIS` chooses for a whole run of tests; `None` for the system's.
#[allow(
    clippy::disallowed_methods,
    reason = "it chooses the servers of the kit, and no process of ours reads it"
)]
pub(crate) fn chosen(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    value.filter(|value| !value.is_empty())
}

/// PATH, the only variable that children inherit.
#[allow(
    clippy::disallowed_methods,
    reason = "PATH is no configuration; it finds the servers and the shell"
)]
fn search_path() -> Option<OsString> {
    std::env::var_os("PATH")
}

/// A TCP port on 127.0.0.1 on which no process listens now. This process gets each port once: two tests that chose one at
/// random could choose the same before either listens.
pub fn free_port() -> Result<u16> {
    static NEXT: LazyLock<AtomicU64> =
        LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(0)));
    for _ in 0..PORT_TRIES {
        let span = u64::from(PORTS.end - PORTS.start);
        let offset = NEXT.fetch_add(1, Ordering::Relaxed) % span;
        let port = PORTS.start + u16::try_from(offset).context("a span of ports fits")?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port among {PORT_TRIES}")
}
