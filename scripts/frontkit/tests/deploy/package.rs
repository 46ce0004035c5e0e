//! The Debian package, as far as it can be judged without a build: `scripts/package` makes it, and tries it.

use crate::files::{root, run};
use anyhow::{Context as _, Result, ensure};
use frontkit::harness::Test;
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[]; what_is_to_be_in_it_is_there, it_has_all_examples]
}

/// What cargo-deb is told.
fn told() -> Result<Value> {
    let arguments = [
        "metadata",
        "--no-deps",
        "--format-version=1",
        "--locked",
        "--offline",
    ];
    let metadata: Value = serde_json::from_str(&run("cargo", &arguments, &[])?)?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let worker = packages.iter().find(|package| package["name"] == "worker");
    Ok(worker.context("the worker")?["metadata"]["deb"].clone())
}

/// The files of this project in it, below its root; a star stands for all of a folder.
fn sources(told: &Value) -> Result<Vec<&str>> {
    let assets = told["assets"].as_array().context("assets")?.iter();
    let sources = assets.filter_map(|asset| asset[0].as_str()?.strip_prefix("../"));
    Ok(sources.collect())
}

async fn what_is_to_be_in_it_is_there() -> Result<()> {
    let told = told()?;
    let sources = sources(&told)?;
    ensure!(sources.len() > 5, "{sources:?}");
    for source in sources {
        let path = root().join(source.trim_end_matches("/*"));
        ensure!(
            path.exists() && path.is_dir() == source.ends_with("/*"),
            "{source}"
        );
    }
    let units = told["systemd-units"].as_array().context("units")?;
    for unit in units {
        let name = unit["unit-name"].as_str().context("a name")?;
        let path = root().join(format!("deploy/systemd/{name}.service"));
        ensure!(path.is_file() && unit["start"] == false, "{name}");
    }
    ensure!(units.len() == 2);
    Ok(())
}

async fn it_has_all_examples() -> Result<()> {
    let told = told()?;
    let sources = sources(&told)?;
    for folder in ["balancers", "grafana", "prometheus", "rights"] {
        let wanted = format!("deploy/{folder}/*");
        ensure!(sources.contains(&wanted.as_str()), "{wanted}");
    }
    Ok(())
}
