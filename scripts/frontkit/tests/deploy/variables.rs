//! Which variables each process has, as it says itself.

use crate::files::run;
use anyhow::{Context as _, Result, bail, ensure};
use frontkit::harness::Test;
use testkit::process::binary_path;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Worker,
    Gateway,
}

impl Binary {
    pub(crate) const ALL: [Self; 2] = [Self::Worker, Self::Gateway];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Gateway => "gateway",
        }
    }

    pub(crate) fn of(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|binary| binary.name() == name);
        found.with_context(|| format!("there is no binary {name}"))
    }
}

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[]; each_has_its_own]
}

/// By its `--help`.
pub(crate) fn of(binary: Binary) -> Result<Vec<String>> {
    let help = run(binary_path(binary.name())?, &["--help"], &[])?;
    let Some((_, table)) = help.split_once("Environment:\n") else {
        bail!("it tells of no variables: {help}");
    };
    let names = table
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    Ok(names.map(str::to_owned).collect())
}

async fn each_has_its_own() -> Result<()> {
    let [worker, gateway] = [of(Binary::Worker)?, of(Binary::Gateway)?];
    let has = |list: &[String], name: &str| list.iter().any(|own| own == name);
    ensure!(has(&worker, "MYSQL_HOST") && !has(&gateway, "MYSQL_HOST"));
    ensure!(has(&gateway, "TRUSTED_PROXIES") && !has(&worker, "TRUSTED_PROXIES"));
    Ok(())
}
