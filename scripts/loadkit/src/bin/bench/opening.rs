//! All streams opened at once: what it costs the server, whether anyone is refused, and what reads notice of it.

use crate::stage::Stage;
use anyhow::{Context as _, Result};
use loadkit::crowd::Crowd;
use loadkit::heard::{histogram, micros, quantile_ms};
use loadkit::http::Connection;
use loadkit::measure::Rounds;
use loadkit::redis;
use loadkit::report::{Report, Row};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PART: &str = "streams opened at once";
/// For what an opening leaves to be done.
const REST: Duration = Duration::from_millis(300);
/// Between two reads meanwhile: often enough for a p99, seldom enough not to be a load.
const READ_GAP: Duration = Duration::from_millis(2);

pub(crate) fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let streams = stage.streams;
    let (mut cpu, mut took, mut p99, mut reads) = <(Rounds, Rounds, Rounds, Rounds)>::default();
    let (mut refused, mut commands) = (0, 0);
    for _ in 0..stage.pace.rounds {
        let gateway = stage.gateway()?;
        let mut redis = redis::Connection::open(stage.redis_port())?;
        let executed = redis.commands_executed()?;
        let before = gateway.meter.cpu()?;
        let mut crowd = Crowd::of(gateway.address)?;
        let opening = crowd.grow_to(streams, streams)?;
        crowd.listen(REST)?;
        let used = gateway.meter.cpu()?.saturating_sub(before);
        cpu.add(used.as_secs_f64() * 1e6 / opening.streaming.max(1) as f64);
        took.add(opening.took.as_secs_f64() * 1e3);
        p99.add(opening.latency_ms(0.99));
        refused += opening.refused;
        commands += redis.commands_executed()? - executed;
        drop((crowd, gateway));
        // Once more, with somebody who reads.
        let gateway = stage.gateway()?;
        reads.add(reads_meanwhile(gateway.address, || {
            let mut crowd = Crowd::of(gateway.address)?;
            refused += crowd.grow_to(streams, streams)?.refused;
            Ok(crowd)
        })?);
    }
    let note =
        format!("refused: {refused}; Redis commands, the usual readings included: {commands}");
    report.add(
        Row::new(
            PART,
            format!("CPU to open one of {streams}, with init"),
            "us",
            &cpu,
        )
        .goal("<= 60 us")
        .note(note),
    );
    report.add(Row::new(PART, "until the last one streams", "ms", &took));
    report.add(Row::new(PART, "connect -> init, p99", "ms", &p99));
    report.add(
        Row::new(PART, "reads meanwhile, p99", "ms", &reads)
            .goal("<= 10 ms")
            .note("its client shares a core with the one that opens, and waits for it too"),
    );
    Ok(())
}

/// The p99 of reads in milliseconds while `load` goes on.
fn reads_meanwhile<T>(address: SocketAddr, load: impl FnOnce() -> Result<T>) -> Result<f64> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| -> Result<f64> {
            let mut latency = histogram()?;
            let mut connection = Connection::open(address)?;
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                connection.get("/api/visitors/weekly", &[])?;
                latency.saturating_record(micros(asked.elapsed()));
                std::thread::sleep(READ_GAP);
            }
            Ok(quantile_ms(&latency, 0.99))
        });
        let loaded = load();
        over.store(true, Ordering::Relaxed);
        let read = reading.join().ok().context("the reading thread")?;
        // What was loaded stays until the reads are over.
        loaded.and(read)
    })
}
