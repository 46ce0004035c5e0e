//! Sets up the logs: text on a terminal, otherwise JSON.
//!
//! Only events of `tracing` are logged. The clients of Redis and TLS use `log`, and at `trace` they may log frames that
//! contain passwords. For that reason the feature `tracing-log` is off.

use crate::environment::Environment;
use crate::variable::Variable;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The time between two log lines about the same error.
pub const REPEAT_INTERVAL: Duration = Duration::from_secs(60);

/// Decides which errors of an attempt that is repeated are logged: a new one at once, the same one once a minute.
#[derive(Debug, Default)]
pub struct RepeatedError(Option<(String, Instant)>);

impl RepeatedError {
    /// Whether an error with this text is to be logged.
    pub fn is_due(&mut self, text: &str) -> bool {
        let is_known =
            |(last, at): &(String, Instant)| last == text && at.elapsed() < REPEAT_INTERVAL;
        let is_due = !self.0.as_ref().is_some_and(is_known);
        if is_due {
            self.0 = Some((text.to_owned(), Instant::now()));
        }
        is_due
    }

    /// Forgets the error after a success. Returns whether there was one.
    pub fn end(&mut self) -> bool {
        self.0.take().is_some()
    }
}

/// The values of `LOG_FORMAT` and `RUST_LOG`.
#[derive(Clone, Debug)]
pub struct Logging {
    json: bool,
    filter: String,
    /// Whether `RUST_LOG` is set.
    has_filter: bool,
}

impl Logging {
    /// Reads `LOG_FORMAT` and `RUST_LOG` for the process `name`.
    pub fn read(environment: &mut Environment<'_>, name: &str) -> Self {
        let auto = !std::io::stdout().is_terminal();
        let format = Variable::optional(
            "LOG_FORMAT",
            "",
            "text or json; empty: text on a terminal, else json",
        );
        let filter = Variable::optional(
            "RUST_LOG",
            "info",
            "log level: error, warn, info, debug, trace or off; for single modules: info,worker::publish=debug",
        );
        Self {
            json: environment.choice(format, &[("", auto), ("text", false), ("json", true)]),
            has_filter: environment.is_set("RUST_LOG"),
            filter: environment.parse(filter, |text| parse_filter(text, name)),
        }
    }

    /// Starts logging to stdout. Only the first call has an effect.
    pub fn init(&self) {
        self.install(
            &self.filter,
            std::io::stdout,
            std::io::stdout().is_terminal(),
        );
    }

    /// Starts logging to stderr, for a command that prints its result to stdout. Logs nothing unless `RUST_LOG` is set.
    pub fn init_stderr(&self) {
        let filter = if self.has_filter { &self.filter } else { "off" };
        self.install(filter, std::io::stderr, std::io::stderr().is_terminal());
    }

    fn install<W>(&self, filter: &str, writer: W, colours: bool)
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let logs = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_target(false)
            // Do not report errors of logging: tracing would print them to stderr, and panic if that fails too.
            .log_internal_errors(false)
            .with_writer(writer);
        let installed = if self.json {
            logs.json().flatten_event(true).try_init()
        } else {
            logs.with_ansi(colours).try_init()
        };
        // Fails only if logging was already started in this process, as in tests.
        drop(installed);
    }
}

/// Validates a log filter for the process `name`. Rejects a filter that logs nothing of this process, unless it says `off`.
fn parse_filter(text: &str, name: &str) -> Result<String, String> {
    // The parser panics at some non-ASCII names. Module names are ASCII.
    if !text.is_ascii() {
        return Err("is not a log filter (it is not ASCII)".to_owned());
    }
    EnvFilter::try_new(text).map_err(|e| format!("is not a log filter ({e})"))?;
    let is_level = |directive: &str| directive.parse::<LevelFilter>().is_ok();
    let names_module = |directive: &str, name: &str| {
        let rest = directive.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', ':', '[']))
    };
    let directives = || {
        text.split(',')
            .map(str::trim)
            .filter(|directive| !directive.is_empty())
    };
    // The parser reads an unknown level as the name of a module, and then silences all others.
    let ours = ["worker", "gateway", "shared"];
    let is_unknown =
        |directive: &&str| !directive.contains(['=', '[', ']', '{', '}']) && !is_level(directive);
    let mut unknown = directives().filter(is_unknown);
    if let Some(directive) =
        unknown.find(|directive| !ours.iter().any(|name| names_module(directive, name)))
    {
        return Err(format!(
            "is not a log filter: \"{directive}\" is not a level (error, warn, info, debug, trace, off); \
             a module is written MODULE=LEVEL, such as info,{name}=debug"
        ));
    }
    if !directives().any(|directive| is_level(directive) || names_module(directive, name)) {
        return Err(format!(
            "would log nothing of this process: begin it with a level, such as info,{text}"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_error_is_logged_once_a_minute() {
        let mut error = RepeatedError::default();
        assert!(!error.end());
        assert!(error.is_due("refused") && !error.is_due("refused"));
        assert!(error.is_due("closed") && error.is_due("refused"));
        let a_minute_ago = Instant::now().checked_sub(REPEAT_INTERVAL).unwrap();
        error.0 = Some(("refused".to_owned(), a_minute_ago));
        assert!(error.is_due("refused") && error.end() && !error.end());
        assert!(error.is_due("refused"));
    }

    #[test]
    fn an_invalid_filter_is_rejected_without_a_panic() {
        for bad in ["[[=", "warn,\u{c}wate w\u{fffd}\u{fffd}=", "gateway=loud"] {
            assert!(parse_filter(bad, "gateway").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_filter_that_would_silence_the_process_is_rejected() {
        for good in [
            "warn",
            "WARN",
            "off",
            "3",
            "warn,gateway=debug",
            "info,hyper=debug",
            "worker",
            "worker::publish=debug",
            "info,worker::publish",
            "info,[span]=debug",
        ] {
            assert!(parse_filter(good, "worker").is_ok(), "{good}");
        }
        for (bad, expected) in [
            ("warning", "\"warning\" is not a level (error, warn,"),
            ("verbose", "\"verbose\" is not a level"),
            ("info,warning", "\"warning\" is not a level"),
            ("workers", "\"workers\" is not a level"),
            ("hyper=debug", "such as info,hyper=debug"),
            ("gateway=debug", "such as info,gateway=debug"),
            (",", "would log nothing of this process"),
        ] {
            let error = parse_filter(bad, "worker").unwrap_err();
            assert!(error.contains(expected), "{bad}: {error}");
        }
    }
}
