//! Cached responses: requests per second, CPU and latency, compared with nginx and a bare hyper server in the same round.

use super::Setup;
use crate::process_stats::ProcessStats;
use crate::redis_connection::RedisConnection;
use crate::report;
use crate::samples::Samples;
use crate::servers::Server;
use crate::wrk;
use anyhow::{Context as _, Result, ensure};
use std::net::SocketAddr;
use std::time::Duration;
use testkit::http::{self, Response};

const WEEKLY: &str = "/api/visitors/weekly";
/// A small response, a large one, and the count of today.
const PATHS: [&str; 3] = [WEEKLY, "/api/books/summary", "/api/visitors/today"];
const WARM_UP: Duration = Duration::from_secs(1);

/// One server with one kind of request.
struct Contender {
    address: SocketAddr,
    stats: ProcessStats,
    headers: Vec<String>,
    /// Requests per second.
    rate: Samples,
    /// CPU of the server per request, in microseconds.
    cpu: Samples,
    /// In milliseconds.
    p99: Samples,
    requests: u32,
    failed: u32,
}

/// Measures each path.
pub(super) async fn measure(setup: &Setup) -> Result<()> {
    report::print_title(&format!("reads, {} connections", wrk::CONNECTIONS));
    let core = setup.cores.server;
    let gateway = setup.start_gateway().await?;
    let mut responses = Vec::new();
    for path in PATHS {
        responses.push(http::get(gateway.address, path).await);
    }
    let bodies = responses.iter().map(|response| &response.body[..]);
    let bodies: Vec<_> = PATHS.into_iter().zip(bodies).collect();
    let nginx = Server::nginx(core, &bodies).await?;
    for (path, response) in PATHS.into_iter().zip(&responses) {
        let static_file = http::get(nginx.address, path).await;
        ensure!(static_file.body == response.body, "nginx differs at {path}");
        let hyper = Server::hyper_control(core, gateway.address, path).await?;
        let mut contenders = vec![
            Contender::new(&gateway, None),
            Contender::new(&nginx, None),
            Contender::new(&hyper, None),
        ];
        if path == WEEKLY {
            let header = conditional_header(gateway.address, response).await?;
            contenders.push(Contender::new(&gateway, Some(header)));
        }
        let commands = compare(setup, path, &mut contenders).await?;
        print(path, response.body.len(), commands, &contenders);
    }
    Ok(())
}

/// Returns the header with which a client that has the response asks for it again.
async fn conditional_header(gateway: SocketAddr, response: &Response) -> Result<String> {
    let header = format!(
        "If-None-Match: {}",
        response.header("etag").context("no ETag")?
    );
    let again = http::request(gateway, "GET", WEEKLY, &[&header]).await;
    ensure!(again.status == 304, "{} instead of 304", again.status);
    Ok(header)
}

/// Measures every contender once in each round. Each round begins with another contender. Returns how many commands
/// Redis executed during the requests to the gateway.
async fn compare(setup: &Setup, path: &str, contenders: &mut [Contender]) -> Result<u64> {
    let mut redis = RedisConnection::open(setup.redis.port())?;
    let (count, mut commands) = (contenders.len(), 0);
    for contender in &*contenders {
        wrk::run(contender.address, path, &[], WARM_UP).await?;
    }
    for round in 0..setup.rounds {
        for turn in 0..count {
            let index = (round + turn) % count;
            let before = redis.commands_executed()?;
            contenders[index].measure(path, setup.read_time).await?;
            // The first one is the gateway.
            if index == 0 {
                commands += redis.commands_executed()? - before;
            }
        }
    }
    Ok(commands)
}

impl Contender {
    fn new(server: &Server, header: Option<String>) -> Self {
        Self {
            address: server.address,
            stats: server.stats,
            headers: header.into_iter().collect(),
            rate: Samples::default(),
            cpu: Samples::default(),
            p99: Samples::default(),
            requests: 0,
            failed: 0,
        }
    }

    async fn measure(&mut self, path: &str, duration: Duration) -> Result<()> {
        let before = self.stats.cpu()?;
        let result = wrk::run(self.address, path, &self.headers, duration).await?;
        let cpu = self.stats.cpu()?.saturating_sub(before);
        self.rate.add(result.rate());
        let requests = f64::from(result.requests.max(1));
        self.cpu.add(cpu.as_secs_f64() * 1e6 / requests);
        self.p99.add(f64::from(result.p99_micros) / 1e3);
        self.requests += result.requests;
        self.failed += result.failed;
        Ok(())
    }
}

fn print(path: &str, length: usize, commands: u64, contenders: &[Contender]) {
    let [gateway, nginx, hyper, conditional @ ..] = contenders else {
        return;
    };
    let figure = |name: &str, unit, values: fn(&Contender) -> &Samples| {
        let controls = [("nginx", values(nginx)), ("hyper", values(hyper))];
        report::print_comparison(name, unit, values(gateway), &controls);
    };
    figure(&format!("200 {path}, {length} bytes"), "1/s", |one| {
        &one.rate
    });
    figure("its CPU per request", "us", |one| &one.cpu);
    figure("its p99", "ms", |one| &one.p99);
    let failed: u32 = contenders.iter().map(|one| one.failed).sum();
    report::print_note(&format!("failed requests, all servers: {failed}"));
    let requests = gateway.requests;
    report::print_note(&format!(
        "{commands} Redis commands during {requests} requests; without any, the gateway reads every 2 s"
    ));
    if let [conditional] = conditional {
        let name = format!("304 {path}");
        let control = [("the 200", &gateway.rate)];
        report::print_comparison(&name, "1/s", &conditional.rate, &control);
        let control = [("the 200", &gateway.cpu)];
        report::print_comparison("its CPU per request", "us", &conditional.cpu, &control);
    }
}
