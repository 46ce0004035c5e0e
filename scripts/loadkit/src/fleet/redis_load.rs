//! What Redis does in a time.

use super::Fleet;
use crate::process_stats::ProcessStats;
use crate::redis_connection::RedisConnection;
use crate::report;
use crate::samples::Samples;
use anyhow::{Context as _, Result};
use std::time::{Duration, Instant};
use testkit::server::Redis;
use tokio::time::sleep;

/// The goals for one gateway: microseconds of CPU, and kilobytes, in a second.
const CPU_GOAL: f64 = 100.0;
const BYTES_GOAL: f64 = 2.0;

/// What Redis does in a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct RedisLoad {
    /// CPU time in microseconds.
    pub(super) cpu: f64,
    commands: f64,
    /// Received and sent.
    pub(super) bytes: f64,
}

impl RedisLoad {
    /// Measures for `time`. It includes a few kilobytes of the questions of this function.
    pub(super) async fn measure(redis: &Redis, time: Duration) -> Result<Self> {
        let (before, began) = (Self::sums(redis)?, Instant::now());
        sleep(time).await;
        let (after, seconds) = (Self::sums(redis)?, began.elapsed().as_secs_f64());
        Ok(Self {
            cpu: (after.cpu - before.cpu) / seconds,
            commands: (after.commands - before.commands) / seconds,
            bytes: (after.bytes - before.bytes) / seconds,
        })
    }

    /// The share of each of `gateways`, when `alone` is the load without a gateway.
    pub(super) fn of_each(self, alone: Self, gateways: usize) -> Self {
        let each = |with: f64, without: f64| (with - without) / gateways as f64;
        Self {
            cpu: each(self.cpu, alone.cpu),
            commands: each(self.commands, alone.commands),
            bytes: each(self.bytes, alone.bytes),
        }
    }

    /// Prints the figures.
    pub(super) fn print(self, whose: &str) {
        let figure = |name: &str, unit, value: f64| {
            report::print_figure(&format!("{whose}: {name}"), unit, &Samples::from(value));
        };
        figure("CPU", "us per second", self.cpu);
        figure("commands", "per second", self.commands);
        figure("bytes", "KB per second", self.bytes / 1e3);
    }

    /// Since the start of Redis.
    fn sums(redis: &Redis) -> Result<Self> {
        let mut connection = RedisConnection::open(redis.port())?;
        let stats = connection.command(&[b"INFO", b"stats"])?;
        let bytes = ["total_net_input_bytes:", "total_net_output_bytes:"].map(|name| {
            let line = stats.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse::<u64>().ok())
        });
        let [Some(received), Some(sent)] = bytes else {
            anyhow::bail!("Redis does not say how many bytes it has sent");
        };
        let cpu = ProcessStats::new(redis.pid()).cpu();
        Ok(Self {
            cpu: cpu.context("reading the CPU of Redis")?.as_secs_f64() * 1e6,
            commands: connection.commands_executed()? as f64,
            bytes: (received + sent) as f64,
        })
    }
}

impl Fleet {
    /// Measures what Redis does for each gateway.
    pub(super) async fn measure_redis(&mut self, when: &str) -> Result<()> {
        let load = RedisLoad::measure(&self.deployment.redis, self.redis_time).await?;
        let each = load.of_each(self.redis_alone, self.deployment.gateways.len());
        self.redis_alone.print("Redis without gateways");
        each.print("Redis for each gateway");
        let goal = |what: &str| format!("Redis for each gateway, {when}: {what}");
        self.goals.at_most(&goal("CPU"), "us/s", CPU_GOAL, each.cpu);
        self.goals
            .at_most(&goal("bytes"), "KB/s", BYTES_GOAL, each.bytes / 1e3);
        Ok(())
    }
}
