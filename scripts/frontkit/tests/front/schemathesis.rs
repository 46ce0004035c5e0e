//! Schemathesis asks a gateway whatever its document allows, and much that it does not, and holds each answer against it.

use anyhow::{Context as _, Result, ensure};
use frontkit::figures::TODAY;
use frontkit::gateway::Gateway;
use frontkit::harness::Test;
use frontkit::packages;
use frontkit::tools::Tool;
use frontkit::worker::{LONG, Worker};
use serde_json::{Value, json};
use std::fs;
use std::process::Output;
use tempfile::TempDir;
use testkit::server::{shared_redis, unique};
use tokio::process::Command;

/// All its ways and all its checks, the same in each run. A request is answered at once, but for one that waits for a count;
/// the rest of the time is for a machine that is busy.
const HOW: [&str; 10] = [
    "--checks=all",
    "--phases=examples,coverage,fuzzing,stateful",
    "--seed=1",
    "--request-timeout=20",
    "--suppress-health-check=all",
    "--continue-on-failure",
    "--warnings=off",
    "--no-color",
    // A GET of it never ends; the tests of the gateway and of the client read it.
    "--exclude-operation-id=getTodayStream",
    "--generation-database=none",
];

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Python];
        it_finds_nothing_while_figures_are_missing,
        it_finds_nothing_when_all_is_there,
        it_finds_a_document_that_is_wrong,
    ]
}

async fn start(variables: &[(&'static str, &str)]) -> Result<(Gateway, Worker)> {
    let (url, prefix) = (shared_redis().await.url(), unique("front"));
    let worker = Worker::on(&url, &prefix).await?;
    Ok((Gateway::start(&url, &prefix, variables).await?, worker))
}

/// Runs it on a document. From a file: what it loads from the gateway it leaves out.
async fn run(gateway: &Gateway, document: &Value, more: &[&str]) -> Result<Output> {
    // It writes there what it did, too.
    let folder = TempDir::new().context("making a folder")?;
    let file = folder.path().join("document.json");
    fs::write(&file, document.to_string()).context("writing the document")?;
    let mut schemathesis = Command::new(packages::python_program("schemathesis")?);
    schemathesis.args(["run", "document.json", "--url", &gateway.url("")]);
    schemathesis.args(HOW).args(more).current_dir(folder.path());
    let output = schemathesis.kill_on_drop(true).output().await;
    output.context("running schemathesis")
}

async fn finds_nothing(gateway: &Gateway, more: &[&str]) -> Result<()> {
    let document = gateway.get("/docs/json").await.json();
    let paths = document["paths"].as_object().context("it has paths")?;
    let output = run(gateway, &document, more).await?;
    let told = String::from_utf8_lossy(&output.stdout);
    // Three ways to ask each path, less the one that is left out.
    let tested = format!("Tested: {}\n", 3 * paths.len() - 1);
    ensure!(output.status.success() && told.contains(&tested), "{told}");
    Ok(())
}

async fn it_finds_nothing_while_figures_are_missing() -> Result<()> {
    let (gateway, _worker) = start(&[("CORS_ORIGINS", "*"), ("ACCESS_LOG", "true")]).await?;
    // Few: each that asks for the count of today waits for one.
    finds_nothing(&gateway, &["--max-examples=2"]).await
}

async fn it_finds_nothing_when_all_is_there() -> Result<()> {
    let (gateway, worker) = start(&[]).await?;
    worker.store_all().await?;
    worker.count(1234, TODAY, LONG).await?;
    finds_nothing(&gateway, &["--max-examples=25"]).await
}

/// So that finding nothing means something.
async fn it_finds_a_document_that_is_wrong() -> Result<()> {
    let (gateway, worker) = start(&[]).await?;
    worker.store_all().await?;
    let document = gateway.get("/docs/json").await.json();
    let weekly = [
        "--include-operation-id=getWeeklyVisitors",
        "--max-examples=1",
    ];
    let wrong: [(&str, Value); 4] = [
        ("/components/schemas/WeeklyVisitors/maxItems", json!(6)),
        (
            "/components/schemas/DayTotal/properties/total/type",
            json!("string"),
        ),
        ("/components/headers/Age/schema/maximum", json!(-1)),
        (
            "/paths/~1api~1visitors~1weekly/get/responses",
            json!({ "202": { "description": "" } }),
        ),
    ];
    for (pointer, value) in wrong {
        let mut document = document.clone();
        let (parent, name) = pointer.rsplit_once('/').context("a path")?;
        let parent = document.pointer_mut(parent).context("it is there")?;
        parent[name] = value;
        let output = run(&gateway, &document, &weekly).await?;
        let told = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.code() == Some(1), "{pointer}: {told}");
    }
    Ok(())
}
