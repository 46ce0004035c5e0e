//! Runs the long-lived tasks of the process: if one ends, all end.

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A set of tasks that run until `stop` is cancelled. A task that ends before that is a fault, which ends the process:
/// half a worker is worse than none.
pub(crate) struct TaskGroup<'a> {
    stop: &'a CancellationToken,
    tasks: JoinSet<Option<()>>,
}

impl<'a> TaskGroup<'a> {
    /// Creates an empty group.
    pub(crate) fn new(stop: &'a CancellationToken) -> Self {
        Self {
            stop,
            tasks: JoinSet::new(),
        }
    }

    /// Spawns a task that must not end by itself.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks
            .spawn(self.stop.clone().run_until_cancelled_owned(task));
    }

    /// Waits until all tasks have been stopped.
    ///
    /// # Errors
    /// If a task ends by itself or panics.
    pub(crate) async fn run(mut self) -> Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            match ended.context("a task of the worker panicked")? {
                Some(()) => bail!("a task of the worker ended by itself"),
                None => continue,
            }
        }
        Ok(())
    }
}
