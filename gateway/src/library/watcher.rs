//! Reads the library's information at the start, and again after each change of a file. It compares the files' states
//! at an interval, because notifications of the kernel do not reach network file systems.

use crate::failures::LIBRARY_FILE;
use crate::library::reader::{self, Version};
use crate::state::Gateway;
use std::convert::Infallible;
use std::path::PathBuf;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{info, warn};

/// Watches one `LIBRARY_FILE` and its logo.
#[derive(Debug)]
pub struct LibraryWatcher {
    path: PathBuf,
    /// What was read last; `None` if that failed, so that the next check reads again.
    version: Option<Version>,
}

impl LibraryWatcher {
    /// Creates a watcher that has read nothing yet.
    pub fn new(path: PathBuf) -> Self {
        let version = None;
        Self { path, version }
    }

    /// Checks at the interval `Limits::library_check`. Never ends.
    pub async fn run(mut self, gateway: &Gateway) -> Infallible {
        loop {
            sleep(gateway.config.limits.library_check).await;
            self.check(gateway).await;
        }
    }

    /// Reads the files if they have changed. If they cannot be used, the gateway keeps its last good version.
    pub async fn check(&mut self, gateway: &Gateway) {
        let (path, last) = (self.path.clone(), self.version.take());
        let read = spawn_blocking(move || match last {
            Some(last) if last.is_current() => Ok((None, last)),
            _ => reader::read(&path).map(|(content, version)| (Some(content), version)),
        });
        let read = read.await;
        let path = self.path.display();
        match read.expect("reading does not panic, and the runtime outlives its tasks") {
            Ok((content, version)) => {
                self.version = Some(version);
                if let Some(content) = content {
                    gateway.failures.clear(LIBRARY_FILE);
                    gateway.library.replace(content);
                    info!(%path, "read the library's information from {path}");
                }
            }
            Err(reason) => {
                if gateway.failures.set(LIBRARY_FILE, reason.as_str()) {
                    warn!(%path, reason, "LIBRARY_FILE={path} cannot be used: {reason}");
                }
            }
        }
    }
}
