//! A Redis with a core of its own, what follows it, and what it spends meanwhile.

use super::scene::Scene;
use anyhow::{Result, ensure};
use loadkit::figures::Figures;
use loadkit::gateway::Gateway;
use loadkit::meter::Meter;
use loadkit::redis::Connection;
use shared::keys::Keys;
use std::time::{Duration, Instant};
use testkit::server::Redis;

/// A replica of a few kilobytes has them at once; not so beside a build.
const START_LIMIT: Duration = Duration::from_secs(20);
/// The worker's fast loop.
const TICK: Duration = Duration::from_secs(1);

/// A Redis that holds every snapshot.
pub(super) struct Primary<'a> {
    scene: &'a Scene,
    figures: Figures,
    asked: Connection,
    mark: u64,
    server: Redis,
}

/// What a Redis spends in a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    /// Microseconds of CPU.
    pub(super) cpu_micros: f64,
    /// Sent, to whomever.
    pub(super) bytes: f64,
    /// Executed, for whomever.
    pub(super) commands: f64,
    /// Percent of its core that others took.
    pub(super) others: f64,
}

impl<'a> Primary<'a> {
    /// Starts one, and fills it.
    pub(super) fn start(scene: &'a Scene) -> Result<Self> {
        // Replicas that come one by one need not wait for each other.
        let server = Redis::start_with(&["--repl-diskless-sync-delay", "0"]);
        let server = scene.start_alone(server)?;
        let mut figures = Figures::new(server.port())?;
        figures.store_all()?;
        Ok(Self {
            scene,
            figures,
            asked: Connection::open(server.port())?,
            mark: 1,
            server,
        })
    }

    /// A connection that waits for counts and reads nothing. What comes in a run fits into its socket.
    pub(super) fn subscription(&self) -> Result<Connection> {
        let mut connection = Connection::open(self.server.port())?;
        connection.subscribe(&Keys::default().today_channel())?;
        Ok(connection)
    }

    /// A real gateway.
    pub(super) fn gateway(&self) -> Result<Gateway> {
        Gateway::start(&[self.scene.cores.load], self.server.port())
    }

    /// A replica that has everything.
    pub(super) fn replica(&self) -> Result<Redis> {
        let port = self.server.port().to_string();
        let flags = ["--replicaof", "127.0.0.1", &port];
        let replica = self.scene.start(Redis::start_with(&flags))?;
        let mut asked = Connection::open(replica.port())?;
        let began = Instant::now();
        while !asked.follows()? {
            let waited = began.elapsed();
            ensure!(waited < START_LIMIT, "a replica does not follow");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(replica)
    }

    /// Watches it for a window, while a count comes each second.
    pub(super) fn spends(&mut self) -> Result<Spent> {
        let ticks = self.scene.window.as_secs();
        let commands = self.asked.commands_executed()?;
        let sent = self.asked.bytes_sent()?;
        let watch = Meter::of(self.server.pid()).watch(self.scene.cores.server)?;
        let began = Instant::now();
        for tick in 1..=ticks {
            self.mark += 1;
            self.figures.publish(self.mark)?;
            let due = TICK * u32::try_from(tick)?;
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        let used = watch.used()?;
        let sent = self.asked.bytes_sent()? - sent;
        let commands = self.asked.commands_executed()? - commands;
        Ok(Spent {
            cpu_micros: used.micros_each(ticks),
            bytes: sent as f64 / ticks as f64,
            commands: commands as f64 / ticks as f64,
            others: used.others * 100.0,
        })
    }
}

impl Spent {
    /// For each of `count` that make the difference to `alone`.
    pub(super) fn beyond(self, alone: Self, count: usize) -> Self {
        let each = |all: f64, alone: f64| (all - alone) / count as f64;
        Self {
            cpu_micros: each(self.cpu_micros, alone.cpu_micros),
            bytes: each(self.bytes, alone.bytes),
            commands: each(self.commands, alone.commands),
            others: self.others,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_costs_its_part_of_what_is_spent_beyond_the_rest() {
        let spent = |cpu_micros, bytes, others| Spent {
            cpu_micros,
            bytes,
            commands: bytes / 10.0,
            others,
        };
        let each = spent(900.0, 5_100.0, 7.0).beyond(spent(400.0, 100.0, 3.0), 50);
        assert_eq!(each.cpu_micros, 10.0);
        assert_eq!(each.bytes, 100.0);
        assert_eq!(each.commands, 10.0);
        assert_eq!(each.others, 7.0);
    }
}
