//! `deploy/container`, which is validated by hadolint.

use crate::files::{file, python, read, root};
use anyhow::{Result, ensure};
use frontkit::harness::Test;
use frontkit::tools::Tool;
use tempfile::TempDir;

const CONTAINERFILE: &str = "deploy/container/Containerfile";

pub(crate) fn tests() -> Vec<Test> {
    let mut tests =
        frontkit::tests![&[Tool::Python]; hadolint_finds_nothing, hadolint_finds_what_is_wrong];
    tests.extend(
        frontkit::tests![&[]; it_copies_what_is_there, it_runs_as_nobody_and_is_asked_how_it_is],
    );
    tests
}

async fn hadolint_finds_nothing() -> Result<()> {
    let said = python("hadolint", &[CONTAINERFILE])?;
    ensure!(said.is_empty(), "{said}");
    Ok(())
}

async fn hadolint_finds_what_is_wrong() -> Result<()> {
    let folder = TempDir::new()?;
    let wrong = read(CONTAINERFILE)?.replace("WORKDIR /source", "WORKDIR source");
    let path = file(&folder, "Containerfile", &wrong)?;
    ensure!(python("hadolint", &[&path]).is_err(), "a relative WORKDIR");
    Ok(())
}

async fn it_copies_what_is_there() -> Result<()> {
    let text = read(CONTAINERFILE)?;
    for line in text.lines().filter_map(|line| line.strip_prefix("RUN ")) {
        let program = line.split(' ').next().unwrap_or_default();
        ensure!(root().join(program).is_file(), "{program} is not there");
    }
    for of in ["worker", "gateway"] {
        ensure!(text.contains(&format!("FROM base AS {of}\n")), "{of}");
        ensure!(text.contains(&format!("COPY --from=build /out/{of} /bin/{of}\n")));
    }
    let kept_out = read(".dockerignore")?;
    for secret in [
        ".env",
        "deploy/compose/secrets",
        "deploy/compose/certificates",
    ] {
        ensure!(kept_out.lines().any(|line| line == secret), "{secret}");
    }
    Ok(())
}

async fn it_runs_as_nobody_and_is_asked_how_it_is() -> Result<()> {
    let text = read(CONTAINERFILE)?;
    ensure!(text.contains("\nFROM scratch AS base\n") && text.contains("\nUSER 10001:10001\n"));
    let asked = text.lines().filter(|line| line.starts_with("HEALTHCHECK "));
    ensure!(asked.filter(|line| line.ends_with(", \"probe\"]")).count() == 2);
    Ok(())
}
