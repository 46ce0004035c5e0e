//! wrk: as many requests as a server takes.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

/// The issue's number.
const CONNECTIONS: &str = "64";

/// One line of JSON at the end; requests themselves stay wrk's own, so that Lua costs nothing while it measures.
const SCRIPT: &str = r#"
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n@{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"max":%d,"failed":%d}\n',
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
"#;

/// What one run gave. Latencies in microseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Run {
    /// Answered.
    pub requests: u32,
    micros: u32,
    /// Half were faster.
    pub p50: u32,
    /// One in a hundred was slower.
    pub p99: u32,
    /// The slowest.
    pub max: u32,
    /// Not answered, or with 400 and above.
    pub failed: u32,
}

impl Run {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        f64::from(self.requests) / f64::from(self.micros) * 1e6
    }
}

/// Loads `path` for `time`, from one thread; `headers` are whole lines.
pub fn run(address: SocketAddr, path: &str, headers: &[&str], time: Duration) -> Result<Run> {
    run_in(1, address, path, headers, time)
}

/// The same from several threads, which share the connections.
pub fn run_in(
    threads: usize,
    address: SocketAddr,
    path: &str,
    headers: &[&str],
    time: Duration,
) -> Result<Run> {
    let script = tempfile::NamedTempFile::with_suffix(".lua").context("making a script")?;
    std::fs::write(script.path(), SCRIPT).context("writing a script for wrk")?;
    let seconds = format!("{}s", time.as_secs().max(1));
    let threads = threads.to_string();
    let mut command = Command::new("wrk");
    command.args(["-t", &threads, "-c", CONNECTIONS, "-d", &seconds]);
    command.args(["--latency", "-s"]);
    command.arg(script.path());
    for header in headers {
        command.args(["-H", header]);
    }
    let output = command.arg(format!("http://{address}{path}")).output();
    let output = output.context("starting wrk; on Debian it is in the package wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix('@'));
    let line = line.with_context(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("wrk gave no figures: {text}{errors}")
    })?;
    serde_json::from_str(line).context("the figures of wrk")
}
