//! What lies below the root of the project, and programs that look at it.

use anyhow::{Context as _, Result, ensure};
use frontkit::packages;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Reads a YAML file as a list of its documents.
const TO_JSON: &str =
    "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("reading {path}"))
}

/// What a program says on both outputs.
///
/// # Errors
/// When it fails, and what it says then.
pub(crate) fn run(
    program: impl AsRef<OsStr>,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<String> {
    let name = program.as_ref().display().to_string();
    let mut command = Command::new(program.as_ref());
    command.args(arguments).current_dir(root());
    let output = command.envs(environment.iter().copied()).output();
    let output = output.with_context(|| format!("running {name}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(output.status.success(), "{name}: {said}");
    Ok(said)
}

/// A program of Python's packages, below the root of the project.
pub(crate) fn python(name: &str, arguments: &[&str]) -> Result<String> {
    run(packages::python_program(name)?, arguments, &[])
}

/// The documents of a YAML file.
pub(crate) fn yaml(path: &str) -> Result<Vec<Value>> {
    let json = python("python", &["-c", TO_JSON, path])?;
    serde_json::from_str(&json).context("documents")
}

/// A file of one test.
pub(crate) fn file(folder: &TempDir, name: &str, text: &str) -> Result<String> {
    let path = folder.path().join(name);
    fs::write(&path, text).with_context(|| format!("writing {name}"))?;
    Ok(path.display().to_string())
}
