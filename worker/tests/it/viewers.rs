//! Who looks at a gateway while Redis fails, and must not see it.

use crate::together::{Gateway, paths};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// An answer out of memory; whoever waited for Redis would wait for longer.
const QUICK: Duration = Duration::from_secs(5);
/// Twice the longest that the right number may take to come.
const BACK: Duration = Duration::from_secs(10);

/// Who looks at a gateway all the time, and at one stream.
pub(crate) struct Viewers {
    stop: CancellationToken,
    tasks: [JoinHandle<()>; 2],
    shown: Arc<Mutex<Shown>>,
}

/// What the stream has shown last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    total: u64,
    at: String,
}

impl Viewers {
    pub(crate) async fn of(gateway: &Gateway) -> Self {
        let (stop, shown, address) = (CancellationToken::new(), Arc::default(), gateway.address);
        let mut stream = Events::open(address).await;
        let (noted, stopped) = (Arc::clone(&shown), stop.clone());
        let watching = async move {
            while let Some(block) = stopped.run_until_cancelled(stream.next()).await {
                note(&noted, &block.expect("the stream stays open").data);
            }
        };
        let stopped = stop.clone();
        let reading = async move {
            let mut newest: BTreeMap<String, String> = BTreeMap::new();
            while !stopped.is_cancelled() {
                for path in paths() {
                    let answer = get(address, &path).await;
                    let is_count = path.ends_with("/today");
                    let good = answer.status == 200 || is_count && answer.status == 202;
                    assert!(good, "{path}: {}", answer.status);
                    // For a count, a request may wait for a second.
                    assert!(is_count || answer.took < QUICK, "{path}: {:?}", answer.took);
                    let json = answer.json();
                    let at = json["generated_at"].as_str().unwrap_or_default().to_owned();
                    let before = newest.entry(path.clone()).or_default();
                    assert!(is_count || at >= *before, "{path}: {at} after {before}");
                    *before = at;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        Self {
            tasks: [tokio::spawn(watching), tokio::spawn(reading)],
            stop,
            shown,
        }
    }

    /// Waits until the stream shows `total`.
    pub(crate) async fn see(&self, what: &str, total: u64) {
        eventually(
            &format!("{what}: {total} in the stream"),
            BACK,
            async || {
                let failed = self.tasks.iter().any(JoinHandle::is_finished);
                assert!(!failed, "{what}: a viewer has seen what must not be");
                (self.shown.lock().unwrap().total == total).then_some(())
            },
        )
        .await;
    }

    pub(crate) async fn leave(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// The numbers that a stream shows never get older.
pub(crate) fn note(shown: &Mutex<Shown>, data: &str) {
    let Ok(told) = serde_json::from_str::<serde_json::Value>(data) else {
        return;
    };
    let at = told["generated_at"].as_str().or(told["at"].as_str());
    let (at, total) = (at.unwrap().to_owned(), told["total"].as_u64().unwrap());
    let mut shown = shown.lock().unwrap();
    assert!(at >= shown.at, "{at} after {shown:?}");
    *shown = Shown { total, at };
}
