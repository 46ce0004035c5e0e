//! Real clients of the stream while their only gateway is restarted: each comes back by itself.

use crate::house::House;
use crate::page::{INDONESIAN, look};
use anyhow::{Context as _, Result, ensure};
use frontkit::browser::SOON;
use frontkit::figures::TODAY;
use frontkit::harness::Test;
use frontkit::packages;
use frontkit::tools::Tool;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use tempfile::TempDir;
use testkit::eventually::eventually;
use testkit::server::program;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const CLIENTS: usize = 12;
const SCRIPT: &str = include_str!("../../client/eventsources.mjs");
/// With the default drain, so that the first streams that end come back while the gateway still stops.
const VARIABLES: [(&str, &str); 3] = [
    ("SHUTDOWN_DRAIN_SECONDS", "10"),
    // A browser opens six connections to one address, and a page may use several addresses.
    ("HOST", "0.0.0.0"),
    ("CORS_ORIGINS", "*"),
];

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = frontkit::tests![&[Tool::Node]; clients_of_npm_come_back_after_a_restart];
    tests.extend(frontkit::tests![&[Tool::Chromium]; browsers_come_back_after_a_restart]);
    tests
}

/// The clients of one process of Node.js.
struct Clients {
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
    _folder: TempDir,
}

impl Clients {
    fn start(url: &str) -> Result<Self> {
        // Where it finds the packages.
        let folder = TempDir::with_prefix_in("eventsources-", packages::folder()?)?;
        let script = folder.path().join("eventsources.mjs");
        fs::write(&script, SCRIPT)?;
        let mut process = Command::new(program("node", "nodejs")?)
            .arg(script)
            .args([url, &CLIENTS.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take().context("its output")?;
        Ok(Self {
            lines: BufReader::new(output).lines(),
            _process: process,
            _folder: folder,
        })
    }

    /// Waits until each has begun with `total` on a new stream, or until the limit; returns how many have.
    async fn begun_with(&mut self, total: u64) -> Result<usize> {
        let mut begun = BTreeSet::new();
        let all = timeout(SOON, async {
            while begun.len() < CLIENTS {
                let line = self.lines.next_line().await?.context("node has ended")?;
                let event: Value = serde_json::from_str(&line)?;
                ensure!(
                    event["event"] != "message",
                    "an event without a name: {line}"
                );
                if event["event"] == "init" && event["total"] == total {
                    begun.extend(event["client"].as_u64());
                }
            }
            Ok(())
        });
        // After the limit those that have begun are counted.
        all.await.unwrap_or(Ok(()))?;
        Ok(begun.len())
    }
}

#[expect(clippy::print_stdout, reason = "the figures of RELIABILITY.md")]
async fn clients_of_npm_come_back_after_a_restart() -> Result<()> {
    let mut house = House::with(&VARIABLES).await?;
    house.desk.count(1_234, TODAY);
    let mut clients = Clients::start(&house.at("api/visitors/today/stream"))?;
    let begun = clients.begun_with(1_234).await?;
    ensure!(begun == CLIENTS, "{begun} have begun");
    house.gateway.stop().await?;
    house.desk.count(1_235, TODAY);
    house.gateway.start_again().await?;
    let back = clients.begun_with(1_235).await?;
    println!("{back} of {CLIENTS} clients of eventsource came back");
    ensure!(back == CLIENTS, "{back} of {CLIENTS} came back");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures of RELIABILITY.md")]
async fn browsers_come_back_after_a_restart() -> Result<()> {
    let mut house = House::with(&VARIABLES).await?;
    house.desk.count(1_234, TODAY);
    let url = house.at("api/visitors/today/stream");
    look("about:blank", INDONESIAN, async |page| {
        // Of each address as many as a browser connects to, less one for other requests.
        let open = "const [url, count] = arguments;
            window.totals = Array(count).fill(null);
            window.closed = 0;
            totals.forEach((_, client) => {
                const source = new EventSource(url.replace('127.0.0.1', `127.0.0.${1 + client % 3}`));
                source.addEventListener('init', ({ data }) => { totals[client] = JSON.parse(data).total; });
                source.onerror = () => { if (source.readyState === EventSource.CLOSED) closed++; };
            });";
        let arguments = [Value::from(url.as_str()), Value::from(CLIENTS)];
        page.browser.run(open, &arguments).await?;
        let begun = async |total: u64| -> Result<u64> {
            let script = "return totals.filter((total) => total === arguments[0]).length";
            let begun = page.browser.run(script, &[Value::from(total)]).await?;
            begun.as_u64().context("a number")
        };
        eventually("all have begun", SOON, async || {
            (begun(1_234).await.ok()? == CLIENTS as u64).then_some(())
        })
        .await;
        house.gateway.stop().await?;
        house.desk.count(1_235, TODAY);
        house.gateway.start_again().await?;
        let ended = eventually("each has come back or is closed", SOON, async || {
            let closed = page.browser.run("return closed", &[]).await.ok()?.as_u64()?;
            let back = begun(1_235).await.ok()?;
            (back + closed >= CLIENTS as u64).then_some((back, closed))
        });
        let (back, closed) = ended.await;
        println!("{back} of {CLIENTS} streams of Chromium came back, {closed} are closed for good");
        ensure!(back == CLIENTS as u64, "{back} of {CLIENTS} came back, {closed} are closed");
        // The browser itself tells of connections that were refused while the gateway was away.
        let heard = page.heard().await?;
        ensure!(heard.iter().all(|line| line.contains(" network: ")), "on the console: {heard:#?}");
        Ok(())
    })
    .await
}
