//! deploy/README.md tells of every file how it was tried.

use crate::files::{read, root};
use anyhow::{Context as _, Result, ensure};
use frontkit::harness::Test;
use std::fs;
use std::path::Path;

/// The last is for what nobody installs.
const WAYS: [&str; 3] = ["run by ", "validated by ", "made by "];

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[]; each_file_is_in_it, each_test_that_it_names_is_there]
}

/// Below deploy/, without what whoever installs writes there.
fn files(folder: &Path, below: &str, found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().display().to_string();
        if entry.file_type()?.is_file() {
            found.push(format!("{below}{name}"));
        } else if !matches!(name.as_str(), "certificates" | "secrets") {
            files(&entry.path(), &format!("{below}{name}/"), found)?;
        }
    }
    Ok(())
}

/// The rows of the table, each in its columns.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let rows = document.lines().filter(|line| line.starts_with("| "));
    rows.map(|row| row.split('|').map(str::trim).collect())
        .collect()
}

async fn each_file_is_in_it() -> Result<()> {
    let document = read("deploy/README.md")?;
    ensure!(document.lines().count() <= 60, "it is short");
    let mut found = Vec::new();
    files(&root().join("deploy"), "", &mut found)?;
    ensure!(found.len() > 15, "{found:?}");
    let rows = rows(&document);
    for file in found.iter().filter(|file| !file.ends_with(".md")) {
        let link = format!("({file})");
        let row = rows.iter().find(|row| row[1].contains(&link));
        let how = row.with_context(|| format!("{file} is not in the table"))?[3];
        let mut ways = WAYS.iter();
        ensure!(ways.any(|way| how.starts_with(way)), "{file}: {how}");
    }
    Ok(())
}

/// A test that is renamed or gone would leave a file without one.
async fn each_test_that_it_names_is_there() -> Result<()> {
    let document = read("deploy/README.md")?;
    let mut names = 0;
    for name in document.split('`').skip(1).step_by(2) {
        let is_test = name.ends_with(".rs") || name.starts_with("scripts/");
        if is_test {
            ensure!(root().join(name).exists(), "there is no {name}");
            names += 1;
        }
    }
    ensure!(names > 5, "{names}");
    Ok(())
}
