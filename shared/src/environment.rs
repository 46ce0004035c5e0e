//! Configuration comes from the environment alone, by the list of [`Variable`]s that a process reads.

use crate::file;
use crate::variable::Variable;
use std::fmt;
use std::ops::RangeInclusive;

/// Exit status for a configuration that cannot be used (`EX_USAGE` of sysexits).
pub const EXIT_BAD_CONFIGURATION: u8 = 64;

type Lookup<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

/// Reads variables and gathers every complaint, so that an operator sees all of them at once.
pub struct Environment<'a> {
    variables: &'a [Variable],
    lookup: Lookup<'a>,
    complaints: Vec<String>,
}

impl<'a> Environment<'a> {
    /// Reads the environment of this process.
    pub fn of_process(variables: &'a [Variable]) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the environment"
        )]
        let read = |name: &str| std::env::var_os(name).map(|v| v.to_string_lossy().into_owned());
        Self::of(variables, read)
    }

    /// Reads from `lookup` instead.
    pub fn of(variables: &'a [Variable], lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self {
            variables,
            lookup: Box::new(lookup),
            complaints: Vec::new(),
        }
    }

    /// The text of a variable or its default; a complaint when it is required and not there, or its file is no good.
    pub fn text(&mut self, name: &str) -> String {
        let variable = self.variable(name);
        let set = match variable.file {
            Some(file) if self.is_set(file) => self.in_file(variable, file),
            _ => self.set(name),
        };
        match (set, variable.default) {
            (Some(text), _) => text,
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                let help = variable.help;
                self.complain(format!("{name} is not set: {help}"));
                String::new()
            }
        }
    }

    /// What is in the file that the variable `file` names; after a complaint `None`.
    fn in_file(&mut self, variable: Variable, file: &str) -> Option<String> {
        let (name, path) = (variable.name, self.set(file)?);
        let found = match file::read_secret(&path) {
            _ if self.is_set(name) => Err(format!("{name} and {file} are both set: unset one")),
            Err(wrong) => Err(format!("{file}={path} {wrong}")),
            // Who may be without a value may say so by a file.
            Ok(text) if text.is_empty() && variable.default != Some("") => {
                Err(format!("{file}={path} is empty: write {name} into it"))
            }
            Ok(text) => Ok(text),
        };
        found.map_err(|complaint| self.complain(complaint)).ok()
    }

    /// The variable through `parse`, whose error says what would be right. Falls back to the default after a complaint.
    pub fn parse<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let text = self.text(name);
        parse(&text).unwrap_or_else(|wanted| {
            let variable = self.variable(name);
            let shown = if variable.secret {
                String::new()
            } else {
                format!("={text}")
            };
            self.complain(format!("{name}{shown} {wanted}"));
            let default = variable
                .default
                .expect("only variables with a default are parsed");
            parse(default)
                .unwrap_or_else(|wanted| panic!("the default of {name} must parse: it {wanted}"))
        })
    }

    /// A whole number within `range`.
    pub fn number(&mut self, name: &str, range: RangeInclusive<u64>) -> u64 {
        self.parse(name, |text| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            let (low, high) = (range.start(), range.end());
            number.ok_or_else(|| format!("is not a whole number from {low} to {high}"))
        })
    }

    /// A TCP port.
    pub fn port(&mut self, name: &str) -> u16 {
        self.parse(name, |text| {
            text.parse()
                .map_err(|_| "is not a port, 0 to 65535".to_owned())
        })
    }

    /// true/false, 1/0, yes/no, on/off.
    pub fn flag(&mut self, name: &str) -> bool {
        self.parse(name, |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err("is not one of true, false, 1, 0, yes, no, on, off".to_owned()),
        })
    }

    /// One of `choices`, each a name and what it stands for.
    pub fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        self.parse(name, |text| {
            let found = choices.iter().find(|(choice, _)| *choice == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                let names: Vec<_> = choices
                    .iter()
                    .map(|(choice, _)| *choice)
                    .filter(|choice| !choice.is_empty())
                    .collect();
                format!("is not one of {}", names.join(", "))
            })
        })
    }

    /// Adds a complaint, such as of two variables that do not go together.
    pub fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    /// Whether a variable is set, even one that no longer means anything.
    pub fn is_set(&self, name: &str) -> bool {
        self.set(name).is_some()
    }

    /// `value` when there was no complaint.
    ///
    /// # Errors
    /// Every complaint, a line each.
    pub fn finish<T>(self, value: T) -> Result<T, BadConfiguration> {
        if self.complaints.is_empty() {
            Ok(value)
        } else {
            Err(BadConfiguration(self.complaints))
        }
    }

    fn set(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|text| !text.is_empty())
    }

    fn variable(&self, name: &str) -> Variable {
        let found = self.variables.iter().find(|variable| variable.name == name);
        *found.unwrap_or_else(|| panic!("{name} is not in the list of variables"))
    }
}

/// Every variable that is missing or wrong.
#[derive(Debug)]
pub struct BadConfiguration(Vec<String>);

impl fmt::Display for BadConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        for complaint in &self.0 {
            write!(f, "\n  {complaint}")?;
        }
        f.write_str("\n--help explains every variable")
    }
}

impl std::error::Error for BadConfiguration {}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLES: [Variable; 5] = [
        Variable::required("USER_NAME", "the account").or_file("USER_NAME_FILE"),
        Variable::optional("TOKEN", "", "a secret")
            .secret()
            .or_file("TOKEN_FILE"),
        Variable::optional("LIMIT", "10", "how many"),
        Variable::optional("ENABLE", "true", "whether"),
        Variable::optional("MODE", "slow", "how"),
    ];

    fn read(pairs: &[(&str, &str)]) -> Result<(String, u64, bool, char), BadConfiguration> {
        let lookup = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let mut environment = Environment::of(&VARIABLES, lookup);
        let values = (
            environment.text("USER_NAME"),
            environment.number("LIMIT", 1..=100),
            environment.flag("ENABLE"),
            environment.choice("MODE", &[("slow", 's'), ("fast", 'f')]),
        );
        environment.parse("TOKEN", |text| match text {
            "hunter2" => Err("is not good".to_owned()),
            _ => Ok(()),
        });
        environment.finish(values)
    }

    #[test]
    fn an_empty_optional_variable_means_its_default() {
        let values = read(&[
            ("USER_NAME", "u"),
            ("LIMIT", ""),
            ("ENABLE", ""),
            ("MODE", ""),
        ])
        .unwrap();
        assert_eq!(values, ("u".to_owned(), 10, true, 's'));
    }

    #[test]
    fn flags_take_all_spellings() {
        for (text, value) in [
            ("0", false),
            ("No", false),
            ("off", false),
            ("1", true),
            ("yes", true),
        ] {
            assert_eq!(
                read(&[("USER_NAME", "u"), ("ENABLE", text)]).unwrap().2,
                value
            );
        }
    }

    #[test]
    fn every_bad_variable_is_named_at_once_and_no_secret() {
        let bad = [
            ("USER_NAME", ""),
            ("LIMIT", "101"),
            ("ENABLE", "ja"),
            ("MODE", "x"),
            ("TOKEN", "hunter2"),
        ];
        let text = read(&bad).unwrap_err().to_string();
        for name in [
            "USER_NAME is not set",
            "LIMIT=101",
            "ENABLE=ja",
            "MODE=x",
            "TOKEN is not good",
        ] {
            assert!(text.contains(name), "{text}");
        }
        assert!(!text.contains("hunter2"));
    }

    /// A file with this in it, and its path.
    fn file(content: &str) -> (tempfile::NamedTempFile, String) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, content).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        (file, path)
    }

    #[test]
    fn a_value_may_be_in_a_file() {
        let (_name, name) = file("u\n");
        let (_none, none) = file("");
        let values = read(&[("USER_NAME_FILE", &name), ("TOKEN_FILE", &none)]);
        assert_eq!(values.unwrap().0, "u");
        let (_bad, bad) = file("hunter2\n");
        let text = read(&[("USER_NAME_FILE", &name), ("TOKEN_FILE", &bad)]);
        let text = text.unwrap_err().to_string();
        assert!(
            text.contains("TOKEN is not good") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn every_bad_file_is_named_at_once_and_no_content() {
        let (_none, none) = file("\n");
        let (_both, both) = file("hunter2");
        let bad = [
            ("USER_NAME_FILE", none.as_str()),
            ("TOKEN", "hunter2"),
            ("TOKEN_FILE", &both),
            ("LIMIT", "101"),
        ];
        let text = read(&bad).unwrap_err().to_string();
        for told in [
            &format!("USER_NAME_FILE={none} is empty: write USER_NAME into it"),
            "TOKEN and TOKEN_FILE are both set",
            "LIMIT=101",
        ] {
            assert!(text.contains(told), "{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        let text = read(&[("USER_NAME", "u"), ("TOKEN_FILE", "/nowhere/token")]);
        let text = text.unwrap_err().to_string();
        let told = "TOKEN_FILE=/nowhere/token cannot be read (No such file";
        assert!(text.contains(told), "{text}");
    }
}
