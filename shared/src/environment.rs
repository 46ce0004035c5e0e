//! Reads the configuration from environment variables. A variable is declared where it is read, as a [`Variable`].

use crate::file;
use crate::variable::Variable;
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::iter;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The exit status for an invalid configuration (`EX_USAGE` of sysexits).
pub const EXIT_BAD_CONFIGURATION: u8 = 64;

type Lookup<'a> = Box<dyn Fn(&str) -> Option<OsString> + 'a>;

/// Reads variables and collects every error, so that an operator sees all of them at once.
pub struct Environment<'a> {
    lookup: Lookup<'a>,
    declared: Vec<Variable>,
    errors: Vec<String>,
}

impl<'a> Environment<'a> {
    /// Reads the environment of this process.
    pub fn of_process() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the environment"
        )]
        Self::with_lookup(|name| std::env::var_os(name))
    }

    /// Reads from `lookup` instead of the environment, for tests.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self::with_lookup(move |name| lookup(name).map(OsString::from))
    }

    fn with_lookup(lookup: impl Fn(&str) -> Option<OsString> + 'a) -> Self {
        Self {
            lookup: Box::new(lookup),
            declared: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Returns the variables that `read` reads, in that order.
    pub fn declared_by<T>(read: impl FnOnce(&mut Environment<'_>) -> T) -> Vec<Variable> {
        let mut environment = Environment::with_lookup(|_| None);
        read(&mut environment);
        environment.declared
    }

    /// The text of a variable or its default. Records an error if it is malformed, or required and missing.
    pub fn text(&mut self, variable: Variable) -> String {
        self.declared.push(variable);
        let Variable { name, help, .. } = variable;
        let text = match self.find(variable) {
            Ok(None) if variable.default.is_none() => Err(format!("{name} is not set: {help}")),
            found => found,
        };
        let text = text.unwrap_or_else(|error| {
            self.complain(error);
            None
        });
        text.unwrap_or_else(|| variable.default.unwrap_or_default().to_owned())
    }

    /// The value of a variable or the content of its file; `None` if neither is set.
    fn find(&self, variable: Variable) -> Result<Option<String>, String> {
        let Variable { name, default, .. } = variable;
        let value = self.value_of(name, variable.secret)?;
        let Some(file) = variable.file else {
            return Ok(value);
        };
        let Some(path) = self.value_of(file, false)? else {
            return Ok(value);
        };
        if value.is_some() {
            return Err(format!("{name} and {file} are both set: unset one"));
        }
        let text = file::read_secret(&path).and_then(|text| match malformed(&text) {
            Some(error) => Err(error),
            None if text.is_empty() && default != Some("") => {
                Err(format!("is empty: write {name} into it"))
            }
            None => Ok(text),
        });
        text.map(Some)
            .map_err(|error| format!("{file}={path} {error}"))
    }

    /// The value of the variable `name`; `None` if it is unset or empty.
    fn value_of(&self, name: &str, secret: bool) -> Result<Option<String>, String> {
        let Some(value) = (self.lookup)(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let text = value
            .into_string()
            .map_err(|_| format!("{name} is not UTF-8: write it in that encoding"))?;
        match malformed(&text) {
            Some(error) => Err(format!("{name}{} {error}", displayed(&text, secret))),
            None => Ok(Some(text)),
        }
    }

    /// Parses the variable with `parse`, whose error completes the sentence `NAME=VALUE ...`. Records the error and
    /// falls back to the default.
    pub fn parse<T>(&mut self, variable: Variable, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let text = self.text(variable);
        let Variable { name, secret, .. } = variable;
        parse(&text).unwrap_or_else(|error| {
            self.complain(format!("{name}{} {error}", displayed(&text, secret)));
            let default = variable.default.unwrap_or_default();
            parse(default)
                .unwrap_or_else(|error| panic!("the default of {name} must parse: it {error}"))
        })
    }

    /// A whole number within `range`.
    pub fn number<T>(&mut self, variable: Variable, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display,
    {
        let (low, high) = (range.start(), range.end());
        self.parse(variable, |text| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| format!("is not a whole number from {low} to {high}"))
        })
    }

    /// A TCP port.
    pub fn port(&mut self, variable: Variable) -> u16 {
        self.parse(variable, |text| {
            text.parse()
                .map_err(|_| "is not a port, 0 to 65535".to_owned())
        })
    }

    /// A boolean: true/false, 1/0, yes/no, on/off.
    pub fn flag(&mut self, variable: Variable) -> bool {
        const CHOICES: [(&str, bool); 8] = [
            ("true", true),
            ("false", false),
            ("1", true),
            ("0", false),
            ("yes", true),
            ("no", false),
            ("on", true),
            ("off", false),
        ];
        self.choice(variable, &CHOICES)
    }

    /// One of `choices`, given as pairs of a name and a value. Names are case-insensitive.
    pub fn choice<T: Copy>(&mut self, variable: Variable, choices: &[(&str, T)]) -> T {
        self.parse(variable, |text| {
            let mut named = choices.iter();
            let found = named.find(|(name, _)| name.eq_ignore_ascii_case(text));
            found.map(|(_, value)| *value).ok_or_else(|| {
                let names = choices.iter().map(|(name, _)| *name);
                let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
                format!("is not one of {}", names.join(", "))
            })
        })
    }

    /// Records an error, for example if two variables contradict each other.
    pub fn complain(&mut self, error: String) {
        self.errors.push(error);
    }

    /// Whether a variable is set and not empty.
    pub fn is_set(&self, name: &str) -> bool {
        (self.lookup)(name).is_some_and(|value| !value.is_empty())
    }

    /// Returns `value` if there was no error.
    ///
    /// # Errors
    /// All recorded errors, one per line.
    pub fn finish<T>(self, value: T) -> Result<T, BadConfiguration> {
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(BadConfiguration(self.errors))
        }
    }
}

/// `=VALUE` for an error, with control characters escaped; empty for a secret.
fn displayed(text: &str, secret: bool) -> String {
    let escaped = text.chars().flat_map(|char| match char {
        '"' | '\'' | '\\' => vec![char],
        char => char.escape_debug().collect(),
    });
    match secret {
        true => String::new(),
        false => iter::once('=').chain(escaped).collect(),
    }
}

/// Finds what an editor or a loader of `.env` files has left in a value, and says how to fix it.
fn malformed(text: &str) -> Option<String> {
    let quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if text.contains('\u{feff}') {
        Some("contains a byte order mark: save it as UTF-8 without one".to_owned())
    } else if text.ends_with('\r') {
        Some("ends with a carriage return (\\r): save it with Unix line endings".to_owned())
    } else if let Some(control) = text.chars().find(|char| char.is_control()) {
        let control = control.escape_debug();
        Some(format!(
            "contains a control character ({control}): remove it"
        ))
    } else if text.trim() != text {
        Some("begins or ends with white space: remove it".to_owned())
    } else if quoted('"') || quoted('\'') {
        Some(
            "is in quotes: remove them (a shell, systemd and Compose strip them, \
             docker run --env-file keeps them)"
                .to_owned(),
        )
    } else {
        None
    }
}

/// The errors of all variables that are missing or invalid.
#[derive(Debug)]
pub struct BadConfiguration(Vec<String>);

impl Display for BadConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is invalid:")?;
        for error in &self.0 {
            write!(f, "\n  {error}")?;
        }
        f.write_str("\n--help explains every variable")
    }
}

impl std::error::Error for BadConfiguration {}

#[cfg(test)]
mod tests {
    use super::*;

    type Values = (String, u64, bool, char);

    fn values(environment: &mut Environment<'_>) -> Values {
        let token = Variable::optional("TOKEN", "", "a secret").secret();
        environment.parse(token.or_file("TOKEN_FILE"), |text| match text {
            "hunter2" => Err("is not good".to_owned()),
            _ => Ok(()),
        });
        let name = Variable::required("USER_NAME", "the account").or_file("USER_NAME_FILE");
        let limit = Variable::optional("LIMIT", "10", "how many");
        let mode = Variable::optional("MODE", "slow", "how");
        (
            environment.text(name),
            environment.number(limit, 1..=100),
            environment.flag(Variable::optional("ENABLE", "true", "whether")),
            environment.choice(mode, &[("slow", 's'), ("fast", 'f')]),
        )
    }

    fn read_os(pairs: &[(&str, OsString)]) -> Result<Values, BadConfiguration> {
        let mut environment = Environment::with_lookup(|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.clone())
        });
        let values = values(&mut environment);
        environment.finish(values)
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Values, BadConfiguration> {
        let pairs = pairs.iter().map(|(name, value)| (*name, value.into()));
        read_os(&pairs.collect::<Vec<_>>())
    }

    #[test]
    fn reading_declares_the_variables() {
        let names: Vec<_> = Environment::declared_by(values)
            .iter()
            .map(|variable| variable.name)
            .collect();
        assert_eq!(names, ["TOKEN", "USER_NAME", "LIMIT", "ENABLE", "MODE"]);
    }

    #[test]
    fn an_empty_optional_variable_has_its_default() {
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
    fn choices_are_case_insensitive() {
        for (text, value) in [("fast", 'f'), ("FAST", 'f'), ("Slow", 's')] {
            let values = read(&[("USER_NAME", "u"), ("MODE", text)]).unwrap();
            assert_eq!(values.3, value, "{text}");
        }
    }

    /// What an editor or a loader of `.env` files may leave in a value, and the error that must name it.
    const MALFORMED: [(&str, &str); 12] = [
        ("hunter2\r", "ends with a carriage return"),
        ("\r", "ends with a carriage return"),
        ("hunter2 ", "begins or ends with white space"),
        (" hunter2", "begins or ends with white space"),
        ("\u{a0}hunter2", "begins or ends with white space"),
        (" ", "begins or ends with white space"),
        ("hunt\ter2", "control character (\\t)"),
        ("hunter2\nand more", "control character (\\n)"),
        ("\u{1b}[31mhunter2", "control character (\\u{1b})"),
        ("\u{feff}hunter2", "byte order mark"),
        ("\"hunter2\"", "in quotes"),
        ("'hunter2'", "in quotes"),
    ];

    #[test]
    fn malformed_values_are_rejected_by_name() {
        for (value, expected) in MALFORMED {
            for name in ["USER_NAME", "TOKEN", "LIMIT", "MODE", "TOKEN_FILE"] {
                let mut pairs = vec![("USER_NAME", "u"), (name, value)];
                pairs.rotate_right(1);
                let text = read(&pairs).unwrap_err().to_string();
                let line = text.lines().find(|line| line.contains(name));
                let line = line.unwrap_or_else(|| panic!("{name}: {text}"));
                assert!(line.contains(expected), "{name}: {line}");
                let raw = |char: char| char.is_control() || char == '\u{feff}';
                assert!(!line.contains(raw), "{line:?}");
                assert_eq!(text.lines().count(), 3, "one line each: {text}");
                assert!(name != "TOKEN" || !text.contains("hunter"), "{text}");
            }
        }
    }

    #[test]
    fn malformed_files_are_rejected_without_showing_their_content() {
        for (value, expected) in MALFORMED {
            // The line end of a file is not part of the value.
            if value.ends_with('\r') {
                continue;
            }
            let (_file, path) = file(value);
            for name in ["USER_NAME_FILE", "TOKEN_FILE"] {
                let mut pairs = vec![("USER_NAME", "u"), (name, path.as_str())];
                pairs.retain(|(known, _)| *known != "USER_NAME" || name != "USER_NAME_FILE");
                let text = read(&pairs).unwrap_err().to_string();
                assert!(text.contains(&format!("{name}={path} ")), "{text}");
                assert!(
                    text.contains(expected) && !text.contains("hunter"),
                    "{text}"
                );
                assert_eq!(text.lines().count(), 3, "one line each: {text}");
            }
        }
    }

    #[test]
    fn odd_characters_inside_a_value_are_kept() {
        for value in [
            "a b",
            "it's",
            "\"a",
            "a\"b\"c",
            "käse 図書館",
            "100%",
            "\\r",
            "#",
        ] {
            let (_file, path) = file(value);
            let direct = read(&[("USER_NAME", value)]).unwrap();
            let by_file = read(&[("USER_NAME_FILE", &path)]).unwrap();
            assert_eq!((direct.0.as_str(), by_file.0.as_str()), (value, value));
        }
    }

    #[test]
    fn values_that_are_not_utf_8_are_rejected_by_name() {
        use std::os::unix::ffi::OsStringExt as _;
        for name in ["USER_NAME", "TOKEN", "TOKEN_FILE", "LIMIT"] {
            let bad = OsString::from_vec(b"hunter2\xe9".to_vec());
            let text = read_os(&[(name, bad), ("USER_NAME", "u".into())]);
            let text = text.unwrap_err().to_string();
            assert!(text.contains(&format!("{name} is not UTF-8")), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn flags_accept_all_spellings() {
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
    fn all_bad_variables_are_reported_at_once_without_secrets() {
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

    /// Creates a file with `content`; returns it and its path.
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
    fn all_bad_files_are_reported_at_once_without_content() {
        let (_none, none) = file("\n");
        let (_both, both) = file("hunter2");
        let bad = [
            ("USER_NAME_FILE", none.as_str()),
            ("TOKEN", "hunter2"),
            ("TOKEN_FILE", &both),
            ("LIMIT", "101"),
        ];
        let text = read(&bad).unwrap_err().to_string();
        for expected in [
            &format!("USER_NAME_FILE={none} is empty: write USER_NAME into it"),
            "TOKEN and TOKEN_FILE are both set",
            "LIMIT=101",
        ] {
            assert!(text.contains(expected), "{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        let text = read(&[("USER_NAME", "u"), ("TOKEN_FILE", "/nowhere/token")]);
        let text = text.unwrap_err().to_string();
        let expected = "TOKEN_FILE=/nowhere/token cannot be read (No such file";
        assert!(text.contains(expected), "{text}");
    }
}
