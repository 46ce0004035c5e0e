//! SIGTERM, SIGINT and SIGHUP begin the stop; a second one ends the process at once.
//!
//! SIGHUP would end the process without a drain, and the worker would keep its lease. There is no configuration to reload,
//! so it stops the process like SIGTERM: it is what a process gets whose terminal is closed. Under `nohup` it stays ignored.

use std::{fs, io};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Exit status after a second signal.
const EXIT_ABORTED: i32 = 130;

/// A token that is cancelled at the first signal.
///
/// # Errors
/// When the process cannot listen to signals.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = match is_ignored(SignalKind::hangup()) {
        true => None,
        false => Some(signal(SignalKind::hangup())?),
    };
    let stop = CancellationToken::new();
    let begin = stop.clone();
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
            if begin.is_cancelled() {
                warn!(signal = name, "second signal: ending at once");
                #[expect(clippy::exit, reason = "a second signal asks for just this")]
                std::process::exit(EXIT_ABORTED);
            }
            info!(signal = name, "stopping");
            begin.cancel();
        }
    });
    Ok(stop)
}

/// Whether this process was started with the signal ignored, by the mask in `/proc`; false where that cannot be read.
fn is_ignored(signal: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw_value() - 1) & 1 == 1)
}
