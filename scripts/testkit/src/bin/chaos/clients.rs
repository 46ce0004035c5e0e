//! Clients that read every path and the stream. They accept broken connections, but no wrong responses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use serde_json::Value;
use testkit::http::{RESPONSE_LIMIT, fetch};
use testkit::oracle::PATHS;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::report::Report;
use crate::visits::TrueCount;

/// The pause between two rounds of a reader.
const PAUSE: Duration = Duration::from_millis(200);
pub(crate) const TODAY: &str = "visitors/today";
pub(crate) const CIRCULATION: &str = "books/circulation";
const SUMMARIES: [&str; 3] = ["visitors/summary", "books/summary", "members/summary"];

/// Every path of the API that has a JSON response.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    PATHS.into_iter().chain(SUMMARIES).chain([TODAY])
}

/// The status and the JSON of a response.
pub(crate) async fn get(port: u16, path: &str) -> Result<(u16, Value)> {
    let (status, body) = fetch(port, &format!("/api/{path}")).await?;
    Ok((status, serde_json::from_str(&body)?))
}

/// Reads all paths of the gateway at `port` for ever.
pub(crate) async fn read(port: u16, truth: TrueCount, report: Arc<Report>) {
    let mut newest: BTreeMap<&str, String> = BTreeMap::new();
    loop {
        for path in paths() {
            let Ok((status, body)) = get(port, path).await else {
                report.count("reads without a response");
                continue;
            };
            report.count("reads");
            match status {
                200 if path == TODAY => check_count(&body, &truth, &report),
                200 => {
                    let at = body["generated_at"].as_str().unwrap_or_default().to_owned();
                    let before = newest.entry(path).or_default();
                    if at < *before {
                        report.finding(format!("{path} went back from {before} to {at}"));
                    }
                    *before = at;
                }
                202 => report.count("reads with status 202"),
                _ => report.finding(format!("{path} has status {status}: {body}")),
            }
        }
        sleep(PAUSE).await;
    }
}

/// Follows the stream of the gateway at `port` for ever.
pub(crate) async fn follow(port: u16, truth: TrueCount, report: Arc<Report>) {
    let mut last_day = String::new();
    loop {
        let ended = events(port, |data| {
            if data["path"].is_string() {
                return report.count("change notices");
            }
            report.count("events");
            check_count(&data, &truth, &report);
            let day = data["date"].as_str().unwrap_or_default().to_owned();
            if day < last_day {
                report.finding(format!("a stream went back from {last_day} to {day}"));
            }
            last_day = day;
        });
        drop(ended.await);
        report.count("ends of streams");
        sleep(PAUSE).await;
    }
}

/// A count must be of its day, and right when it was counted.
fn check_count(data: &Value, truth: &TrueCount, report: &Report) {
    let at = data["generated_at"]
        .as_str()
        .or_else(|| data["at"].as_str());
    let at = at.and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let (Some(at), Some(total)) = (at, data["total"].as_u64()) else {
        return report.finding(format!("not a count: {data}"));
    };
    if data["date"] != truth.day(at).to_string() {
        report.finding(format!("a count of another day: {data}"));
    }
    if !truth.was(total, at) {
        let now = truth.total();
        report.finding(format!("{total} was never right before {at}; now {now}"));
    }
}

/// Passes the data of each event to `each`, until the stream ends.
async fn events(port: u16, mut each: impl FnMut(Value)) -> Result<()> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let request = "GET /api/visitors/today/stream HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.get_mut().write_all(request.as_bytes()).await?;
    let mut line = String::new();
    while timeout(RESPONSE_LIMIT, stream.read_line(&mut line)).await?? > 0 {
        if let Some(data) = line.strip_prefix("data: ") {
            each(serde_json::from_str(data)?);
        }
        line.clear();
    }
    bail!("it ended")
}
