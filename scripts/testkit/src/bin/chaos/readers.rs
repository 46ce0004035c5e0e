//! The clients of a soak: they read every path and the stream, and accept broken connections but no wrong responses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::Value;
use testkit::oracle::PATHS;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::desk::Truth;
use crate::judge::Judge;

/// Between two rounds of a reader.
const ROUND: Duration = Duration::from_millis(200);
/// Responses come from memory. One that takes longer comes from a frozen gateway, which is one of the faults.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads all paths of the gateway at `port` for ever.
pub(crate) async fn read(port: u16, truth: Truth, judge: Arc<Judge>) {
    let mut newest: BTreeMap<String, String> = BTreeMap::new();
    loop {
        for path in PATHS
            .into_iter()
            .chain(["visitors/summary", "books/summary", "visitors/today"])
        {
            let Ok((status, body)) = get(port, &format!("/api/{path}")).await else {
                judge.saw("reads that found no gateway");
                continue;
            };
            judge.saw("reads answered");
            match status {
                200 if path == "visitors/today" => check_today(&body, &truth, &judge),
                200 => {
                    let at = body["generated_at"].as_str().unwrap_or_default().to_owned();
                    let before = newest.entry(path.to_owned()).or_default();
                    if at < *before {
                        judge.finds(format!("{path} went back from {before} to {at}"));
                    }
                    *before = at;
                }
                202 => judge.saw("reads answered 202"),
                _ => judge.finds(format!("{path} was answered {status}: {body}")),
            }
        }
        sleep(ROUND).await;
    }
}

/// Follows the stream of the gateway at `port` for ever.
pub(crate) async fn follow(port: u16, truth: Truth, judge: Arc<Judge>) {
    let mut last = String::new();
    loop {
        let ended = events(port, |data| {
            if data["path"].is_string() {
                return judge.saw("changes told");
            }
            judge.saw("events");
            check_today(&data, &truth, &judge);
            let day = data["date"].as_str().unwrap_or_default().to_owned();
            if day < last {
                judge.finds(format!("a stream went back from {last} to {day}"));
            }
            last = day;
        });
        drop(ended.await);
        judge.saw("streams ended");
        sleep(ROUND).await;
    }
}

/// A count is of its day, was right when it was made, and is not shown for long after.
fn check_today(data: &Value, truth: &Truth, judge: &Judge) {
    let at = data["generated_at"]
        .as_str()
        .or_else(|| data["at"].as_str());
    let at = at.and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let (Some(at), Some(total)) = (at, data["total"].as_u64()) else {
        return judge.finds(format!("not a count: {data}"));
    };
    if data["date"] != truth.day(at).to_string() {
        judge.finds(format!("a count of another day: {data}"));
    }
    if !truth.was(total, at) {
        judge.finds(format!(
            "{total} was never right before {at}; now {}",
            truth.total()
        ));
    }
}

/// The newest count in the stream of the gateway at `port` within a moment.
pub(crate) async fn shown(port: u16) -> Option<u64> {
    let (status, body) = get(port, "/api/visitors/today").await.ok()?;
    (status == 200).then(|| body["total"].as_u64()).flatten()
}

/// One request on a connection of its own.
pub(crate) async fn get(port: u16, path: &str) -> Result<(u16, Value)> {
    let answer = timeout(PATIENCE, async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    });
    let answer = answer.await.context("no answer")??;
    let (head, body) = answer.split_once("\r\n\r\n").context("no whole answer")?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok((status.context("no status")?, serde_json::from_str(body)?))
}

/// Hands the data of each event to `each`, until the stream ends.
async fn events(port: u16, mut each: impl FnMut(Value)) -> Result<()> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let request = "GET /api/visitors/today/stream HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.get_mut().write_all(request.as_bytes()).await?;
    let mut line = String::new();
    while timeout(PATIENCE, stream.read_line(&mut line)).await?? > 0 {
        if let Some(data) = line.strip_prefix("data: ") {
            each(serde_json::from_str(data)?);
        }
        line.clear();
    }
    bail!("it ended")
}
