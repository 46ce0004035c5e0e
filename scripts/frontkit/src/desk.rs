//! Today's count as the worker keeps it: counted again and again, for as long as somebody is there who counts.

use crate::worker::Worker;
use chrono::NaiveDate;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Between two counts.
const PERIOD: Duration = Duration::from_millis(500);
/// How long each may be shown: many times the period, since nobody is to see that a machine is busy.
const LIFE: Duration = Duration::from_secs(8);

/// Who counts. Dropping it ends that.
#[derive(Debug)]
pub struct Desk {
    said: watch::Sender<Option<(u64, NaiveDate)>>,
    task: JoinHandle<()>,
}

impl Desk {
    /// One that does not count yet.
    pub fn new(worker: Worker) -> Self {
        let said = watch::Sender::new(None);
        let task = tokio::spawn(keep_counting(worker, said.subscribe()));
        Self { said, task }
    }

    /// Counts `total` of `date`, at once and from now on.
    pub fn count(&self, total: u64, date: NaiveDate) {
        self.said.send_replace(Some((total, date)));
    }

    /// Counts no more; what was counted last lives on for a while.
    pub fn stop(&self) {
        self.said.send_replace(None);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_counting(worker: Worker, mut said: watch::Receiver<Option<(u64, NaiveDate)>>) {
    loop {
        let now = *said.borrow_and_update();
        if let Some((total, date)) = now {
            // Outages of Redis are what some tests are about; the next count is right again.
            worker.count(total, date, LIFE).await.ok();
        }
        if let Ok(Err(_)) = timeout(PERIOD, said.changed()).await {
            return;
        }
    }
}
