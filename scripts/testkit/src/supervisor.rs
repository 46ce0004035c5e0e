//! Starts a server under a small shell, which obeys one command for each line of its input and ends the server at the
//! end of its input. The input is a pipe from this process, so the server ends with this process, in whatever way it
//! ends.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};

/// `sleep` is an external program on purpose: after it the shell reaps an ended server, so that `kill -0` tells the
/// truth. A pid is signalled only by the shell that has not reaped it, so it can never be somebody else's.
const SCRIPT: &str = r#"
dir=$1
pid=
trap '' HUP INT
end() {
  [ -n "$pid" ] || return 0
  kill "-$1" "$pid"; kill -CONT "$pid"
  turns=0
  while kill -0 "$pid" && [ "$turns" -lt "$2" ]; do sleep 0.02; turns=$((turns + 1)); done
  kill -KILL "$pid"; wait "$pid"
  pid=
}
while read -r word; do
  case $word in
    prepare) if sh "$dir/prepare" </dev/null >>"$dir/log" 2>&1; then echo done; else echo failed; fi ;;
    start) end KILL 500; sh "$dir/serve" </dev/null >>"$dir/log" 2>&1 & pid=$!; echo "$pid" ;;
    alive) sleep 0.02; if [ -n "$pid" ] && kill -0 "$pid"; then echo yes; else echo no; fi ;;
    freeze) if [ -n "$pid" ] && kill -STOP "$pid"; then echo done; else echo failed; fi ;;
    thaw) if [ -n "$pid" ] && kill -CONT "$pid"; then echo done; else echo failed; fi ;;
    stop) end TERM 1500; echo done ;;
    kill) end KILL 500; echo done ;;
  esac
done
end TERM 50
rm -rf "$dir"
"#;

/// How much of a log an error shows, in characters.
const TAIL: usize = 3000;

/// The holder of one supervised server and of its folder. Dropping it ends both.
#[derive(Debug)]
pub(crate) struct Supervisor {
    dir: PathBuf,
    shell: Mutex<Shell>,
    server: AtomicU32,
}

#[derive(Debug)]
struct Shell {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Supervisor {
    /// Makes a folder named after `name` in the temporary folder and a shell that minds it.
    pub(crate) fn new(name: &str) -> Result<Arc<Self>> {
        let dir = tempfile::Builder::new()
            .prefix(&format!("testkit-{name}-"))
            .tempdir()
            .context("making a folder for a private server")?
            .keep();
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT, "testkit"])
            .arg(&dir)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A group of its own: Ctrl-C in a terminal must not reach the servers before us.
            .process_group(0)
            .spawn()
            .context("starting a shell to mind a private server")?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the shell has no output")?;
        let shell = Shell {
            child,
            input,
            output: BufReader::new(output),
        };
        Ok(Arc::new(Self {
            dir,
            shell: Mutex::new(shell),
            server: AtomicU32::new(0),
        }))
    }

    /// The folder of the server; gone with the supervisor.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The pid of the server that was started last.
    pub(crate) fn server_pid(&self) -> u32 {
        self.server.load(Ordering::Relaxed)
    }

    /// Writes the command line that `word` (`prepare` or `serve`) will run.
    pub(crate) fn write(&self, word: &str, command: &[String]) -> Result<()> {
        let line: Vec<String> = command.iter().map(|part| quoted(part)).collect();
        fs::write(self.dir.join(word), format!("exec {}\n", line.join(" ")))
            .with_context(|| format!("writing the {word} command of a private server"))
    }

    /// Says one word to the shell and waits for its one line of answer.
    pub(crate) fn ask(&self, word: &str) -> Result<String> {
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        let input = shell
            .input
            .as_mut()
            .context("the supervisor has been closed")?;
        writeln!(input, "{word}").with_context(|| format!("asking the supervisor to {word}"))?;
        let mut line = String::new();
        shell
            .output
            .read_line(&mut line)
            .with_context(|| format!("hearing whether {word} was done"))?;
        match line.trim_end() {
            "" => bail!("the supervisor ended at {word}"),
            "failed" => bail!("{word} failed; the end of its log:\n{}", self.log_tail()),
            answer => Ok(answer.to_owned()),
        }
    }

    /// Starts the server, or starts it again, and gives its pid.
    pub(crate) async fn start(self: &Arc<Self>) -> Result<u32> {
        let pid = self
            .say("start")
            .await?
            .parse()
            .context("the pid of a started server")?;
        self.server.store(pid, Ordering::Relaxed);
        Ok(pid)
    }

    /// [`ask`](Self::ask) off the runtime's threads, since some words take seconds.
    pub(crate) async fn say(self: &Arc<Self>, word: &'static str) -> Result<String> {
        let me = Arc::clone(self);
        tokio::task::spawn_blocking(move || me.ask(word))
            .await
            .context("waiting for the supervisor")?
    }

    /// What the server has written, from the start.
    pub(crate) fn log(&self) -> String {
        fs::read(self.dir.join("log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The end of the log, for errors.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log()).to_owned()
    }

    /// Empties the log, so that a later look finds only what is new.
    pub(crate) fn clear_log(&self) -> Result<()> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.dir.join("log"))
            .context("emptying a log")?;
        Ok(())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let shell = self.shell.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(shell.input.take());
        // An error here means that the shell is gone already.
        shell.child.wait().ok();
    }
}

/// The last few thousand characters of a text.
pub(crate) fn tail(text: &str) -> &str {
    let start = text.char_indices().rev().nth(TAIL).map_or(0, |(at, _)| at);
    &text[start..]
}

/// A word that a shell reads as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
