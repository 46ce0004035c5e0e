//! The random faults.

use std::time::Duration;

use anyhow::Result;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use nix::sys::signal::Signal;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use testkit::fault_proxy::Mode;
use testkit::fault_proxy::random::RandomFaults;
use tokio::time::sleep;

use crate::deployment::{DATABASE, Instance, Link, Servers};
use crate::report::Report;

/// The number of instances that are never restarted.
pub(crate) const SURVIVORS: usize = 2;
const REDIS_COMMANDS: [&[&str]; 3] = [
    &["FLUSHALL"],
    &["CLIENT", "KILL", "TYPE", "pubsub"],
    &["CLIENT", "KILL", "TYPE", "normal"],
];

/// Breaks network connections, one after the other, for ever.
pub(crate) async fn break_network(links: &[Link], seed: u64, report: &Report) -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for fault in RandomFaults::new(seed) {
        let (name, proxy) = links.choose(&mut random).expect("there are links");
        report.fault(&format!("{name}: {:?} for {:.1?}", fault.mode, fault.lasts));
        proxy.set(fault.mode).await;
        sleep(fault.lasts).await;
        proxy.set(Mode::Open).await;
        sleep(fault.rest).await;
    }
    Ok(())
}

/// Kills, stops and freezes workers and gateways, one after the other, for ever. The first two are only frozen, so that
/// a leak shows.
pub(crate) async fn break_processes(
    instances: &mut [Instance],
    seed: u64,
    report: &Report,
) -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    loop {
        let lasts = rest_and_draw(&mut random).await;
        let index = random.random_range(0..instances.len());
        let fault = random.random_range(0..4);
        let instance = &mut instances[index];
        let name = &instance.name;
        if index < SURVIVORS || fault > 1 {
            report.fault(&format!("{name}: frozen for {lasts:.1?}"));
            instance.process.signal(Signal::SIGSTOP)?;
            sleep(lasts).await;
            instance.process.signal(Signal::SIGCONT)?;
        } else {
            let signal = [Signal::SIGKILL, Signal::SIGTERM][fault];
            report.fault(&format!("{name}: {signal}"));
            instance.end(signal)?;
            instance.restart().await?;
        }
    }
}

/// Kills and freezes the servers, empties Redis, cuts its connections and locks a table, for ever.
pub(crate) async fn break_servers(servers: &Servers, seed: u64, report: &Report) -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (redis, mariadb) = (&servers.redis, &servers.mariadb);
    loop {
        let lasts = rest_and_draw(&mut random).await;
        let fault = random.random_range(0..6);
        let command = REDIS_COMMANDS
            .choose(&mut random)
            .expect("there are commands");
        let text = match fault {
            0 => format!("Redis: killed for {lasts:.1?}, then empty"),
            1 => format!("Redis: frozen for {lasts:.1?}"),
            2 => format!("Redis: {}", command.join(" ")),
            3 => format!("MariaDB: killed for {lasts:.1?}"),
            4 => format!("MariaDB: frozen for {lasts:.1?}"),
            _ => format!("MariaDB: the table member is locked for {lasts:.1?}"),
        };
        report.fault(&text);
        match fault {
            0 => redis.kill().await?,
            1 => redis.freeze()?,
            2 => drop(redis.command(command).await?),
            3 => mariadb.kill().await?,
            4 => mariadb.freeze()?,
            _ => {
                let mut conn = Conn::new(mariadb.opts(Some(DATABASE))).await?;
                conn.query_drop("LOCK TABLES member WRITE").await?;
                sleep(lasts).await;
                continue;
            }
        }
        if fault != 2 {
            sleep(lasts).await;
        }
        servers.heal().await?;
    }
}

/// Waits between two faults, and returns the duration of the next one.
async fn rest_and_draw(random: &mut ChaCha8Rng) -> Duration {
    sleep(Duration::from_millis(random.random_range(500..=5_000))).await;
    Duration::from_millis(random.random_range(1..=12_000))
}
