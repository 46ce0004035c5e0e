//! The loops of the process, which go on together or not at all.

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What goes on until the process is told to stop. A loop that ends before that is a fault: better no worker than half
/// of one.
pub(crate) struct TaskGroup<'a> {
    stop: &'a CancellationToken,
    tasks: JoinSet<Option<()>>,
}

impl<'a> TaskGroup<'a> {
    /// None yet.
    pub(crate) fn new(stop: &'a CancellationToken) -> Self {
        Self {
            stop,
            tasks: JoinSet::new(),
        }
    }

    /// Begins a loop.
    pub(crate) fn spawn(&mut self, endless: impl Future<Output = ()> + Send + 'static) {
        self.tasks
            .spawn(self.stop.clone().run_until_cancelled_owned(endless));
    }

    /// Waits until all have been stopped.
    pub(crate) async fn run(mut self) -> Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            match ended.context("a loop of the worker has failed")? {
                Some(()) => bail!("a loop of the worker has ended by itself"),
                None => continue,
            }
        }
        Ok(())
    }
}
