//! A process lists its variables as data; reading them, `--help` and the checks of `.env.example` all follow from that list.

use std::fmt::Write as _;

/// One environment variable that a process reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// `MYSQL_HOST`.
    pub name: &'static str,
    /// What holds when it is unset or empty; `None` when it must be set.
    pub default: Option<&'static str>,
    /// One line for people: what it does, its unit, its choices.
    pub help: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// The variable that may name a file with the value instead.
    pub file: Option<&'static str>,
}

impl Variable {
    /// A variable that has a default.
    pub const fn optional(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self {
            name,
            default: Some(default),
            help,
            secret: false,
            file: None,
        }
    }

    /// A variable that must be set.
    pub const fn required(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            default: None,
            help,
            secret: false,
            file: None,
        }
    }

    /// The same, its value never shown.
    pub const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    /// The same, its value maybe in a file that the variable `name` names, as containers are given their secrets.
    pub const fn or_file(self, name: &'static str) -> Self {
        Self {
            file: Some(name),
            ..self
        }
    }
}

/// The variables that both processes read.
pub const SHARED: [Variable; 5] = [
    Variable::optional(
        "REDIS_URL",
        "redis://127.0.0.1:6379",
        "Redis 6.2 or later; also rediss://, redis-cluster://HOST:6379, redis-sentinel://HOST:26379/0?sentinelServiceName=NAME (of several, the others as ?node=HOST:PORT)",
    )
    .secret()
    .or_file("REDIS_URL_FILE"),
    Variable::optional(
        "REDIS_TLS_CA",
        "",
        "a PEM file with the authorities that rediss:// believes; empty: those of the system",
    ),
    Variable::optional(
        "REDIS_KEY_PREFIX",
        "",
        "stands in front of every key and channel, so that libraries can share a Redis",
    ),
    Variable::optional(
        "LOG_FORMAT",
        "",
        "text or json; empty: text on a terminal, else json",
    ),
    Variable::optional(
        "RUST_LOG",
        "info",
        "how much is logged: error, warn, info, debug, or per module",
    ),
];

/// The table of variables for `--help`. Names and defaults, never values.
pub fn help(variables: &[Variable]) -> String {
    let names = variables
        .iter()
        .flat_map(|variable| [variable.file, Some(variable.name)]);
    let width = names.flatten().map(str::len).max().unwrap_or(0);
    let mut text = String::from("Environment:\n");
    for Variable {
        name,
        default,
        help,
        file,
        ..
    } in variables
    {
        let default = match default {
            None => "required".to_owned(),
            Some("") => "default: empty".to_owned(),
            Some(default) => format!("default: {default}"),
        };
        let _ = writeln!(text, "  {name:width$}  {help} [{default}]");
        if let Some(file) = file {
            let help = format!("a file that holds {name}, in its place");
            let _ = writeln!(text, "  {file:width$}  {help} [default: empty]");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_tells_of_the_file() {
        let help = help(&[Variable::optional("TOKEN", "", "a secret").or_file("TOKEN_FILE")]);
        let line = "TOKEN_FILE  a file that holds TOKEN,";
        assert!(help.contains(line), "{help}");
    }
}
