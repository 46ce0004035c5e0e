//! Describes environment variables. A variable is declared where it is read; `--help` and the checks of `.env.example`
//! use that declaration.

use std::fmt::Write as _;

/// One environment variable that a process reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The name, such as `MYSQL_HOST`.
    pub name: &'static str,
    /// The value if the variable is unset or empty; `None` if it must be set.
    pub default: Option<&'static str>,
    /// One line of help: meaning, unit, choices.
    pub help: &'static str,
    /// Whether the value must never be shown.
    pub secret: bool,
    /// The variable that may name a file with the value instead, such as `MYSQL_PASSWORD_FILE`.
    pub file: Option<&'static str>,
}

impl Variable {
    /// Declares a variable with a default.
    pub const fn optional(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self {
            default: Some(default),
            ..Self::required(name, help)
        }
    }

    /// Declares a variable that must be set.
    pub const fn required(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            default: None,
            help,
            secret: false,
            file: None,
        }
    }

    /// Marks the value as a secret that is never shown.
    pub const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    /// Allows the value to be in a file, whose path is in the variable `name`, as containers provide secrets.
    pub const fn or_file(self, name: &'static str) -> Self {
        Self {
            file: Some(name),
            ..self
        }
    }
}

/// Renders the table of variables for `--help`: names, help and defaults, never values.
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
            let help =
                format!("path of a file that contains {name}, instead of {name} [default: empty]");
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
    fn help_lists_the_file_variable() {
        let help = help(&[Variable::optional("TOKEN", "", "a secret").or_file("TOKEN_FILE")]);
        let line = "TOKEN_FILE  path of a file that contains TOKEN,";
        assert!(help.contains(line), "{help}");
    }
}
