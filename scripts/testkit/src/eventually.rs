//! Waits for a condition, with a limit and a name instead of a bare sleep.

use std::panic::Location;
use std::time::{Duration, Instant};

/// How often the condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Polls `check` every 20 ms until it returns a value. Panics after `limit`, with `what` and the caller's line.
#[track_caller]
pub fn eventually<T, C: AsyncFnMut() -> Option<T>>(
    what: &str,
    limit: Duration,
    mut check: C,
) -> impl Future<Output = T> + use<T, C> {
    let caller = Location::caller();
    let what = what.to_owned();
    async move {
        let began = Instant::now();
        loop {
            if let Some(value) = check().await {
                return value;
            }
            assert!(
                began.elapsed() < limit,
                "{caller}: not within {limit:?}: {what}"
            );
            tokio::time::sleep(POLL).await;
        }
    }
}
