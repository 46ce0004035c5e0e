//! Documents repeat the facts of the code: variables and their defaults. SQL and names of keys are in one place each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::process::binary_path;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The variables of both processes with their defaults, as the real `--help` prints them.
fn variables() -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for binary in ["worker", "gateway"] {
        let help = Command::new(binary_path(binary).unwrap())
            .arg("--help")
            .output()
            .unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let (_, table) = help
            .split_once("Environment:\n")
            .expect("a table of variables");
        for line in table.lines() {
            let name = line.split_whitespace().next().unwrap();
            let (_, default) = line.rsplit_once('[').expect("a default");
            let default = default
                .trim_end_matches(']')
                .trim_start_matches("default: ");
            let default = if matches!(default, "empty" | "required") {
                ""
            } else {
                default
            };
            variables.insert(name.to_owned(), default.to_owned());
        }
    }
    variables
}

/// The lines of `.env.example` that set a variable.
fn example() -> BTreeMap<String, String> {
    let example = read(".env.example");
    let lines = example
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let set = lines.map(|line| line.split_once('=').expect("NAME=value"));
    set.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn env_example_has_every_variable_with_its_default() {
    let mut expected = variables();
    // Not every loader reads a value with blanks: it is empty in the file, and a comment gives the default.
    for (name, default) in expected
        .iter_mut()
        .filter(|(_, default)| default.contains(' '))
    {
        assert!(
            read(".env.example").contains(default.as_str()),
            "{name}: {default}"
        );
        default.clear();
    }
    assert_eq!(example(), expected);
}

/// A shell, systemd, Compose and `docker run --env-file` read each line alike: nothing is quoted, expanded or split.
#[test]
fn env_example_reads_the_same_in_every_loader() {
    for (name, value) in example() {
        let is_safe = |char: char| char.is_ascii_alphanumeric() || ":/.,_-+%@{}*".contains(char);
        assert!(value.chars().all(is_safe), "{name}={value}");
    }
    let shell = Command::new("sh")
        .args(["-c", "set -a; . ./.env.example; exec env"])
        .current_dir(root())
        .env_clear()
        .output()
        .unwrap();
    assert!(shell.status.success() && shell.stderr.is_empty());
    let shell = String::from_utf8(shell.stdout).unwrap();
    let loaded: BTreeMap<_, _> = shell
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    for (name, value) in example() {
        assert_eq!(loaded.get(name.as_str()), Some(&value.as_str()), "{name}");
    }
    // Only the required variables are missing.
    let output = Command::new(binary_path("worker").unwrap())
        .env_clear()
        .envs(example())
        .output();
    let error = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(error.contains("MYSQL_USER is not set"), "{error}");
    assert_eq!(error.matches("\n  ").count(), 2, "{error}");
}

#[test]
fn the_readme_lists_every_variable_with_its_default() {
    let readme = read("README.md");
    let (_, section) = readme.split_once("## Configuration").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut listed = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let names = cells[0].split('`').skip(1).step_by(2);
        // One default may stand for all variables of a row.
        let defaults: Vec<&str> = cells[1].split(", ").collect();
        for (name, default) in names.zip(defaults.iter().cycle()) {
            let default = default.trim_matches('`').trim_end_matches(" (off)");
            let is_none = matches!(default, "empty" | "required");
            let default = if is_none { "" } else { default };
            listed.insert(name.to_owned(), default.to_owned());
        }
    }
    assert_eq!(listed, variables());
}

#[test]
fn sql_and_key_names_are_in_one_place_each() {
    for path in sources(&root()) {
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let path = path.to_str().unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let sql = line.contains("\"SELECT ")
                || line.contains(" FROM visitor_count")
                || line.contains(" FROM loan");
            assert!(
                !sql || path.contains("worker/src/mysql/"),
                "SQL in {path}: {line}"
            );
            let key = line.contains("\"visitors:")
                || line.contains("\"books:")
                || line.contains("\"snapshots\"");
            let allowed = path.ends_with("shared/src/keys.rs") || path.ends_with("health.rs");
            assert!(!key || allowed, "a key in {path}: {line}");
            let clock = ["NOW(", "CURDATE(", "_TIMESTAMP(", "SYSDATE(", "time_zone"];
            let clock = clock.iter().any(|word| line.contains(word));
            let allowed = path.ends_with("mysql/inspect/clock.rs");
            assert!(!clock || allowed, "the database's clock in {path}: {line}");
        }
    }
}

fn sources(root: &Path) -> Vec<PathBuf> {
    let mut folders = ["shared/src", "worker/src", "gateway/src"]
        .map(|folder| root.join(folder))
        .to_vec();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 40, "the sources are found");
    files
}
