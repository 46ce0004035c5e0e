//! Many streams open at the same time: the CPU of the server, and the latency of reads meanwhile. It fails if a stream does not
//! open.

use super::Setup;
use crate::report;
use crate::samples::Samples;
use crate::streams::Streams;
use anyhow::{Context as _, Result, ensure};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Streams that are opening at the same time: fewer than the 8,192 connections that the gateway accepts beside streams.
const CONCURRENCY: usize = 5_000;
/// For the rest of the gateway's work after the last stream is open.
const SETTLE: Duration = Duration::from_millis(300);
/// Between two reads: often enough for a 99th percentile, and rarely enough not to be a load.
const READ_INTERVAL: Duration = Duration::from_millis(2);
const READ: &[u8] = b"GET /api/visitors/weekly HTTP/1.1\r\nHost: library.example\r\n\r\n";

/// Opens all streams twice in each round: once alone, and once with a client that reads.
pub(super) async fn measure(setup: &Setup) -> Result<()> {
    let (mut cpu, mut duration) = (Samples::default(), Samples::default());
    let (mut p99, mut reads) = (Samples::default(), Samples::default());
    let count = setup.streams;
    for _ in 0..setup.rounds {
        let gateway = setup.start_gateway().await?;
        let before = gateway.stats.cpu()?;
        let mut streams = Streams::new(gateway.address);
        let opening = streams.open(count, CONCURRENCY).await?;
        sleep(SETTLE).await;
        let used = gateway.stats.cpu()?.saturating_sub(before);
        cpu.add(used.as_secs_f64() * 1e6 / streams.count().max(1) as f64);
        duration.add_ms(opening.duration);
        p99.add(opening.open_times.percentile(99));
        streams.close().await;
        drop(gateway);

        let gateway = setup.start_gateway().await?;
        let stop = Arc::new(AtomicBool::new(false));
        let (address, stopped) = (gateway.address, stop.clone());
        let reader = std::thread::spawn(move || read_until(address, &stopped));
        let mut streams = Streams::new(gateway.address);
        let opened = streams.open(count, CONCURRENCY).await;
        stop.store(true, Ordering::Relaxed);
        opened?;
        let latencies = reader.join().ok().context("the reader has panicked")??;
        reads.add(latencies.percentile(99));
        streams.close().await;
    }
    report::print_title(&format!(
        "opening {count} streams, {CONCURRENCY} at the same time"
    ));
    report::print_figure("CPU to open a stream", "us", &cpu);
    report::print_figure("until the last stream is open", "ms", &duration);
    report::print_figure("connect to first event, p99", "ms", &p99);
    report::print_figure("reads meanwhile, p99", "ms", &reads);
    report::print_note("the reader shares a core with the client that opens the streams");
    Ok(())
}

/// Reads a small response again and again until `stop`; returns the latencies.
fn read_until(address: SocketAddr, stop: &AtomicBool) -> Result<Samples> {
    let mut latencies = Samples::default();
    let mut socket = TcpStream::connect(address).context("connecting")?;
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        socket.write_all(READ).context("sending a request")?;
        // The response is small and arrives in one piece.
        let length = socket.read(&mut buffer).context("reading a response")?;
        let accepted = buffer[..length].starts_with(b"HTTP/1.1 200 ");
        ensure!(accepted, "a read was refused");
        latencies.add_ms(began.elapsed());
        std::thread::sleep(READ_INTERVAL);
    }
    Ok(latencies)
}
