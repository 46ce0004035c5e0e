//! A private Prometheus server.

use crate::process::{Process, free_port, installed_or_unpacked};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// It makes its database first.
const START_LIMIT: Duration = Duration::from_secs(30);
/// It answers from memory.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A running Prometheus. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    /// Held while it runs.
    _process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts a Prometheus with these files, each a name and a text, and waits until it answers. `prometheus.yml` is
    /// its configuration.
    pub async fn start(files: &[(&str, String)]) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("testkit-prometheus-")
            .tempdir();
        let folder = folder.context("making a folder for Prometheus")?;
        for (name, text) in files {
            fs::write(folder.path().join(name), text).with_context(|| format!("writing {name}"))?;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let path = |name: &str| folder.path().join(name).display().to_string();
        let arguments = [
            format!("--config.file={}", path("prometheus.yml")),
            format!("--storage.tsdb.path={}", path("data")),
            format!("--web.listen-address={address}"),
            "--log.level=warn".to_owned(),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let program = installed_or_unpacked("/usr/bin/prometheus", "prometheus")?;
        let mut process = Process::spawn_at(&program, &arguments, &[])?;
        let began = Instant::now();
        while get(address, "/-/ready").await.is_err() {
            if process.try_exit()?.is_some() || began.elapsed() > START_LIMIT {
                bail!("Prometheus does not start: {}", process.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self {
            address,
            _process: process,
            _folder: folder,
        })
    }

    /// The current series of an expression: `[{ metric: { … }, value: [time, text] }]`.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let path = format!("/api/v1/query?query={}", percent_encoded(expression));
        let answer = get(self.address, &path).await;
        let answer = answer.with_context(|| format!("asking for {expression}"))?;
        let series = answer["data"]["result"].as_array().cloned();
        series.with_context(|| format!("no series for {expression}: {answer}"))
    }

    /// The alerts that fire now: `[{ labels: { alertname, … }, annotations: { summary, … }, … }]`.
    pub async fn firing(&self) -> Result<Vec<Value>> {
        let answer = get(self.address, "/api/v1/alerts").await?;
        let alerts = answer["data"]["alerts"].as_array().cloned();
        let mut alerts = alerts.with_context(|| format!("no alerts: {answer}"))?;
        alerts.retain(|alert| alert["state"] == "firing");
        Ok(alerts)
    }
}

/// What is answered with 200, as JSON, or null where it is none. In HTTP/1.0, whose answers are not in chunks.
async fn get(address: SocketAddr, path: &str) -> Result<Value> {
    let exchange = async {
        let mut socket = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(ANSWER_LIMIT, exchange).await;
    let answer = answer.context("no answer of Prometheus in time")??;
    let (head, body) = answer.split_once("\r\n\r\n").context("a cut answer")?;
    ensure!(head.contains(" 200 OK\r\n"), "{head}: {body}");
    Ok(serde_json::from_str(body).unwrap_or(Value::Null))
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => encoded.push(byte.into()),
            // A String takes whatever is written to it.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
        encoded
    })
}
