//! Measures a take-over: the time from the signal that kills or stops the active worker to the first count of the next
//! one.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::judge::Judge;
use crate::stage::{Servers, Unit};

const LIBRARY: &str = "takeovers";
/// Far above any promise.
const LIMIT: Duration = Duration::from_secs(30);

/// Prints the times of both signals. Returns whether every take-over was in time.
pub(crate) async fn run(times: u32) -> Result<bool> {
    let judge = Judge::new();
    let servers = Servers::start().await?;
    servers.library(LIBRARY, 1).await?;
    let mut workers = Vec::new();
    for index in 0..3 {
        workers.push(
            servers
                .worker(&format!("worker {index}"), LIBRARY, index)
                .await?,
        );
    }
    for (signal, promise) in [
        (Signal::SIGKILL, Duration::from_secs(6)),
        (Signal::SIGTERM, Duration::from_millis(500)),
    ] {
        let mut took = Vec::new();
        for _ in 0..times {
            // Until the restarted worker is a standby.
            sleep(Duration::from_secs(2)).await;
            took.push(take_over(&servers, &mut workers, signal).await?);
        }
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
        judge.tells(&format!(
            "{signal} {times} times: the next count after {:.2?} (median), {:.2?} (p99), {:.2?} at most",
            at(50),
            at(99),
            took[took.len() - 1]
        ));
        if at(99) > promise {
            judge.finds(format!(
                "{signal}: {:.2?} at p99, promised {promise:?}",
                at(99)
            ));
        }
    }
    Ok(judge.concludes())
}

async fn take_over(servers: &Servers, workers: &mut [Unit], signal: Signal) -> Result<Duration> {
    let mut counts = subscribe(servers, "visitors:today").await?;
    let old = loop {
        match lease(servers).await? {
            Some(lease) => break lease,
            None => sleep(Duration::from_millis(50)).await,
        }
    };
    let pid: u32 = old
        .split(':')
        .nth(1)
        .and_then(|pid| pid.parse().ok())
        .context("no pid")?;
    let active = workers
        .iter_mut()
        .find(|worker| worker.process.pid() == pid);
    let active = active.context("the active worker is none of ours")?;
    // Just after a count, so that the whole wait is seen.
    next_count(&mut counts).await?;
    active.process.signal(signal)?;
    let began = Instant::now();
    let took = loop {
        next_count(&mut counts).await?;
        let took = began.elapsed();
        if lease(servers).await?.is_some_and(|lease| lease != old) {
            break took;
        }
        if took > LIMIT {
            bail!("no worker took over");
        }
    };
    active.process.wait_exit(LIMIT).await?;
    active.start_again()?;
    Ok(took)
}

async fn connect(servers: &Servers) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", servers.redis.port())).await?;
    Ok(BufReader::new(stream))
}

async fn subscribe(servers: &Servers, channel: &str) -> Result<BufReader<TcpStream>> {
    let mut stream = connect(servers).await?;
    let order = format!("SUBSCRIBE {LIBRARY}:{channel}\r\n");
    stream.get_mut().write_all(order.as_bytes()).await?;
    Ok(stream)
}

/// Waits for a line that is a JSON object: the rest is RESP.
async fn next_count(stream: &mut BufReader<TcpStream>) -> Result<()> {
    let mut line = String::new();
    while !line.starts_with('{') {
        line.clear();
        let read = timeout(LIMIT, stream.read_line(&mut line)).await;
        anyhow::ensure!(read.context("nobody counts")?? > 0, "Redis has gone");
    }
    Ok(())
}

async fn lease(servers: &Servers) -> Result<Option<String>> {
    let mut stream = connect(servers).await?;
    let order = format!("GET {LIBRARY}:worker:lease\r\n");
    stream.get_mut().write_all(order.as_bytes()).await?;
    let (mut length, mut lease) = (String::new(), String::new());
    stream.read_line(&mut length).await?;
    if length.trim() == "$-1" {
        return Ok(None);
    }
    stream.read_line(&mut lease).await?;
    Ok(Some(lease.trim().to_owned()))
}
