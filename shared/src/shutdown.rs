//! Handles signals: SIGTERM, SIGINT and SIGHUP start the shutdown, and a second signal ends the process at once.
//!
//! By default SIGHUP would end the process without a drain, and the worker would keep its lease. There is no
//! configuration to reload, so SIGHUP stops the process like SIGTERM; a process gets it when its terminal closes. Under
//! `nohup` it is ignored.

use std::{fs, io};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The exit status after a second signal.
const EXIT_ABORTED: i32 = 130;

/// Returns a token that is cancelled at the first signal.
///
/// # Errors
/// If the process cannot listen to signals.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = match is_ignored(SignalKind::hangup()) {
        true => None,
        false => Some(signal(SignalKind::hangup())?),
    };
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                () = async { match &mut hangup {
                    Some(hangup) => drop(hangup.recv().await),
                    None => std::future::pending().await,
                } } => "SIGHUP",
            };
            if token.is_cancelled() {
                warn!(signal = name, "second signal: ending at once");
                #[expect(clippy::exit, reason = "a second signal demands it")]
                std::process::exit(EXIT_ABORTED);
            }
            info!(signal = name, "stopping");
            token.cancel();
        }
    });
    Ok(stop)
}

/// Whether this process was started with the signal ignored, according to `/proc`; false if that cannot be read.
fn is_ignored(signal: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw_value() - 1) & 1 == 1)
}
