//! A minimal HTTP client: one GET, the status and the body.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The gateway answers from memory; two seconds mean that it does not.
const LIMIT: Duration = Duration::from_secs(2);

/// GETs `path` from 127.0.0.1.
pub(crate) async fn get(port: u16, path: &str) -> Result<(u16, String)> {
    timeout(LIMIT, exchange(port, path))
        .await
        .with_context(|| format!("no answer to {path} within {LIMIT:?}"))?
}

async fn exchange(port: u16, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .context("connecting to the gateway")?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .context("asking the gateway")?;
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .await
        .context("hearing the gateway")?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the gateway answered something else than HTTP")?;
    let status = head
        .split(' ')
        .nth(1)
        .context("the gateway gave no status")?;
    Ok((
        status
            .parse()
            .context("the gateway's status is no number")?,
        body.to_owned(),
    ))
}

/// Today's total from the gateway, or `None` while it is not known.
pub(crate) async fn today(port: u16) -> Option<u64> {
    let (status, body) = get(port, "/api/visitors/today").await.ok()?;
    let json: serde_json::Value = serde_json::from_str(&body).ok().filter(|_| status == 200)?;
    json["total"].as_u64()
}
