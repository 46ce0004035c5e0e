//! Logs: text for people at a terminal, JSON for machines. The subscriber is the one global of the process.
//!
//! Only what is written by `tracing` arrives. What the clients of Redis and TLS write by `log`, which at `trace` might be
//! frames with passwords in them, does not: the feature `tracing-log` is left out for that.

use crate::environment::Environment;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What `LOG_FORMAT` and `RUST_LOG` ask for.
#[derive(Clone, Debug)]
pub struct Logging {
    json: bool,
    filter: String,
    /// Whether a filter was asked for.
    asked: bool,
}

impl Logging {
    /// Reads `LOG_FORMAT` and `RUST_LOG`.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let auto = !std::io::stdout().is_terminal();
        Self {
            json: environment.choice("LOG_FORMAT", &[("", auto), ("text", false), ("json", true)]),
            asked: environment.is_set("RUST_LOG"),
            filter: environment.parse("RUST_LOG", parse_filter),
        }
    }

    /// Installs the subscriber, which writes to stdout; the first call wins.
    pub fn init(&self) {
        self.install(
            &self.filter,
            std::io::stdout,
            std::io::stdout().is_terminal(),
        );
    }

    /// The same for a command whose stdout is its answer: to stderr, and nothing unless `RUST_LOG` asks for it.
    pub fn init_beside_an_answer(&self) {
        let filter = if self.asked { &self.filter } else { "off" };
        self.install(filter, std::io::stderr, std::io::stderr().is_terminal());
    }

    fn install<W>(&self, filter: &str, writer: W, colours: bool)
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let logs = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_target(false)
            // To whom, when the logs cannot be written? Its way is stderr, and ends the process when that is full too.
            .log_internal_errors(false)
            .with_writer(writer);
        let installed = if self.json {
            logs.json().flatten_event(true).try_init()
        } else {
            logs.with_ansi(colours).try_init()
        };
        // Only a second start in one process, as tests do, finds another in its place.
        drop(installed);
    }
}

fn parse_filter(text: &str) -> Result<String, String> {
    // Names of modules are ASCII; the parser panics at some that are not.
    if !text.is_ascii() {
        return Err("is not a log filter (it is not ASCII)".to_owned());
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(e) => Err(format!("is not a log filter ({e})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_and_never_a_panic() {
        assert!(parse_filter("warn,gateway=debug").is_ok());
        for bad in ["[[=", "warn,\u{c}wate w\u{fffd}\u{fffd}=", "gateway=loud"] {
            assert!(parse_filter(bad).is_err(), "{bad}");
        }
    }
}
