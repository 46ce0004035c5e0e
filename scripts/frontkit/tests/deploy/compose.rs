//! `deploy/compose`, which is validated by the schema of the Compose specification.

use crate::files::{file, python, read, root, yaml};
use crate::variables::{self, Binary};
use anyhow::{Context as _, Result, ensure};
use frontkit::harness::Test;
use frontkit::tools::Tool;
use serde_json::Value;
use tempfile::TempDir;

const COMPOSE: &str = "deploy/compose/compose.yml";
const SCHEMA: [&str; 2] = ["--builtin-schema", "vendor.compose-spec"];
/// Written by whoever installs; never kept here.
const THEIRS: [&str; 2] = ["./certificates/", "./secrets/"];

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Python];
        it_is_of_the_schema,
        the_schema_finds_what_is_wrong,
        each_variable_is_one_of_the_process,
        each_file_is_there_or_theirs,
    ]
}

fn service() -> Result<Value> {
    yaml(COMPOSE)?.pop().context("it is one document")
}

async fn it_is_of_the_schema() -> Result<()> {
    python("check-jsonschema", &[SCHEMA[0], SCHEMA[1], COMPOSE]).map(drop)
}

async fn the_schema_finds_what_is_wrong() -> Result<()> {
    let folder = TempDir::new()?;
    let wrong = read(COMPOSE)?.replace("read_only: true", "readonly: true");
    let path = file(&folder, "compose.yml", &wrong)?;
    let found = python("check-jsonschema", &[SCHEMA[0], SCHEMA[1], &path]);
    ensure!(found.is_err(), "an unknown key");
    Ok(())
}

async fn each_variable_is_one_of_the_process() -> Result<()> {
    let compose = service()?;
    let services = compose["services"].as_object().context("services")?;
    let mut seen = 0;
    for (name, service) in services {
        let Some(target) = service["build"]["target"].as_str() else {
            continue;
        };
        let known = variables::of(Binary::of(target)?)?;
        let environment = service["environment"].as_object().context("variables")?;
        for variable in environment.keys() {
            ensure!(known.contains(variable), "{name}: {variable}");
        }
        ensure!(
            service["read_only"] == true && service["cap_drop"][0] == "ALL",
            "{name}"
        );
        seen += 1;
    }
    ensure!(seen == 4, "two workers and two gateways, not {seen}");
    Ok(())
}

async fn each_file_is_there_or_theirs() -> Result<()> {
    let compose = service()?;
    let folder = root().join("deploy/compose");
    let mut files = Vec::new();
    for service in compose["services"]
        .as_object()
        .context("services")?
        .values()
    {
        let build = &service["build"];
        if let (Some(context), Some(file)) =
            (build["context"].as_str(), build["dockerfile"].as_str())
        {
            files.push(format!("{context}/{file}"));
        }
        let volumes = service["volumes"].as_array().into_iter().flatten();
        let volumes = volumes.filter_map(|volume| volume.as_str()?.split(':').next());
        files.extend(
            volumes
                .filter(|volume| volume.starts_with('.'))
                .map(str::to_owned),
        );
    }
    for secret in compose["secrets"].as_object().context("secrets")?.values() {
        files.push(secret["file"].as_str().context("a file")?.to_owned());
    }
    ensure!(files.len() >= 7, "{files:?}");
    for file in files {
        let theirs = THEIRS.iter().any(|theirs| file.starts_with(theirs));
        ensure!(theirs != folder.join(&file).is_file(), "{file}");
    }
    Ok(())
}
