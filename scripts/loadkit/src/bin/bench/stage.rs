//! What every part needs: the two cores, a private Redis that holds the figures, and how long to measure.

use crate::{Wishes, seconds};
use anyhow::{Context as _, Result};
use loadkit::control::Control;
use loadkit::cores::{self, Cores};
use loadkit::figures::Figures;
use loadkit::gateway::Gateway;
use loadkit::report::Report;
use std::time::Duration;
use testkit::descriptors;
use testkit::server::Redis;

/// The private Redis and the numbers of a run.
pub(crate) struct Stage {
    /// Server and load.
    pub(crate) cores: Cores,
    /// Writes what the gateway reads.
    pub(crate) figures: Figures,
    /// Of the large fan-out.
    pub(crate) streams: usize,
    /// As many as this process may hold.
    pub(crate) most_streams: usize,
    /// How long, and how often.
    pub(crate) pace: Pace,
    redis: Redis,
}

/// How long, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Each measures every contender once.
    pub(crate) rounds: usize,
    /// One run of wrk.
    pub(crate) read: Duration,
    /// Messages to all streams in one round.
    pub(crate) messages: u64,
    /// Of many small measurements.
    pub(crate) samples: u32,
    /// Messages that are lost; each takes seconds.
    pub(crate) lost: u32,
    /// Doing nothing: whole turns of the keepalive, 15 s each.
    pub(crate) idle: Duration,
    /// Slow readers.
    pub(crate) slow: Duration,
}

impl Stage {
    /// Takes the load's core and starts a Redis there.
    pub(crate) fn set(wishes: &Wishes, report: &mut Report) -> Result<Self> {
        let cores = Cores::find()?;
        cores::stay_on(&[cores.load])?;
        let most_streams = descriptors::raise()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.context("making a runtime")?;
        let redis = runtime.block_on(Redis::start())?;
        let mut figures = Figures::new(redis.port())?;
        figures.store_all()?;
        let pace = Pace::of(wishes);
        let streams = wishes.streams.min(most_streams);
        circumstances(cores, pace.rounds, report);
        Ok(Self {
            cores,
            figures,
            streams,
            most_streams,
            pace,
            redis,
        })
    }

    /// The gateway, fresh, on the server's core.
    pub(crate) fn gateway(&self) -> Result<Gateway> {
        self.gateway_on(&[self.cores.server])
    }

    /// The gateway, fresh, held to `cores`.
    pub(crate) fn gateway_on(&self, cores: &[usize]) -> Result<Gateway> {
        Gateway::start(cores, self.redis.port())
    }

    /// The bare loop of writes, fresh.
    pub(crate) fn floor(&self) -> Result<Control> {
        Control::floor(self.cores, self.redis.port())
    }

    /// Where Redis listens.
    pub(crate) fn redis_port(&self) -> u16 {
        self.redis.port()
    }
}

impl Pace {
    fn of(wishes: &Wishes) -> Self {
        let mut pace = match wishes.quick {
            true => Self {
                rounds: 3,
                read: seconds(1),
                messages: 4,
                samples: 100,
                lost: 5,
                idle: seconds(15),
                slow: seconds(20),
            },
            false => Self {
                rounds: 5,
                read: seconds(5),
                messages: 20,
                samples: 1_000,
                lost: 20,
                idle: seconds(60),
                slow: seconds(120),
            },
        };
        pace.rounds = wishes.rounds.unwrap_or(pace.rounds);
        pace.slow = wishes.slow_seconds.map_or(pace.slow, seconds);
        pace
    }
}

/// What one must know to compare a run with another one.
pub(crate) fn circumstances(cores: Cores, rounds: usize, report: &mut Report) {
    let share = match cores.is_shared() {
        true => "server and load share the only core: ratios mean little".to_owned(),
        false => format!(
            "server on core {}, load on core {}",
            cores.server, cores.load
        ),
    };
    let facts = [
        ("cores", share),
        ("rounds", format!("{rounds}; median (lowest - highest)")),
        ("kernel", read_line("/proc/sys/kernel/osrelease")),
        (
            "load of the machine at the start",
            read_line("/proc/loadavg"),
        ),
    ];
    for (name, value) in facts {
        report.circumstances.push((name.to_owned(), value));
    }
}

/// The text of a small file; empty when there is none.
pub(crate) fn read_line(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}
