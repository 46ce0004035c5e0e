//! What tests need beside this workspace, and whether it is here.

use crate::packages;
use anyhow::Result;
use testkit::server::program;

/// One of them, as `scripts/install` knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// A browser and its driver.
    Chromium,
    /// Node.js, and the packages of `package.json`.
    Node,
    /// Python, and the packages of `requirements.txt`.
    Python,
}

impl Tool {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Node, Self::Python];

    /// Its name in `scripts/install`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Node => "node",
            Self::Python => "python",
        }
    }

    /// Looks for it.
    ///
    /// # Errors
    /// What is missing.
    pub fn find(self) -> Result<()> {
        match self {
            Self::Chromium => {
                program("chromium", "chromium")?;
                program("chromedriver", "chromium-driver")?;
            }
            Self::Node => {
                program("node", "nodejs")?;
                packages::folder()?;
            }
            Self::Python => drop(packages::python_program("python")?),
        }
        Ok(())
    }
}
