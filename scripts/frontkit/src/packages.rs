//! The packages of `package.json` and of `requirements.txt`, which `scripts/install node` and `scripts/install python` put
//! below the target folder.

use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// Packages below the target folder.
struct Packages {
    folder: &'static str,
    /// Says which packages the folder holds; written when all of them are there.
    installed: &'static str,
    wanted: &'static str,
    /// Where that is written.
    list: &'static str,
}

const NODE: Packages = Packages {
    folder: "frontkit",
    installed: "installed.json",
    wanted: include_str!("../package-lock.json"),
    list: "package-lock.json",
};
const PYTHON: Packages = Packages {
    folder: "frontkit-python",
    installed: "installed.txt",
    wanted: include_str!("../requirements.txt"),
    list: "requirements.txt",
};

/// The folder that holds `node_modules`.
///
/// # Errors
/// When they have not been installed, or are those of another lock.
pub fn folder() -> Result<PathBuf> {
    NODE.folder()
}

/// A program of Python's packages, such as `schemathesis`.
///
/// # Errors
/// When they have not been installed, or are those of another list.
pub fn python_program(name: &str) -> Result<PathBuf> {
    Ok(PYTHON.folder()?.join("bin").join(name))
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

impl Packages {
    fn folder(&self) -> Result<PathBuf> {
        let me = std::env::current_exe().context("finding the running program")?;
        let mut folders = me.ancestors().map(|folder| folder.join(self.folder));
        let found = folders.find(|folder| self.are_in(folder));
        found.with_context(|| format!("the packages of {} are not installed", self.list))
    }

    fn are_in(&self, folder: &Path) -> bool {
        let installed = fs::read_to_string(folder.join(self.installed));
        installed.is_ok_and(|installed| installed == self.wanted)
    }
}
