//! Runs the real binaries as child processes, and finds free ports for them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::discretion;
use crate::supervisor::tail;

/// Below the range from which Linux draws ports for outgoing connections: none of those can sit on a port of ours.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// How many ports are looked at before giving up.
const PORT_LOOKS: u32 = 1000;

/// How often an ended process is looked for.
const POLL: Duration = Duration::from_millis(10);

/// Kills the process group and removes the log's folder at the end of its input, unless it reads `done` first.
const WATCH: &str = r#"read -r word; [ "$word" = done ] || { kill -KILL "-$1"; rm -rf "$2"; }"#;

/// A running program, such as a binary of this workspace. Dropping it kills its process group; so does the end of our
/// own process. A name or a secret in its log fails the test that drops it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// A shell whose input is a pipe that we hold.
    watch: Child,
    folder: TempDir,
    /// What its log must not hold.
    secrets: Vec<String>,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `binary` from the target folder of the running test. Its environment is `env` and PATH.
    pub fn spawn(binary: &str, env: &[(&str, String)]) -> Result<Self> {
        Self::spawn_at(&binary_path(binary)?, &[], env)
    }

    /// Starts the program at `path`. Its environment is `env` and PATH.
    pub fn spawn_at(path: &Path, args: &[&str], env: &[(&str, String)]) -> Result<Self> {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let folder = tempfile::Builder::new()
            .prefix("testkit-process-")
            .tempdir()
            .context("making a folder for a log")?;
        let log = File::create(folder.path().join("log")).context("making a log")?;
        let errors = log.try_clone().context("sharing a log")?;
        let mut child = Command::new(path)
            .args(args)
            .env_clear()
            .envs(search_path().map(|path| ("PATH", path)))
            .envs(env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // Ctrl-C in a terminal is ours to handle, not the child's; and what it starts ends with it.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", path.display()))?;
        let watch = Command::new("sh")
            .args(["-c", WATCH, "testkit", &child.id().to_string()])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match watch {
            Ok(watch) => Ok(Self {
                name,
                child,
                watch,
                folder,
                secrets: discretion::secrets(env),
                ended: None,
            }),
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                Err(error).context("starting a shell to watch over a process")
            }
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its own folder, which holds its log and is deleted on drop.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The number of its open file descriptors.
    pub fn open_files(&self) -> Result<usize> {
        let folder = format!("/proc/{}/fd", self.pid());
        let files = fs::read_dir(folder).context("looking at its descriptors")?;
        Ok(files.count())
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.context("looking at its memory")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kib.context("the kernel does not tell its memory")? << 10)
    }

    /// The file that receives its standard output and error.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Everything that it has written to its standard output and error.
    pub fn log(&self) -> String {
        fs::read(self.log_path())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The end of the log, for error messages.
    pub fn log_tail(&self) -> String {
        tail(&self.log()).to_owned()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If the process has ended and its exit status was read.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if self.ended.is_some() {
            bail!("{} has ended already", self.name);
        }
        let pid = i32::try_from(self.child.id()).context("a pid that does not fit")?;
        kill(Pid::from_raw(pid), signal)
            .with_context(|| format!("sending {signal} to {}", self.name))
    }

    /// Its exit status, or `None` while it runs.
    pub fn try_exit(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self
                .child
                .try_wait()
                .with_context(|| format!("looking after {}", self.name))?;
            if self.ended.is_some() {
                self.release();
            }
        }
        Ok(self.ended)
    }

    /// Waits for its end, for `limit` at most. The error shows the end of its log.
    pub async fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.try_exit()? {
                return Ok(status);
            }
            if began.elapsed() > limit {
                bail!(
                    "{} still runs after {limit:?}; the end of its log:\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Tells the watching shell that there is nothing left to kill, before the pid can be another's.
    fn release(&mut self) {
        if let Some(mut input) = self.watch.stdin.take() {
            input.write_all(b"done\n").ok();
        }
        self.watch.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // Its group has its pid.
            if let Ok(group) = i32::try_from(self.child.id()) {
                killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
            }
            // Released before it is reaped: until then the pid is surely its own.
            self.release();
            self.child.wait().ok();
        }
        let log = self.log();
        if let Some(line) = discretion::leak(&log, &self.secrets) {
            let told = format!("a name or a secret is in the log of {}: {line}", self.name);
            // A second panic would end all tests at once, without a word about the first.
            assert!(thread::panicking(), "{told}");
            drop(writeln!(std::io::stderr(), "{told}"));
        }
    }
}

/// The path `target/<profile>/<binary>` next to the running test or program.
pub fn binary_path(binary: &str) -> Result<PathBuf> {
    let me = std::env::current_exe().context("finding the running program")?;
    let mut folder = me.parent().context("the running program has no folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("the folder deps has no parent")?;
    }
    let path = folder.join(binary);
    if path.is_file() {
        return Ok(path);
    }
    let release = if folder.ends_with("release") {
        " --release"
    } else {
        ""
    };
    bail!(
        "{} is not there; run `cargo build{release} -p {binary}` first",
        path.display()
    )
}

/// The path of a program of Debian's `package`: `installed`, or below the target folder, where scripts/install may have
/// unpacked the package.
pub fn installed_or_unpacked(installed: &str, package: &str) -> Result<PathBuf> {
    let me = std::env::current_exe().context("finding the running program")?;
    let unpacked = format!("bench/{package}{installed}");
    let unpacked = me.ancestors().map(|folder| folder.join(&unpacked));
    let mut candidates = std::iter::once(PathBuf::from(installed)).chain(unpacked);
    let found = candidates.find(|path| path.is_file());
    found.with_context(|| format!("{installed} is not there; scripts/install {package} unpacks it"))
}

/// PATH, the one variable that children inherit.
#[allow(
    clippy::disallowed_methods,
    reason = "PATH is no configuration; it finds the servers and the shell"
)]
pub(crate) fn search_path() -> Option<OsString> {
    std::env::var_os("PATH")
}

/// A TCP port on 127.0.0.1 on which no process listens now.
pub fn free_port() -> Result<u16> {
    let seed = RandomState::new();
    for look in 0..PORT_LOOKS {
        let span = u64::from(PORTS.end - PORTS.start);
        let offset = u16::try_from(seed.hash_one(look) % span).context("a span of ports fits")?;
        let port = PORTS.start + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port among {PORT_LOOKS}")
}
