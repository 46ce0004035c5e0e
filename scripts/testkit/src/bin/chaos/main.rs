//! Injects random faults: workers, gateways, Redis, MariaDB and the network between them are killed, frozen and cut,
//! while clients, streams and Redis itself are watched for results that must never occur.

#![allow(clippy::print_stdout, reason = "its output is for a terminal")]

mod clients;
mod deployment;
mod desk;
mod faults;
mod monitor;
mod report;
mod take_overs;
mod visits;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use serde_json::Value;
use testkit::fault_proxy::Mode;
use testkit::schema::Engine;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::clients::{CIRCULATION, TODAY, follow, get, paths, read};
use crate::deployment::{Instance, Servers};
use crate::faults::{SURVIVORS, break_network, break_processes, break_servers};
use crate::monitor::LastCount;
use crate::report::Report;
use crate::visits::TrueCount;

/// The number of streams of each gateway.
const STREAMS: usize = 5;
/// The rounds take turns.
const ENGINES: [Engine; 2] = [Engine::InnoDb, Engine::MyIsam];
const ROUND: Duration = Duration::from_secs(60);
/// The time until all is right at the start, and after a round.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// Caches and back-offs come to rest before sizes are compared.
const REST: Duration = Duration::from_secs(20);
/// A served count may be this many visits behind: three seconds.
const COUNT_LAG: u64 = 15;
/// The growth of the resident memory that is no leak: in percent, and what allocators keep, in bytes.
const GROWTH_PERCENT: u64 = 2;
const GROWTH_BYTES: u64 = 1 << 20;

/// Injects random faults, and checks that clients do not notice: no 5xx, no wrong or older date, no wrong count, one
/// active worker, no leak, and everything right after each round of faults. All servers are private and end with it.
///
/// Each round is a minute of faults. Before it, every table is converted to the other engine, while all else works: the
/// odd rounds are InnoDB's, the even ones MyISAM's. Visitors check in all the time, and the loan desk works during the
/// round. After it every figure must be there, today's count be right, and the circulation equal what the database counts.
///
/// The exit status is 0 if it finds no failure.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Arguments {
    /// The same seed chooses the same faults in the same order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of rounds, each with a minute of faults. With the waits until all is right, a round takes about 70 s.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
    /// Stores what the workers and gateways have logged in this folder.
    #[arg(long, value_name = "FOLDER")]
    logs: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let no_findings = run(&arguments).await?;
    Ok(match no_findings {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Returns whether there was no finding.
async fn run(arguments: &Arguments) -> Result<bool> {
    let &Arguments { seed, minutes, .. } = arguments;
    let report = Arc::new(Report::new());
    report.print(&format!(
        "seed {seed}, {minutes} minutes; the servers start"
    ));
    let servers = Servers::start(seed).await?;
    let mut links = Vec::new();
    let mut instances = vec![
        Instance::worker(0, &servers, &mut links).await?,
        Instance::gateway(0, &servers, &mut links).await?,
        Instance::worker(1, &servers, &mut links).await?,
        Instance::worker(2, &servers, &mut links).await?,
        Instance::gateway(1, &servers, &mut links).await?,
    ];
    let truth = TrueCount::new(servers.zone);
    let (sender, counts) = watch::channel(LastCount::default());
    let mut watchers = JoinSet::new();
    watchers.spawn(monitor::watch(servers.redis.port(), report.clone(), sender));
    let checks = async {
        ensure!(
            are_right(&instances, &servers, &truth, &report).await,
            "it does not start"
        );
        for gateway in gateways(&instances) {
            watchers.spawn(read(gateway.port, truth.clone(), report.clone()));
            for _ in 0..STREAMS {
                watchers.spawn(follow(gateway.port, truth.clone(), report.clone()));
            }
        }
        take_overs::check(&mut instances, counts, &report).await?;
        let mut before = [(0, 0); SURVIVORS];
        for round in 0..minutes {
            let engine = ENGINES[round as usize % ENGINES.len()];
            report.print(&format!("round {} of {minutes}, {engine}", round + 1));
            if let Err(error) = servers.convert(engine).await {
                report.finding(format!("{error:#}"));
            }
            let seed = seed.wrapping_mul(10_000) + u64::from(round) * 4;
            let faults = async {
                tokio::try_join!(
                    break_network(&links, seed, &report),
                    break_network(&links, seed + 1, &report),
                    break_processes(&mut instances, seed + 2, &report),
                    break_servers(&servers, seed + 3, &report),
                    desk::work(&servers, seed, &report),
                )
            };
            if let Ok(ended) = timeout(ROUND, faults).await {
                ended?;
            }
            // The largest sizes of the first two fifths: a leak has three fifths to show.
            if round * 5 <= minutes * 2 {
                for (before, instance) in before.iter_mut().zip(&instances) {
                    let (files, resident) = size(instance, &report)?;
                    *before = (before.0.max(files), before.1.max(resident));
                }
            }
            for (_, proxy) in &links {
                proxy.set(Mode::Open).await;
            }
            servers.heal().await?;
            for instance in &mut instances {
                instance.heal(&report).await?;
            }
            are_right(&instances, &servers, &truth, &report).await;
            if let Some(folder) = &arguments.logs {
                instances.iter().try_for_each(|it| it.store_log(folder))?;
            }
        }
        sleep(REST).await;
        for (before, instance) in before.into_iter().zip(&instances) {
            let now = size(instance, &report)?;
            let limit = before.1 + (before.1 * GROWTH_PERCENT / 100).max(GROWTH_BYTES);
            if now.0 > before.0 + 2 || now.1 > limit {
                report.finding(format!(
                    "{} has grown from {before:?} to {now:?}",
                    instance.name
                ));
            }
        }
        anyhow::Ok(())
    };
    tokio::select! {
        result = checks => result?,
        () = visits::insert(&servers, &truth) => {}
    }
    watchers.shutdown().await;
    Ok(report.summarize())
}

fn gateways(instances: &[Instance]) -> impl Iterator<Item = &Instance> {
    instances.iter().filter(|it| it.name.starts_with("gateway"))
}

/// Waits until every gateway serves the right count and every figure. A failure is a finding.
async fn are_right(
    instances: &[Instance],
    servers: &Servers,
    truth: &TrueCount,
    report: &Report,
) -> bool {
    let start = Instant::now();
    let mut circulation = Value::Null;
    for gateway in gateways(instances) {
        circulation = loop {
            match is_right(gateway.port, servers, truth).await {
                Ok(circulation) => break circulation,
                Err(wrong) if start.elapsed() > READY_LIMIT => {
                    let (name, log) = (&gateway.name, gateway.process.log_tail());
                    report.finding(format!(
                        "{name} is not right after {READY_LIMIT:?}: {wrong}\n{log}"
                    ));
                    return false;
                }
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        };
    }
    let took = start.elapsed();
    report.print(&format!("all is right after {took:.1?}: {circulation}"));
    true
}

/// Returns the circulation, if all is right.
async fn is_right(port: u16, servers: &Servers, truth: &TrueCount) -> Result<Value> {
    let circulation = desk::circulation(servers).await?;
    for path in paths() {
        let (status, body) = get(port, path).await?;
        ensure!(status == 200, "{path} has status {status}: {body}");
        let least = truth.total().saturating_sub(COUNT_LAG);
        let total = body["total"].as_u64();
        ensure!(
            path != TODAY || total >= Some(least),
            "the count is {total:?}, not {least}"
        );
        let data = &body["data"];
        ensure!(
            path != CIRCULATION || *data == circulation,
            "the circulation is {data}, not {circulation}"
        );
    }
    Ok(circulation)
}

/// The number of open files, and the resident memory in bytes.
fn size(instance: &Instance, report: &Report) -> Result<(u64, u64)> {
    let files = instance.process.open_files()? as u64;
    let resident = instance.process.resident_bytes()?;
    report.print(&format!(
        "{}: {files} files, {} KiB",
        instance.name,
        resident >> 10
    ));
    Ok((files, resident))
}
