//! A client in TypeScript, whose types are made of the gateway's document: it compiles under `strict`, and reads everything.

use anyhow::{Context as _, Result, ensure};
use frontkit::figures::{self, TODAY};
use frontkit::gateway::Gateway;
use frontkit::harness::Test;
use frontkit::packages;
use frontkit::tools::Tool;
use frontkit::worker::{LONG, Worker};
use serde_json::{Value, json};
use shared::catalog::{Group, Snapshot};
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use testkit::server::{program, shared_redis, unique};
use tokio::process::Command;
use tokio::time::sleep;

/// Written by hand.
const CLIENT: [(&str, &str); 4] = [
    ("client.ts", include_str!("../../client/client.ts")),
    ("wrong.ts", include_str!("../../client/wrong.ts")),
    ("tsconfig.json", include_str!("../../client/tsconfig.json")),
    ("package.json", include_str!("../../client/package.json")),
];
/// From count to count: as the worker's.
const PACE: Duration = Duration::from_secs(1);

pub(crate) fn tests() -> Vec<Test> {
    frontkit::tests![&[Tool::Node]; a_client_made_of_the_document_compiles_and_reads_everything]
}

async fn a_client_made_of_the_document_compiles_and_reads_everything() -> Result<()> {
    let (url, prefix) = (shared_redis().await.url(), unique("front"));
    let worker = Worker::on(&url, &prefix).await?;
    let gateway = Gateway::start(&url, &prefix, &[]).await?;
    let client = compile(&gateway).await?;

    let cold = read(&gateway, client.path(), &[]).await?;
    for (path, told) in cold["figures"].as_object().context("figures")? {
        ensure!(*told == json!(5), "{path}: {told}");
    }
    ensure!(cold["others"]["/health"] == "missing", "{cold}");

    worker.store_all().await?;
    worker.count(1234, TODAY, LONG).await?;
    let warm = async {
        let told = read(&gateway, client.path(), &["stream"]).await;
        told.context("reading what is there")
    };
    let warm = tokio::select! {
        warm = warm => warm?,
        ended = change(&worker) => match ended? {},
    };
    check_figures(&warm["figures"])?;
    check_others(&gateway, &warm).await?;
    let stream = &warm["stream"];
    ensure!(stream["init"] == 1234, "{stream}");
    ensure!(stream["update"] == TODAY.to_string(), "{stream}");
    let changed = stream["snapshot"].as_str().unwrap_or_default();
    ensure!(
        Snapshot::ALL.map(Snapshot::path).contains(&changed),
        "{stream}"
    );
    Ok(())
}

/// A worker at work.
async fn change(worker: &Worker) -> Result<Infallible> {
    loop {
        // Seldom, so that the client still finds what it was told of.
        let weekly = figures::data(Snapshot::Weekly)?;
        worker.store(Snapshot::Weekly, weekly).await?;
        for _ in 0..8 {
            sleep(PACE).await;
            worker.count(1234, TODAY, LONG).await?;
        }
    }
}

/// The types made of the document, the client beside them, and both compiled.
async fn compile(gateway: &Gateway) -> Result<TempDir> {
    let packages = packages::folder()?;
    // Where it finds the packages.
    let client = TempDir::with_prefix_in("client-", &packages).context("making a folder")?;
    for (name, text) in CLIENT {
        fs::write(client.path().join(name), text).with_context(|| format!("writing {name}"))?;
    }
    let document = gateway.url("/docs/json");
    let made = [
        "openapi-typescript/bin/cli.js",
        &document,
        "--output",
        "schema.d.ts",
    ];
    node(client.path(), &packages, &made).await?;
    node(
        client.path(),
        &packages,
        &["typescript/bin/tsc", "--project", "."],
    )
    .await?;
    Ok(client)
}

async fn read(gateway: &Gateway, client: &Path, wishes: &[&str]) -> Result<Value> {
    let mut node = Command::new(program("node", "nodejs")?);
    node.arg("out/client.js").arg(gateway.url("")).args(wishes);
    let told = output(node.current_dir(client)).await?;
    serde_json::from_str(&told).with_context(|| format!("it told {told}"))
}

/// Runs a program of the packages.
async fn node(folder: &Path, packages: &Path, program_and_arguments: &[&str]) -> Result<()> {
    let (script, arguments) = program_and_arguments.split_first().context("a program")?;
    let mut node = Command::new(program("node", "nodejs")?);
    node.arg(packages.join("node_modules").join(script));
    let ran = output(node.args(arguments).current_dir(folder)).await;
    ran.map(drop).with_context(|| format!("running {script}"))
}

async fn output(command: &mut Command) -> Result<String> {
    let output = command.kill_on_drop(true).output().await?;
    let told = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{told}{errors}");
    Ok(told)
}

fn check_figures(figures: &Value) -> Result<()> {
    for snapshot in Snapshot::ALL {
        let (path, told) = (snapshot.path(), &figures[snapshot.path()]);
        let period = json!(figures::period(snapshot));
        ensure!(told["data"] == figures::data(snapshot)?, "{path}: {told}");
        ensure!(told["period"] == period, "{path}: {told}");
        ensure!(
            told["ttl_seconds"] == figures::TTL_SECONDS,
            "{path}: {told}"
        );
        let summary = &figures[snapshot.group().summary_path()];
        ensure!(
            summary["data"][snapshot.field()] == told["data"],
            "{path}: {summary}"
        );
    }
    ensure!(figures["/api/visitors/today"]["total"] == 1234, "{figures}");
    let summary = &figures[Group::Visitors.summary_path()];
    ensure!(summary["data"]["today"]["total"] == 1234, "{summary}");
    Ok(())
}

/// That nothing in the document was left out, that all else was there, and what the client made of the figures.
async fn check_others(gateway: &Gateway, told: &Value) -> Result<()> {
    let document = gateway.get("/docs/json").await.json();
    let stream = "/api/visitors/today/stream";
    for path in document["paths"].as_object().context("paths")?.keys() {
        let read = [&told["figures"], &told["others"]].map(|read| &read[path]);
        let is_there = read.iter().any(|read| !read.is_null());
        ensure!(is_there || path == stream, "{path} was not read");
    }
    let others = told["others"].as_object().context("others")?;
    ensure!(
        !others.values().any(|other| *other == json!(false)),
        "{others:?}"
    );
    ensure!(
        others["/livez"] == "alive" && others["/readyz"] == "ready",
        "{others:?}"
    );
    ensure!(others["/health"] == "fresh", "{others:?}");
    let busiest = figures::days(TODAY).into_iter().max_by_key(|day| day.total);
    ensure!(
        told["busiest"] == serde_json::to_value(busiest)?,
        "{}",
        told["busiest"]
    );
    ensure!(told["unchanged"] == 304, "{}", told["unchanged"]);
    Ok(())
}
