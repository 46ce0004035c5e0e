//! A private Prometheus server.

use crate::http::fetch;
use crate::process::{Process, folder, free_port, program};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// It creates its database first.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running Prometheus. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Prometheus {
    port: u16,
    _process: Process,
    _folder: Arc<TempDir>,
}

impl Prometheus {
    /// Starts a Prometheus with these files, each a name and a text, and waits until it answers. `prometheus.yml` is
    /// its configuration.
    pub async fn start(files: &[(&str, String)]) -> Result<Self> {
        let folder = folder("prometheus")?;
        for (name, text) in files {
            fs::write(folder.path().join(name), text).with_context(|| format!("writing {name}"))?;
        }
        let port = free_port()?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let args = [
            format!("--config.file={}", path("prometheus.yml")),
            format!("--storage.tsdb.path={}", path("data")),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=warn".to_owned(),
        ];
        let program = program("prometheus", "prometheus")?;
        let mut process = Process::spawn_in(&folder, &program, &args, &[])?;
        let is_ready = async || matches!(fetch(port, "/-/ready").await, Ok((200, _)));
        process.wait_ready(START_LIMIT, is_ready).await?;
        Ok(Self {
            port,
            _process: process,
            _folder: folder,
        })
    }

    /// The current series of an expression: `[{ metric: { … }, value: [time, text] }]`.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let encoded: String = expression
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let path = format!("/api/v1/query?query={encoded}");
        self.get(&path, "/data/result").await
    }

    /// The alerts that fire now: `[{ labels: { alertname, … }, annotations: { summary, … }, … }]`.
    pub async fn firing(&self) -> Result<Vec<Value>> {
        let mut alerts = self.get("/api/v1/alerts", "/data/alerts").await?;
        alerts.retain(|alert| alert["state"] == "firing");
        Ok(alerts)
    }

    async fn get(&self, path: &str, pointer: &str) -> Result<Vec<Value>> {
        let (status, body) = fetch(self.port, path).await?;
        let json: Value =
            serde_json::from_str(&body).with_context(|| format!("{status} {body}"))?;
        let list = json.pointer(pointer).and_then(Value::as_array).cloned();
        list.with_context(|| format!("{path}: {status} {body}"))
    }
}
