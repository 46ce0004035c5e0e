//! An environment variable as data. It is declared where it is read; `--help` and the checks of `.env.example` follow
//! from that declaration.

use std::fmt::Write as _;

/// One environment variable that a process reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// `MYSQL_HOST`.
    pub name: &'static str,
    /// The value when it is unset or empty; `None` when it must be set.
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
            default: Some(default),
            ..Self::required(name, help)
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

    /// The same variable, its value never shown.
    pub const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    /// The same variable, whose value may be in the file that the variable `name` names, as containers get secrets.
    pub const fn or_file(self, name: &'static str) -> Self {
        Self {
            file: Some(name),
            ..self
        }
    }
}

/// The table of variables for `--help`. Names and defaults, never values.
pub fn help(variables: &[Variable]) -> String {
    let mut rows = Vec::new();
    for variable in variables {
        let name = variable.name;
        let default = match variable.default {
            None => "required".to_owned(),
            Some("") => "default: empty".to_owned(),
            Some(default) => format!("default: {default}"),
        };
        rows.push((name, format!("{} [{default}]", variable.help)));
        if let Some(file) = variable.file {
            let help = format!("a file that holds {name}, in its place [default: empty]");
            rows.push((file, help));
        }
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::from("Environment:\n");
    for (name, help) in rows {
        let _ = writeln!(text, "  {name:width$}  {help}");
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
