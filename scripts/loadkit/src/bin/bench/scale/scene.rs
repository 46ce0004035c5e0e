//! What every part needs: the two cores, how long to measure, and how to start something on one of them.

use super::Wishes;
use crate::{seconds, stage};
use anyhow::{Context as _, Result};
use loadkit::cores::{self, Cores};
use loadkit::report::Report;
use std::time::Duration;
use testkit::descriptors;

/// The numbers of a run.
pub(super) struct Scene {
    /// One for what is measured, one for everything else.
    pub(super) cores: Cores,
    /// Each measures every contender once.
    pub(super) rounds: usize,
    /// One look at a Redis: several whole readings of a gateway, 2 s each.
    pub(super) window: Duration,
    /// Through each balancer.
    pub(super) streams: usize,
    /// To all of them in one round.
    pub(super) messages: u64,
}

impl Scene {
    /// Takes the load's core.
    pub(super) fn set(wishes: &Wishes, report: &mut Report) -> Result<Self> {
        let cores = Cores::find()?;
        cores::stay_on(&[cores.load])?;
        // A balancer holds two for each stream.
        let most = descriptors::raise()? / 2;
        let (rounds, window, streams, messages) = match wishes.quick {
            true => (3, seconds(4), 1_000, 20),
            false => (5, seconds(10), 2_000, 50),
        };
        let rounds = wishes.rounds.unwrap_or(rounds);
        stage::circumstances(cores, rounds, report);
        Ok(Self {
            cores,
            rounds,
            window,
            streams: wishes.streams.map_or(streams, usize::from).min(most),
            messages,
        })
    }

    /// Waits for what is being started, on the load's core.
    pub(super) fn start<T>(&self, starting: impl Future<Output = Result<T>>) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.context("making a runtime")?.block_on(starting)
    }

    /// The same on the server's core, where it stays; we go back to ours.
    pub(super) fn start_alone<T>(&self, starting: impl Future<Output = Result<T>>) -> Result<T> {
        cores::stay_on(&[self.cores.server])?;
        let started = self.start(starting);
        cores::stay_on(&[self.cores.load])?;
        started
    }
}
