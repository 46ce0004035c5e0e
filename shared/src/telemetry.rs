//! Logs: text for people at a terminal, JSON for machines. The subscriber is the one global of the process.
//!
//! Only what is written by `tracing` arrives. What the clients of Redis and TLS write by `log`, which at `trace` might be
//! frames with passwords in them, does not: the feature `tracing-log` is left out for that.

use crate::environment::Environment;
use crate::variable::Variable;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
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
            "how much is logged: error, warn, info, debug, trace or off; of single modules: info,worker::lease=debug",
        );
        Self {
            json: environment.choice(format, &[("", auto), ("text", false), ("json", true)]),
            asked: environment.is_set("RUST_LOG"),
            filter: environment.parse(filter, |text| parse_filter(text, name)),
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

/// Checks a filter for the process `name`. One that would silence this process without saying `off` is an error.
fn parse_filter(text: &str, name: &str) -> Result<String, String> {
    // Names of modules are ASCII; the parser panics at some that are not.
    if !text.is_ascii() {
        return Err("is not a log filter (it is not ASCII)".to_owned());
    }
    EnvFilter::try_new(text).map_err(|e| format!("is not a log filter ({e})"))?;
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let is_of = |word: &str, name: &str| {
        let rest = word.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', ':', '[']))
    };
    let words = || {
        text.split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
    };
    // The parser takes a word that is no level for the name of a module, and then logs nothing of the others.
    let ours = ["worker", "gateway", "shared"];
    let stray = |word: &&str| !word.contains(['=', '[', ']', '{', '}']) && !is_level(word);
    let mut strays = words().filter(stray);
    if let Some(word) = strays.find(|word| !ours.iter().any(|name| is_of(word, name))) {
        return Err(format!(
            "is not a log filter: \"{word}\" is not a level (error, warn, info, debug, trace, off); \
             a module is written MODULE=LEVEL, such as info,{name}=debug"
        ));
    }
    if !words().any(|word| is_level(word) || is_of(word, name)) {
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
    fn a_filter_that_cannot_be_read_is_refused_and_never_a_panic() {
        for bad in ["[[=", "warn,\u{c}wate w\u{fffd}\u{fffd}=", "gateway=loud"] {
            assert!(parse_filter(bad, "gateway").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_filter_that_would_silence_the_process_is_refused() {
        for good in [
            "warn",
            "WARN",
            "off",
            "3",
            "warn,gateway=debug",
            "info,hyper=debug",
            "worker",
            "worker::lease=debug",
            "info,worker::lease",
            "info,[span]=debug",
        ] {
            assert!(parse_filter(good, "worker").is_ok(), "{good}");
        }
        for (bad, told) in [
            ("warning", "\"warning\" is not a level (error, warn,"),
            ("verbose", "\"verbose\" is not a level"),
            ("info,warning", "\"warning\" is not a level"),
            ("workers", "\"workers\" is not a level"),
            ("hyper=debug", "such as info,hyper=debug"),
            ("gateway=debug", "such as info,gateway=debug"),
            (",", "would log nothing of this process"),
        ] {
            let error = parse_filter(bad, "worker").unwrap_err();
            assert!(error.contains(told), "{bad}: {error}");
        }
    }
}
