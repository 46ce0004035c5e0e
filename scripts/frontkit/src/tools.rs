//! What tests need beside this workspace, and whether it is here.

use crate::packages;
use anyhow::Result;
use std::path::PathBuf;
use testkit::process::installed_or_unpacked;
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
    /// What renders resources of Kubernetes.
    Kubectl,
    /// What judges units of systemd.
    Systemd,
}

impl Tool {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::Chromium,
        Self::Node,
        Self::Python,
        Self::Kubectl,
        Self::Systemd,
    ];

    /// Its name in `scripts/install`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Node => "node",
            Self::Python => "python",
            Self::Kubectl => "kubernetes-client",
            Self::Systemd => "systemd",
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
            Self::Kubectl => drop(kubectl()?),
            Self::Systemd => drop(systemd_analyze()?),
        }
        Ok(())
    }
}

/// Where kubectl is.
///
/// # Errors
/// When it is neither installed nor unpacked.
pub fn kubectl() -> Result<PathBuf> {
    installed_or_unpacked("/usr/bin/kubectl", "kubernetes-client")
}

/// Where systemd-analyze is.
///
/// # Errors
/// When it is not installed.
pub fn systemd_analyze() -> Result<String> {
    program("systemd-analyze", "systemd")
}
