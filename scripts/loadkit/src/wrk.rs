//! Runs wrk, which sends as many requests as a server answers.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::process::Command;

/// Enough to keep the server busy all the time.
pub(crate) const CONNECTIONS: &str = "64";

/// Prints one line of JSON at the end. It runs no Lua for each request, so it costs nothing during the measurement.
const SCRIPT: &str = r#"
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n@{"requests":%d,"micros":%d,"p99_micros":%d,"failed":%d}\n',
    summary.requests, summary.duration, latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
"#;

/// The result of one run.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct WrkResult {
    /// Requests with a response.
    pub(crate) requests: u32,
    /// Requests without a response, or with a status of 400 or above.
    pub(crate) failed: u32,
    /// The 99th percentile of the latency, in microseconds.
    pub(crate) p99_micros: u32,
    micros: u32,
}

impl WrkResult {
    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.requests) / f64::from(self.micros) * 1e6
    }
}

/// Requests `path` for `duration` from one thread. `headers` are whole lines.
pub(crate) async fn run(
    address: SocketAddr,
    path: &str,
    headers: &[String],
    duration: Duration,
) -> Result<WrkResult> {
    let script = tempfile::NamedTempFile::with_suffix(".lua").context("creating a script")?;
    std::fs::write(script.path(), SCRIPT).context("writing a script for wrk")?;
    let seconds = format!("{}s", duration.as_secs().max(1));
    let mut command = Command::new("wrk");
    command.args(["-t", "1", "-c", CONNECTIONS, "-d", &seconds]);
    command.args(["--latency", "-s"]).arg(script.path());
    for header in headers {
        command.args(["-H", header]);
    }
    command.arg(format!("http://{address}{path}"));
    let output = command.kill_on_drop(true).output().await;
    let output = output.context("starting wrk; on Debian it is in the package wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix('@'));
    let line = line.with_context(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("wrk printed no result: {text}{errors}")
    })?;
    serde_json::from_str(line).context("parsing the result of wrk")
}
