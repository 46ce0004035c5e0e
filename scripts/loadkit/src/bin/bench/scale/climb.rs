//! More and more of something follow a Redis, and what it spends on each of them.

use super::primary::{Primary, Spent};
use super::scene::Scene;
use anyhow::Result;
use loadkit::measure::Rounds;
use std::time::Duration;

/// For what newcomers leave to be done.
const REST: Duration = Duration::from_secs(2);

/// What can follow a Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follower {
    Subscription,
    Gateway,
    Replica,
}

/// All rounds of one contender.
pub(super) struct Climb {
    /// Followed by nobody.
    pub(super) alone: Figures,
    /// For each follower, at each step.
    pub(super) steps: Vec<(usize, Figures)>,
}

/// For a second.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) cpu_micros: Rounds,
    pub(super) bytes: Rounds,
    pub(super) commands: Rounds,
    pub(super) others: Rounds,
}

impl Climb {
    /// No round yet.
    pub(super) fn of(steps: &[u16]) -> Self {
        let steps = steps.iter().map(|step| usize::from(*step));
        Self {
            alone: Figures::default(),
            steps: steps.map(|step| (step, Figures::default())).collect(),
        }
    }

    /// A round: a fresh Redis, alone, and then at each step.
    pub(super) fn round(&mut self, scene: &Scene, follower: Follower) -> Result<()> {
        let primary = Primary::start(scene)?;
        match follower {
            Follower::Subscription => self.with(primary, Primary::subscription),
            Follower::Gateway => self.with(primary, Primary::gateway),
            Follower::Replica => self.with(primary, Primary::replica),
        }
    }

    fn with<'a, T>(
        &mut self,
        mut primary: Primary<'a>,
        start: impl Fn(&Primary<'a>) -> Result<T>,
    ) -> Result<()> {
        std::thread::sleep(REST);
        let alone = primary.spends()?;
        self.alone.add(alone);
        let mut followers = Vec::new();
        for (step, figures) in &mut self.steps {
            while followers.len() < *step {
                followers.push(start(&primary)?);
            }
            std::thread::sleep(REST);
            figures.add(primary.spends()?.beyond(alone, *step));
        }
        Ok(())
    }
}

impl Figures {
    fn add(&mut self, spent: Spent) {
        self.cpu_micros.add(spent.cpu_micros);
        self.bytes.add(spent.bytes);
        self.commands.add(spent.commands);
        self.others.add(spent.others);
    }
}
