//! Logs: text for people at a terminal, JSON for machines. The subscriber is the one global of the process.

use crate::environment::Environment;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What `LOG_FORMAT` and `RUST_LOG` ask for.
#[derive(Clone, Debug)]
pub struct Logging {
    json: bool,
    filter: String,
}

impl Logging {
    /// Reads `LOG_FORMAT` and `RUST_LOG`.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let auto = !std::io::stdout().is_terminal();
        Self {
            json: environment.choice("LOG_FORMAT", &[("", auto), ("text", false), ("json", true)]),
            filter: environment.parse("RUST_LOG", |text| match EnvFilter::try_new(text) {
                Ok(_) => Ok(text.to_owned()),
                Err(e) => Err(format!("is not a log filter ({e})")),
            }),
        }
    }

    /// Installs the subscriber; the first call wins.
    pub fn init(&self) {
        let filter = EnvFilter::new(&self.filter);
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_target(false);
        let installed = if self.json {
            logs.json().flatten_event(true).try_init()
        } else {
            logs.with_ansi(std::io::stdout().is_terminal()).try_init()
        };
        // Only a second start in one process, as tests do, finds another in its place.
        drop(installed);
    }
}
