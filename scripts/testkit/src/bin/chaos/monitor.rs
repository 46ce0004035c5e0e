//! Reads every command that Redis executes (MONITOR): which writes it accepted, and under which lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::report::Report;

/// The pause between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(20);
/// Far longer than Redis is ever silent while it works.
const SILENCE: Duration = Duration::from_secs(20);

/// The worker that published the last count, and how many counts there have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastCount {
    pub(crate) epoch: u64,
    pub(crate) pid: u32,
    pub(crate) counts: u64,
}

/// Watches for ever. A write of an older epoch after a newer one is stale, two workers with one epoch are both active,
/// and a write outside of a script has no fence.
pub(crate) async fn watch(port: u16, report: Arc<Report>, last_count: watch::Sender<LastCount>) {
    let mut monitor = Monitor {
        report,
        last_count,
        newest: (0, String::new()),
        lease: None,
    };
    loop {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            if stream.get_mut().write_all(b"MONITOR\r\n").await.is_ok() {
                while let Ok(Ok(1..)) = timeout(SILENCE, stream.read_line(&mut line)).await {
                    monitor.check(&line);
                    line.clear();
                }
            }
        }
        sleep(PAUSE).await;
    }
}

struct Monitor {
    report: Arc<Report>,
    last_count: watch::Sender<LastCount>,
    /// The newest epoch that wrote, and its worker. Epochs rise even across a Redis that has lost everything.
    newest: (u64, String),
    /// The lease that the current script names: epoch and worker.
    lease: Option<(u64, String)>,
}

impl Monitor {
    fn check(&mut self, line: &str) {
        let words = words(line);
        let from_script = line.contains(" lua] ");
        let command = words.first().map(|word| word.to_ascii_uppercase());
        match command.as_deref() {
            Some("EVAL") => self.lease = lease(&words),
            Some("SET" | "HSET" | "PUBLISH") if from_script => self.check_write(&words),
            Some("SET" | "HSET" | "DEL" | "EXPIRE" | "PEXPIRE") if !from_script => {
                self.report
                    .finding(format!("a write without a fence: {words:?}"));
            }
            _ => {}
        }
    }

    fn check_write(&mut self, words: &[&str]) {
        // The script that acquires the lease names no epoch.
        let Some(lease) = &self.lease else { return };
        self.report.count("fenced writes");
        let newest = &self.newest;
        if lease.0 < newest.0 {
            self.report.finding(format!(
                "a stale write of {lease:?} after {newest:?}: {words:?}"
            ));
        } else if lease.0 == newest.0 && lease.1 != newest.1 {
            self.report.finding(format!(
                "two workers with one epoch: {lease:?} and {newest:?}"
            ));
        } else {
            self.newest.clone_from(lease);
        }
        if words[0].eq_ignore_ascii_case("PUBLISH") && words[1].ends_with(":visitors:today") {
            let pid = lease.1.split(':').nth(1).and_then(|pid| pid.parse().ok());
            self.last_count.send_modify(|last| {
                *last = LastCount {
                    epoch: lease.0,
                    pid: pid.unwrap_or_default(),
                    counts: last.counts + 1,
                };
            });
        }
    }
}

/// The lease of `EVAL script count key … lease …`, if it has an epoch.
fn lease(words: &[&str]) -> Option<(u64, String)> {
    let keys: usize = words.get(2)?.parse().ok()?;
    let (epoch, worker) = words.get(3 + keys)?.split_once(' ')?;
    Some((epoch.parse().ok()?, worker.to_owned()))
}

/// The quoted words of a line. Quotes inside of a word are escaped.
fn words(line: &str) -> Vec<&str> {
    let (_, quoted) = line.trim_end().split_once('"').unwrap_or_default();
    quoted.trim_end_matches('"').split("\" \"").collect()
}
