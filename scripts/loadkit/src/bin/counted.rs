//! How often the heap is asked for memory while a cached answer is given: by the gateway, and by a bare hyper with the
//! same answer. Both serve in this process; the client asks over one kept connection and allocates nothing itself.

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use gateway::config::Config;
use loadkit::bare;
use loadkit::http::{self, Answer};
use shared::environment::Environment;
use shared::time::Clock;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Requests that are counted together.
const BATCH: u32 = 1_000;
/// The gateway's reading of Redis each 2 s falls into a few of them; the least is that of the requests alone.
const BATCHES: u32 = 20;
/// For a head and the longest body.
const ROOM: usize = 64 << 10;
/// It serves within milliseconds; not so beside a build.
const START_LIMIT: Duration = Duration::from_secs(20);
/// A server that is merely busy answers long before.
const PATIENCE: Duration = Duration::from_secs(30);

/// Prints allocations for each answer, the gateway's and bare hyper's, as a JSON array of two numbers.
#[derive(Parser)]
struct Arguments {
    /// The port of the Redis that holds the figures.
    redis: u16,
    /// What is asked for.
    path: String,
}

fn main() -> Result<()> {
    let Arguments { redis, path } = Arguments::parse();
    let runtime = Runtime::new().context("making a runtime")?;
    let gateway = serve_gateway(&runtime, redis)?;
    let answer = first_answer(gateway, &path)?;
    let ours = allocations_each(gateway, &path, &answer.body)?;
    runtime.shutdown_background();
    let hyper = serve_hyper(answer.clone())?;
    let theirs = allocations_each(hyper, &path, &answer.body)?;
    serde_json::to_writer(std::io::stdout(), &[ours, theirs]).context("telling")
}

fn serve_gateway(runtime: &Runtime, redis: u16) -> Result<SocketAddr> {
    let lookup = |name: &str| (name == "REDIS_URL").then(|| format!("redis://127.0.0.1:{redis}"));
    let config = Config::read(Environment::of(lookup))?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    runtime.spawn(gateway::run(listener, config, Clock::system(), stop));
    Ok(address)
}

/// In a thread of its own, where it ends with the process.
fn serve_hyper(answer: Answer) -> Result<SocketAddr> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || runtime.block_on(bare::serve(listener, answer)));
    Ok(address)
}

/// Waits until the figure has been read from Redis.
fn first_answer(address: SocketAddr, path: &str) -> Result<Answer> {
    let began = Instant::now();
    loop {
        let answer = http::get(address, path)?;
        if answer.status == 200 {
            return Ok(answer);
        }
        let late = began.elapsed() > START_LIMIT;
        ensure!(!late, "{} to {path}", answer.status);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// New ones and grown ones, of all threads, in the quietest batch.
fn allocations_each(address: SocketAddr, path: &str, body: &[u8]) -> Result<f64> {
    let mut socket = TcpStream::connect(address).context("connecting")?;
    socket.set_nodelay(true).context("preparing a socket")?;
    let patience = socket.set_read_timeout(Some(PATIENCE));
    patience.context("preparing a socket")?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n");
    let mut room = vec![0; ROOM];
    let mut least = usize::MAX;
    for _ in 0..BATCHES {
        let region = Region::new(ALLOCATOR);
        for _ in 0..BATCH {
            ask(&mut socket, request.as_bytes(), body, &mut room)?;
        }
        let change = region.change();
        least = least.min(change.allocations + change.reallocations);
    }
    Ok(least as f64 / f64::from(BATCH))
}

/// One request, and its answer to the end of `body`.
fn ask(socket: &mut TcpStream, request: &[u8], body: &[u8], room: &mut [u8]) -> Result<()> {
    socket.write_all(request)?;
    let mut read = 0;
    while !room[..read].ends_with(body) {
        let more = socket.read(&mut room[read..])?;
        ensure!(
            more > 0,
            "the connection has ended, or the answer is another"
        );
        read += more;
    }
    Ok(())
}
