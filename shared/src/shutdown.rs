//! SIGTERM and SIGINT begin the stop; a second one ends the process at once.

use std::io;
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
    let stop = CancellationToken::new();
    let begin = stop.clone();
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
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
