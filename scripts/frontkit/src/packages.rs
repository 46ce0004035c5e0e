//! The packages of `package.json`, which `scripts/install node` puts below the target folder.

use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// Below the target folder.
const FOLDER: &str = "frontkit";
/// Says which packages the folder holds; written when all of them are there.
const INSTALLED: &str = "installed.json";
const LOCK: &str = include_str!("../package-lock.json");

/// Where they are: the folder that holds `node_modules`.
///
/// # Errors
/// When they have not been installed, or are those of another lock.
pub fn folder() -> Result<PathBuf> {
    let me = std::env::current_exe().context("finding the running program")?;
    let mut folders = me.ancestors().map(|folder| folder.join(FOLDER));
    let found = folders.find(|folder| is_current(folder));
    found.context("the packages of package-lock.json are not installed")
}

/// A file of a package, such as `axe-core/axe.min.js`, as text.
///
/// # Errors
/// When it is not there.
pub fn text(path: &str) -> Result<String> {
    let path = folder()?.join("node_modules").join(path);
    let text = fs::read_to_string(&path);
    let text = text.with_context(|| format!("reading {}", path.display()))?;
    ensure!(!text.is_empty(), "{} is empty", path.display());
    Ok(text)
}

fn is_current(folder: &Path) -> bool {
    fs::read_to_string(folder.join(INSTALLED)).is_ok_and(|lock| lock == LOCK)
}
