//! Clients that watch a gateway while Redis fails, and must not notice it.

use crate::together::{Gateway, paths};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Events, get};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The limit of a response from memory. A response that waited for Redis would take longer.
const QUICK: Duration = Duration::from_secs(5);
/// Twice the longest time until the right number is shown.
const COUNT_LIMIT: Duration = Duration::from_secs(10);

/// One client that requests everything again and again, and one that reads the stream.
pub(crate) struct Viewers {
    stop: CancellationToken,
    tasks: [JoinHandle<()>; 2],
    shown: Arc<Mutex<Shown>>,
}

/// The last count in the stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    total: u64,
    at: String,
}

impl Viewers {
    pub(crate) async fn start(gateway: &Gateway) -> Self {
        let (stop, shown, address) = (CancellationToken::new(), Arc::default(), gateway.address);
        let mut stream = Events::open(address).await;
        let (last, stopped) = (Arc::clone(&shown), stop.clone());
        let watching = async move {
            while let Some(block) = stopped.run_until_cancelled(stream.next()).await {
                record(&last, &block.expect("the stream stays open").data);
            }
        };
        let stopped = stop.clone();
        let reading = async move {
            let mut newest: BTreeMap<String, String> = BTreeMap::new();
            while !stopped.is_cancelled() {
                for path in paths() {
                    let answer = get(address, &path).await;
                    let is_count = path.ends_with("/today");
                    let is_expected = answer.status == 200 || is_count && answer.status == 202;
                    assert!(is_expected, "{path}: {}", answer.status);
                    // A request for a count may wait for a second.
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
    pub(crate) async fn await_total(&self, what: &str, total: u64) {
        eventually(
            &format!("{what}: {total} in the stream"),
            COUNT_LIMIT,
            async || {
                let failed = self.tasks.iter().any(JoinHandle::is_finished);
                assert!(!failed, "{what}: a client has noticed the fault");
                (self.shown.lock().unwrap().total == total).then_some(())
            },
        )
        .await;
    }

    /// Stops both clients, and panics if one has failed.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// Records a count of a stream, and asserts that it is not older than the one before.
pub(crate) fn record(shown: &Mutex<Shown>, data: &str) {
    let Ok(count) = serde_json::from_str::<serde_json::Value>(data) else {
        return;
    };
    let at = count["generated_at"].as_str().or(count["at"].as_str());
    let (at, total) = (at.unwrap().to_owned(), count["total"].as_u64().unwrap());
    let mut shown = shown.lock().unwrap();
    assert!(at >= shown.at, "{at} after {shown:?}");
    *shown = Shown { total, at };
}
